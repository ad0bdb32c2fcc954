"""``hezi run``: the table of its options, and the way from them to a running program."""

from __future__ import annotations

from hezi.front.cli import refusals as why
from hezi.front.cli import values
from hezi.front.cli.option import Option, Verb, refused, same

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.request import RunRequest
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session


def _plan_form(text: str) -> str:
    if text not in {"text", "json"}:
        message = 'must be "text" or "json"'
        raise ValueError(message)
    return text


_PROCESS = (
    Option("entrypoint", help="Program to start instead of the image's ENTRYPOINT"),
    Option(
        "env",
        "list",
        "Set an environment variable (NAME=value, or NAME to pass on your own)",
        short="e",
        check=values.env,
    ),
    Option("env-file", "list", "Read environment variables from a file"),
    Option("group-add", "list", "Additional groups of the process"),
    Option("init", "bool", "Run a small PID 1 that forwards signals and reaps orphans"),
    Option("interactive", "bool", "Keep standard input open", short="i"),
    Option("oom-score-adj", "int", "How readily the kernel kills it when memory is short (-1000 to 1000)"),
    Option("stop-signal", help="Signal that asks the program to stop"),
    Option("tty", "bool", "Give the program a terminal", short="t"),
    Option("ulimit", "ulimit", "Resource limit of the process (type=soft[:hard])"),
    Option("user", help="User name or id, with an optional group (name|uid[:group|gid])", short="u"),
    Option("workdir", help="Working directory inside the container", short="w"),
)
_CONTAINER = (
    Option("annotation", "map", "Add an annotation (key=value), passed on in the OCI configuration"),
    Option("cidfile", help="Write the container's id to a file, which must not exist"),
    Option("attach", "list", "Attach to stdin, stdout or stderr only", short="a", check=values.stream),
    Option("detach", "bool", "Run in the background and print the container's id", short="d"),
    Option("detach-keys", help='Keys that leave a terminal (default "ctrl-p,ctrl-q")'),
    Option("domainname", help="NIS domain name"),
    Option("hostname", help="Host name", short="h"),
    Option("label", "list", "Set a label (key=value)", short="l", check=values.label),
    Option("label-file", "list", "Read labels from a file"),
    Option("name", help="Name of the container"),
    Option(
        "plan",
        "string",
        "Print the operations that would be executed, and start nothing (text|json)",
        check=_plan_form,
        bare="text",
        choices=("text", "json"),
    ),
    Option("platform", help="Platform of the image (os/arch[/variant])"),
    Option(
        "pull", help='When to pull the image ("always", "missing", "never")', choices=("always", "missing", "never")
    ),
    Option("quiet", "bool", "Say nothing about the pull", short="q"),
    Option("rm", "bool", "Remove the container when the program has ended"),
    Option("sig-proxy", "bool", "Pass signals on to the program (default true)"),
    Option("stop-timeout", "int", "Seconds between the stop signal and SIGKILL (-1 for never)"),
)
_LIFE = (
    Option("health-cmd", help="Command that tells whether it is well"),
    Option("health-interval", "duration", "Time between two checks (default 30s)"),
    Option("health-retries", "int", "Failures in a row until it is unhealthy (default 3)"),
    Option("health-start-interval", "duration", "Time between two checks in the start period (default 5s)"),
    Option("health-start-period", "duration", "Time to get started in, in which failures do not count"),
    Option("health-timeout", "duration", "Time that a check may take (default 30s)"),
    Option("no-healthcheck", "bool", "Check nothing, whatever the image says"),
    Option("log-driver", help="Where the output goes (json-file|local|journald|none)"),
    Option("log-opt", "list", "Option of the log driver (max-size=10m, max-file=3, ...)"),
    Option("restart", help="Start it again when it has ended (no|on-failure[:TRIES]|always|unless-stopped)"),
)
_FILES = (
    Option("device", "list", "Add a device of the host (HOST[:CONTAINER[:rwm]])"),
    Option("mount", "mount", "Mount something (type=bind|volume|tmpfs|image,source=...,target=...)"),
    Option("read-only", "bool", "Make the root file system read-only"),
    Option("shm-size", "bytes", "Size of /dev/shm"),
    Option("tmpfs", "list", "Mount a tmpfs (DIRECTORY[:OPTIONS])"),
    Option("volume-driver", help="Driver of volumes that are made (local is the only one)"),
    Option("volumes-from", "list", "Mount what another container has mounted (CONTAINER[:ro|rw])"),
    Option("volume", "list", "Mount a directory of the host or a volume ([SOURCE:]DIRECTORY[:OPTIONS])", short="v"),
)
_RIGHTS = (
    Option("cap-add", "list", "Add a capability"),
    Option("cap-drop", "list", "Drop a capability"),
    Option("cgroup-parent", help="Control group to make the container's own in"),
    Option("cgroupns", help="Control group namespace (host|private)", choices=("host", "private")),
    Option("ipc", help="IPC namespace (private|none|host)"),
    Option("pid", help="PID namespace (host)", choices=("host",)),
    Option("pids-limit", "int", "Most processes (-1 for no limit; default 2048)"),
    Option("privileged", "bool", "Give all capabilities and devices"),
    Option(
        "security-opt", "list", "no-new-privileges, seccomp=unconfined|FILE, systempaths=unconfined, writable-cgroups"
    ),
    Option("sysctl", "map", "Set a kernel parameter of the container's namespaces (name=value)", check=values.sysctl),
    Option("userns", help="User namespace (host|auto[:size=N,...]|keep-id)", choices=("host", "auto", "keep-id")),
    Option("uts", help="UTS namespace (host)", choices=("host",)),
)
_LIMITS = (
    Option("blkio-weight", "uint16", "Share of disks among groups that compete (10 to 1000)"),
    Option("blkio-weight-device", "list", "The same for one disk (/dev/sda:100)", check=values.weight_device),
    Option("cpu-period", "int", "Length of the periods in which a quota is given, in microseconds"),
    Option("cpu-quota", "int", "Processor time in each period, in microseconds"),
    Option("cpu-rt-period", "int", "Length of realtime periods, in microseconds"),
    Option("cpu-rt-runtime", "int", "Realtime processor time in each of these, in microseconds"),
    Option("cpu-shares", "int", "Share of processors among groups that compete (default 1024)", short="c"),
    Option("cpus", "decimal", "Number of processors it may use (1.5)"),
    Option("cpuset-cpus", help="Processors it may run on (0-3,8)"),
    Option("cpuset-mems", help="Memory nodes it may take memory from (0-1)"),
    Option("device-cgroup-rule", "list", "Allow devices (c 1:3 rwm)", check=values.device_rule),
    Option("device-read-bps", "list", "Most bytes per second from a disk (/dev/sda:1mb)", check=values.rate_bps),
    Option("device-read-iops", "list", "Most reads per second from a disk (/dev/sda:1000)", check=values.rate_iops),
    Option("device-write-bps", "list", "Most bytes per second to a disk", check=values.rate_bps),
    Option("device-write-iops", "list", "Most writes per second to a disk", check=values.rate_iops),
    Option("memory", "bytes", "Most memory (64m)", short="m"),
    Option("memory-reservation", "bytes", "Memory that it is pushed back to when others need some"),
    Option("memory-swap", "limit", "Most memory and swap together (-1 for no limit; default twice the memory)"),
    Option("memory-swappiness", "int", "How readily its memory is swapped out (0 to 100)"),
    Option("oom-kill-disable", "bool", "Let it wait for memory instead of killing one of its processes"),
)
_DNS_OPTION = Option("dns-option", "list", "Option of the resolver")
_ALIAS = Option("network-alias", "list", "Be found by this name on the first network")
_NETWORK_FLAG = Option(
    "network", "network", "Network (NAME|none|host|bridge|container:NAME)", choices=("none", "host", "bridge")
)
_NETWORK = (
    Option("add-host", "list", "Put a name into /etc/hosts (NAME:IP; IP may be host-gateway)", check=values.host),
    Option("dns", "list", "Server of names to ask", check=values.address),
    same("dns-opt", _DNS_OPTION),
    _DNS_OPTION,
    Option("dns-search", "list", "Domain to look for names in", check=values.domain),
    Option("expose", "list", "Note that the program listens there (PORT[-PORT][/PROTOCOL])"),
    Option("ip", help="IPv4 address on the first network"),
    Option("ip6", help="IPv6 address on the first network"),
    Option("link-local-ip", "list", "One more address on the first network, of the link itself"),
    Option("link", "list", "Put another container's address into /etc/hosts (CONTAINER[:ALIAS])", check=values.link),
    Option("mac-address", help="Hardware address on the first network"),
    _NETWORK_FLAG,
    same("net", _NETWORK_FLAG),
    _ALIAS,
    same("net-alias", _ALIAS),
    Option("publish", "list", "Publish a port on the host ([[IP:]HOST:]PORT[/PROTOCOL])", short="p"),
    Option("publish-all", "bool", "Publish all exposed ports on ports of the host that are free", short="P"),
)
_LATER = (
    *refused(why.GPUS, "gpus"),
    *refused(why.RUNTIME, "runtime:string="),
    *refused(why.NO_DAEMON, "use-api-socket:bool"),
    *refused(why.KERNEL, "kernel-memory:bytes"),
    *refused(why.STORAGE, "storage-opt:list"),
    *refused(why.TRUST, "disable-content-trust:bool=true"),
    *refused(
        why.WINDOWS, "isolation:string=default| cpu-count:int cpu-percent:int io-maxbandwidth:bytes io-maxiops:uint"
    ),
)

