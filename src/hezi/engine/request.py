"""What a caller asks for when a program is to run in a box: docker's run options in a neutral form.

The command line, the Python API and later the REST front end all fill this in. Values that have a syntax of their own
(``-v``, ``--mount``, ``--ulimit``, ``--device`` ...) stay text here; the parsers next to this module read them, so that
every front end accepts the same and refuses the same with the same words.
"""

from __future__ import annotations

from hezi._util.record import NamedTuple


class RunRequest(NamedTuple):
    """Everything that ``run`` can be told. Each default means "not given"; ``None`` and ``""`` may differ.

    Lists keep the order in which they were given. Names are those of docker's long options.
    """

    image: str
    command: tuple[str, ...] = ()
    # the process
    entrypoint: str | None = None  # "" resets the image's, which None leaves alone
    env: tuple[str, ...] = ()  # "K=V", or "K" for the caller's value
    env_file: tuple[str, ...] = ()  # paths of the caller
    workdir: str | None = None
    user: str | None = None  # name|uid[:group|gid]
    group_add: tuple[str, ...] = ()
    interactive: bool = False
    tty: bool = False
    init: bool | None = None
    stop_signal: str | None = None
    ulimit: tuple[str, ...] = ()  # type=soft[:hard]
    oom_score_adj: int | None = None
    detach_keys: str | None = None
    sig_proxy: bool = True
    # the container
    name: str | None = None
    remove: bool = False
    hostname: str | None = None
    domainname: str | None = None
    label: tuple[str, ...] = ()
    label_file: tuple[str, ...] = ()
    annotation: tuple[str, ...] = ()
    cidfile: str | None = None
    detach: bool = False  # nobody is attached from the start
    # how it goes on
    restart: str | None = None  # no | on-failure[:most] | always | unless-stopped
    health_cmd: str | None = None
    health_interval: int = 0  # nanoseconds, as all of them; 0 is the image's value, or docker's default
    health_timeout: int = 0
    health_retries: int = 0
    health_start_period: int = 0
    health_start_interval: int = 0
    no_healthcheck: bool = False
    log_driver: str | None = None
    log_opt: tuple[str, ...] = ()  # key=value
    attach: tuple[str, ...] = ()  # stdin, stdout, stderr; () for those that the other options mean
    stop_timeout: int | None = None  # seconds until SIGKILL; -1 is never
    # files
    read_only: bool = False
    volume: tuple[str, ...] = ()  # -v [SOURCE:]DESTINATION[:OPTIONS]
    mount: tuple[str, ...] = ()  # --mount type=...,source=...,target=...
    tmpfs: tuple[str, ...] = ()  # DESTINATION[:OPTIONS]
    volumes_from: tuple[str, ...] = ()  # CONTAINER[:ro|rw]
    inherited: tuple[str, ...] = ()  # what volumes_from came to, by the engine: parse_volume.dump()
    volume_driver: str | None = None
    shm_size: str | None = None
    device: tuple[str, ...] = ()  # HOST[:CONTAINER[:rwm]]
    # what it may do
    privileged: bool = False
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    sysctl: tuple[str, ...] = ()  # name=value
    pids_limit: int | None = None  # -1 or 0: unlimited
    # what it may use up; 0 asks for nothing
    cpus: int | None = None  # billionths
    cpu_shares: int | None = None
    cpu_period: int | None = None  # microseconds
    cpu_quota: int | None = None  # microseconds in each period, -1: unlimited
    cpu_rt_period: int | None = None
    cpu_rt_runtime: int | None = None
    cpuset_cpus: str | None = None  # 0-3,8
    cpuset_mems: str | None = None
    memory: int | None = None  # bytes
    memory_swap: int | None = None  # bytes, memory and swap together; -1: unlimited
    memory_reservation: int | None = None  # bytes
    memory_swappiness: int | None = None  # 0 to 100, -1: the host's
    oom_kill_disable: bool = False
    blkio_weight: int | None = None  # 10 to 1000
    blkio_weight_device: tuple[str, ...] = ()  # /dev/sda:100
    device_read_bps: tuple[str, ...] = ()  # /dev/sda:1mb
    device_write_bps: tuple[str, ...] = ()
    device_read_iops: tuple[str, ...] = ()  # /dev/sda:1000
    device_write_iops: tuple[str, ...] = ()
    device_cgroup_rule: tuple[str, ...] = ()  # c 1:3 rwm
    # the network
    networks: tuple[str, ...] = ()  # those after the first --network
    plugged: tuple[str, ...] | None = None  # all of them, once `network connect` or `disconnect` has changed something
    hostname_of: str = ""  # of the container whose network it has, by the engine
    network_alias: tuple[str, ...] = ()
    ip: str | None = None
    ip6: str | None = None
    link_local_ip: tuple[str, ...] = ()
    mac_address: str | None = None
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_option: tuple[str, ...] = ()
    add_host: tuple[str, ...] = ()  # NAME:IP
    link: tuple[str, ...] = ()  # CONTAINER[:ALIAS]
    publish: tuple[str, ...] = ()  # [[IP:]HOST:]CONTAINER[/PROTOCOL]
    publish_all: bool = False
    expose: tuple[str, ...] = ()  # PORT[/PROTOCOL]
    # namespaces; None is the default of each
    network: str | None = None  # none, host, container:NAME, or what parse_network reads
    pid: str | None = None
    ipc: str | None = None
    uts: str | None = None
    userns: str | None = None
    cgroupns: str | None = None
    cgroup_parent: str | None = None
    cgroup_manager: str | None = None  # auto, cgroupfs or systemd
    # the image
    platform: str | None = None
    pull: str = "missing"  # always | missing | never
    quiet: bool = False  # no pull output
