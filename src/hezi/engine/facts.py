"""What policy needs to know of the host, gathered once: policy itself looks at nothing."""

from __future__ import annotations

import os

from hezi._util.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class HostFacts(NamedTuple):
    """The host as policy sees it.

    :ivar capabilities: names of what this process has and may give, in the kernel's order.
    :ivar lsms: security modules that are on (``apparmor``, ``selinux``).
    :ivar cpus: processors of the machine, configured ones.
    :ivar environment: the caller's, for ``-e NAME``.
    :ivar systemd: it is process 1, and the control groups are its.
    """

    machine: str
    hostname: str
    capabilities: tuple[str, ...]
    lsms: tuple[str, ...] = ()
    cpus: int = 1
    cwd: str = "/"
    environment: Mapping[str, str] = {}
    systemd: bool = False


def gather() -> HostFacts:
    """Look at this host.

    :raises hezi.errors.Error: the capabilities of this process cannot be read.
    """
    from hezi.linux import caps

    uname = os.uname()
    try:
        cwd = os.getcwd()
    except OSError:
        # The directory was removed; only a relative -v source needs it, and that fails by its own name then.
        cwd = "/"
    return HostFacts(
        machine=uname.machine,
        hostname=uname.nodename,
        capabilities=caps.names(caps.bounding_read() & caps.capget()[1]),
        lsms=_lsms(),
        cpus=os.cpu_count() or 1,
        cwd=cwd,
        environment=os.environ,
        systemd=_systemd(),
    )


def _systemd() -> bool:
    # Asked here once more, so that nothing is loaded for it where there is none.
    if not os.path.isdir("/run/systemd/system"):
        return False
    from hezi.linux.cgroup import systemd

    return systemd.manages_groups()


def _lsms() -> tuple[str, ...]:
    """Which of the security modules that have profiles are on; their own files say so, securityfs may be unmounted."""
    found = []
    try:
        with open("/sys/module/apparmor/parameters/enabled", "rb") as file:
            if file.read(1) == b"Y":
                found.append("apparmor")
    except OSError:
        pass
    if os.path.isdir("/sys/fs/selinux") and os.path.exists("/sys/fs/selinux/enforce"):
        found.append("selinux")
    return tuple(found)