VERB = Verb(
    "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    "Run a program in a new container",
    options=(*_NETWORK, *_PROCESS, *_CONTAINER, *_LIFE, *_FILES, *_RIGHTS, *_LIMITS, *_LATER),
    arguments=(1, None),
    interspersed=False,
    failure=125,
).documented(
    ("run --rm busybox echo hello", "One program; its exit code is hezi's"),
    ("run -it --rm debian:bookworm bash", "A shell on your terminal"),
    ("run --rm -v /srv/data:/data:ro -w /data busybox ls", "A directory of the host, read-only"),
    ("run --plan busybox true", "What would be done, step by step, with the origin of each value"),
    spellings=("container run", "run"),
    notes="Exit codes:\n"
    "  125 hezi failed, 126 the program cannot be executed, 127 it is not there,\n"
    "  128+n signal n ended it; all others are the program's own.",
)


def call(session: Session, parsed: Parsed) -> int:
    """Start the program, or print the plan."""
    request = build_request(parsed)
    _check_attached(session, request)
    warn_of_loopback(session, request)
    if parsed.given("plan"):
        return _plan(session, request, as_json=parsed.text("plan") == "json")
    from hezi.front.cli import foreground

    if request.detach:
        return foreground.detached(session, request)
    return foreground.run(session, request)


