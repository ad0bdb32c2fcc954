"""What a container gets when nobody says otherwise. Data only, each with where it comes from.

"Docker" is moby's default OCI specification (daemon/pkg/oci/defaults.go and caps), "Podman" is containers/common's.
Where the two hide different things from the container, hezi hides both; where Docker grants something users rely on
(its capabilities), hezi grants it too.
"""

from __future__ import annotations

from hezi.linux import caps
from hezi.spec import runtime as rt

# Every capability a --cap-add or --cap-drop may name.
KNOWN_CAPABILITIES = tuple(caps.CAPABILITIES)

# Docker's 14; Podman grants the same without MKNOD, NET_RAW and AUDIT_WRITE.
CAPABILITIES = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
)

# The union of Docker's and Podman's. What is not there on a kernel is skipped.
MASKED_PATHS = (
    "/proc/acpi",
    "/proc/asound",  # read-only with Podman, masked with Docker
    "/proc/interrupts",  # both since 2024: timing of the host's keystrokes and network
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",  # power readings tell what other processes compute (CVE-2020-8694)
    "/sys/firmware",
    "/sys/fs/selinux",  # Podman only
)

# Docker's and Podman's, the same.
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

# Docker's: each with the mode everybody may use. /dev/console is the container's terminal, and no node of its own.
DEVICES = (
    rt.Device("/dev/null", "c", 1, 3),
    rt.Device("/dev/zero", "c", 1, 5),
    rt.Device("/dev/full", "c", 1, 7),
    rt.Device("/dev/random", "c", 1, 8),
    rt.Device("/dev/urandom", "c", 1, 9),
    rt.Device("/dev/tty", "c", 5, 0),
)

# Docker's: a container with a network of its own may use low ports and ping without a capability.
SYSCTLS = (
    ("net.ipv4.ip_unprivileged_port_start", "0"),
    ("net.ipv4.ping_group_range", "0 2147483647"),
)

# Of --userns=auto: whose lines in /etc/subuid and /etc/subgid are given to containers, and how many ids one gets.
# Podman's choices, so that a machine that was set up for it serves hezi too.
ID_OWNER = "containers"
ID_COUNT = 1024
ID_COUNT_MOST = 65536
ID_EXAMPLE = "2147483648:1073741824"

# Podman's and systemd's; Docker has none, and a fork bomb inside takes the machine with it.
PIDS_LIMIT = 2048

# Docker's, for an image whose configuration has no PATH.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Docker's: 64 MiB.
SHM_SIZE = 64 << 20

_DENY_ALL = rt.DeviceRule(False)
_ALLOW_ALL = rt.DeviceRule(True)
_TERMINALS = (
    rt.DeviceRule(True, "c", 136, None, "rwm"),  # /dev/pts/*
    rt.DeviceRule(True, "c", 5, 2, "rwm"),  # /dev/pts/ptmx
)
# Making a node is harmless where opening it is not allowed, and package managers do make them.
_MAKE_NODES = (
    rt.DeviceRule(True, "c", None, None, "m"),
    rt.DeviceRule(True, "b", None, None, "m"),
)


def masked_paths(cpus: int) -> tuple[str, ...]:
    """:data:`MASKED_PATHS` with the thermal events of each of ``cpus`` processors, as Docker has it since 28."""
    thermal = (f"/sys/devices/system/cpu/cpu{number}/thermal_throttle" for number in range(cpus))
    return (*MASKED_PATHS, *thermal)


def device_rules(privileged: bool, extra: tuple[rt.DeviceRule, ...] = ()) -> tuple[rt.DeviceRule, ...]:
    """The devices controller's rules, in order; the last that fits decides.

    runc's own list (libcontainer/specconv) without 10:200: /dev/net/tun is for who asks with --device.
    """
    if privileged:
        return (_ALLOW_ALL,)
    own = (rt.DeviceRule(True, device.type, device.major, device.minor, "rwm") for device in DEVICES)
    return (_DENY_ALL, *_MAKE_NODES, *own, *_TERMINALS, *extra)


def mounts(privileged: bool, *, shm_size: int = SHM_SIZE, writable_cgroups: bool = False) -> tuple[rt.Mount, ...]:
    """What is mounted in every container, in order: Docker's list and options.

    Privileged containers get sysfs and cgroup writable, as with Docker.

    :param shm_size: bytes of /dev/shm
    :param writable_cgroups: cgroup writable for others too
    """
    access = () if privileged else ("ro",)
    hard = ("nosuid", "noexec", "nodev")
    return (
        rt.Mount("/proc", "proc", "proc", hard),
        rt.Mount("/dev", "tmpfs", "tmpfs", ("nosuid", "strictatime", "mode=755", "size=65536k")),
        rt.Mount(
            "/dev/pts", "devpts", "devpts", ("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5")
        ),
        rt.Mount("/sys", "sysfs", "sysfs", (*hard, *access)),
        rt.Mount("/sys/fs/cgroup", "cgroup", "cgroup", hard if writable_cgroups else (*hard, *access)),
        rt.Mount("/dev/mqueue", "mqueue", "mqueue", hard),
        rt.Mount("/dev/shm", "tmpfs", "shm", (*hard, "mode=1777", f"size={shm_size}")),  # noqa: S108 - a place in the container
    )