def warn_of_loopback(session: Session, request: RunRequest) -> None:
    """Say that a server at the loopback is the container's own, as docker does."""
    for text in request.dns:
        if text.startswith("127.") or text == "::1":
            session.notice(f"WARNING: Localhost DNS ({text}) may fail in containers.")
            return


def _check_attached(session: Session, request: RunRequest) -> None:
    """As docker: what is wrong about the terminal alone exits with 1.

    :raises hezi.errors.Error: keys that are none, or streams to attach to of a container in the background.
    """
    session.failure = 1
    if request.detach and request.attach:
        from hezi.errors import INVALID, Error

        raise Error(INVALID, "conflicting options: cannot specify both --attach and --detach")
    if request.detach_keys and not request.detach:
        from hezi.engine import parse_limits

        parse_limits.parse_detach_keys(request.detach_keys)
    session.failure = VERB.failure


def build_request(parsed: Parsed, options: tuple[Option, ...] = ()) -> RunRequest:
    """Turn the flags into the engine's request.

    :param options: the table they were read by; default is that of ``run``.

    :raises hezi.errors.Error: a combination that hezi does not do.
    """
    from hezi.engine.request import RunRequest

    image, *command = parsed.args
    shm_size = parsed.number("shm-size")
    nets = parsed.texts("network")
    # Every text, list and switch has its option's name in the request; the rest is set by hand.
    fields: dict[str, object] = {
        "image": image,
        "command": tuple(command),
        "network": nets[0] if nets else None,
        "networks": tuple(nets[1:]),
        "remove": parsed.flag("rm"),
        "sig_proxy": parsed.flag("sig-proxy", default=True),
        "shm_size": None if shm_size is None else str(shm_size),
        "pull": _pull(parsed),
        "attach": tuple(text.lower() for text in parsed.texts("attach")),
    }
    for option in options or VERB.options:
        field = option.name.replace("-", "_")
        if option.refusal is None and field in RunRequest._fields and field not in fields and parsed.given(option.name):
            value = parsed.values[option.name]
            fields[field] = tuple(value) if isinstance(value, list) else value
    return RunRequest(**fields)  # type: ignore[arg-type]  # kinds of the table and types of the request agree by test


def _pull(parsed: Parsed) -> str:
    policy = parsed.text("pull")
    if not policy:
        return "missing"
    if policy not in {"always", "missing", "never"}:
        from hezi.errors import INVALID, Error

        message = f'invalid pull option: \'{policy}\': must be one of "always", "missing" or "never"'
        raise Error(INVALID, message)
    return policy


def _plan(session: Session, request: RunRequest, *, as_json: bool) -> int:
    lines = session.engine.plan(request, notice=session.notice)
    if as_json:
        import json

        print(json.dumps(lines, indent=2, ensure_ascii=False))
    else:
        print("\n".join(lines))
    return 0
