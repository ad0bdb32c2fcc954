"""What a test may need of the machine, in one vocabulary: ``@pytest.mark.needs("root", "overlay", "skopeo")``.

A need that is not met skips the test and says why. With ``HEZI_TEST_STRICT=1`` (as ``make test`` as root sets it, after
installing the packages below) a need that root and Debian's packages could have met fails the test instead: a suite
that skips what it was set up to run is no proof.

Only the standard library is used here, and nothing of pytest: ``python3 tests/support/needs.py`` prints the Debian
packages that are missing, for the Makefile.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

SEARCH_PATH = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/local/sbin:/usr/sbin:/sbin"

# Tool -> the Debian package that has it. These names are needs by themselves.
TOOLS = {
    "attr": "attr",
    "busybox": "busybox-static",
    "cgget": "cgroup-tools",
    "crun": "crun",
    "dbus-daemon": "dbus-daemon",
    "docker": "docker.io",
    "docker-registry": "docker-registry",
    "dockerd": "docker.io",
    "getfattr": "attr",
    "ip": "iproute2",
    "iperf3": "iperf3",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
    "newuidmap": "uidmap",
    "nft": "nftables",
    "nginx": "nginx",
    "openssl": "openssl",
    "podman": "podman",
    "runc": "runc",
    "setpriv": "util-linux",
    "skopeo": "skopeo",
    "strace": "strace",
    "tmux": "tmux",
    "ufw": "ufw",
    "umoci": "umoci",
    "unshare": "util-linux",
    "zstd": "zstd",
}
# A benchmark's peers: worth having, never required.
OPTIONAL_TOOLS = {"mkfs.erofs": "erofs-utils"}


class Verdict(NamedTuple):
    """Whether a need is met; why not; whether root and a Debian package could meet it."""

    met: bool
    reason: str = ""
    providable: bool = False


class UnknownNeedError(ValueError):
    """A test names a need that is not in the vocabulary."""


def find_tool(name: str) -> str | None:
    return shutil.which(name, path=SEARCH_PATH)


def check(need: str) -> Verdict:
    """Say whether ``need`` is met on this machine.

    :raises UnknownNeedError: it is not in the vocabulary.
    """
    if need in TOOLS:
        return _tool(need)
    kind, colon, value = need.partition(":")
    if colon and kind in _WITH_VALUE:
        return _WITH_VALUE[kind](value)
    if need in _SIMPLE:
        return _SIMPLE[need]()
    known = ", ".join(sorted([*_SIMPLE, *TOOLS, *(f"{kind}:..." for kind in _WITH_VALUE)]))
    raise UnknownNeedError(f"unknown need {need!r}; the vocabulary (tests/support/needs.py) has {known}")


def missing_packages() -> list[str]:
    """Return the Debian packages of the tools that are not there."""
    missing = {package for tool, package in TOOLS.items() if find_tool(tool) is None}
    if not os.path.exists("/etc/ssl/certs/ca-certificates.crt"):
        missing.add("ca-certificates")
    return sorted(missing)


@functools.cache
def _tool(name: str) -> Verdict:
    if find_tool(name):
        return Verdict(True)
    package = TOOLS.get(name) or OPTIONAL_TOOLS.get(name)
    hint = f" (Debian package {package})" if package else ""
    return Verdict(False, f"no program {name}{hint}", providable=name in TOOLS)


@functools.cache
def _root() -> Verdict:
    if os.geteuid() != 0:
        return Verdict(False, "not root")
    # Root in a user namespace can do much less; that is the need "userns".
    with open("/proc/self/uid_map") as file:
        whole = file.read().split() == ["0", "0", "4294967295"]
    return Verdict(whole, "" if whole else "root only of a user namespace")


@functools.cache
def _userns() -> Verdict:
    done = _try("unshare", "--user", "--map-root-user", "true")
    return Verdict(done, "" if done else "user namespaces cannot be made here")


@functools.cache
def _overlay() -> Verdict:
    if not _in_file("/proc/filesystems", r"\boverlay$") and not _try("modprobe", "overlay"):
        return Verdict(False, "the kernel has no overlay file system")
    return Verdict(True)


@functools.cache
def _cgroup_mounts() -> tuple[bool, bool]:
    """Return whether a controller of cgroup v1 is mounted, and whether cgroup v2 is."""
    with open("/proc/self/mountinfo") as file:
        types = [line.partition(" - ")[2].split() for line in file]
    v1 = any(kind[0] == "cgroup" and not kind[2].endswith("name=systemd") for kind in types)
    return v1, any(kind[0] == "cgroup2" for kind in types)


def _cgroup_v1() -> Verdict:
    return Verdict(_cgroup_mounts()[0], "no cgroup v1 controller is mounted")


def _cgroup_v2() -> Verdict:
    v2 = _cgroup_mounts()[1]
    if not v2:
        return Verdict(False, "cgroup v2 is not mounted")
    controllers = _in_file("/sys/fs/cgroup/cgroup.controllers", r"\bpids\b")
    return Verdict(controllers, "cgroup v2 is mounted without its controllers (hybrid host)")


def _cgroup2_controller() -> Verdict:
    """At least one controller is on v2, as hugetlb is on a hybrid host that has it nowhere else."""
    with open("/proc/self/mountinfo") as file:
        points = [line.split()[4] for line in file if " - cgroup2 " in line]
    met = any(_in_file(f"{point}/cgroup.controllers", r"\w") for point in points)
    return Verdict(met, "no controller is on cgroup v2")


@functools.cache
def _v1_controllers() -> Verdict:
    """net_cls, and perf_event with net_prio, are on no hierarchy, so that a test may make one of each.

    One that was unmounted a moment ago is still on its way.
    """
    missing = {"net_cls", "perf_event", "net_prio"}
    for _ in range(50):
        with open("/proc/cgroups") as file:
            free = {line.split()[0] for line in file if line.split()[1] == "0"}
        if missing <= free:
            return Verdict(True)
        time.sleep(0.05)
    missing -= free
    return Verdict(
        not missing, f"controllers that tests mount are in use or not built in: {', '.join(sorted(missing))}"
    )


def _cgroup2_tree() -> Verdict:
    """A tree to put processes into is there; it may be without controllers, as on a hybrid host."""
    return Verdict(_cgroup_mounts()[1], "cgroup v2 is not mounted")


# Where tools/prepare puts firewalld: as a package it would be the machine's own firewall from the next boot on.
FIREWALLD = os.path.abspath(os.path.join(__file__, "../../../.venv/firewalld"))


def _firewalld() -> Verdict:
    met = os.path.exists(f"{FIREWALLD}/usr/sbin/firewalld")
    return Verdict(met, "firewalld was not fetched (tools/prepare firewalld)")


def _kernel_headers() -> Verdict:
    met = os.path.exists("/usr/include/linux/capability.h") and os.path.exists("/usr/include/asm-generic/unistd.h")
    return Verdict(met, "no kernel headers (Debian package linux-libc-dev)")


def _cgroup2() -> Verdict:
    """Mounted at all: kill, freeze, device programs and CLONE_INTO_CGROUP need no controller."""
    return Verdict(_cgroup_mounts()[1], "cgroup v2 is not mounted")


def _cgroup() -> Verdict:
    return Verdict(any(_cgroup_mounts()), "no cgroup hierarchy is mounted")


def _hybrid() -> Verdict:
    return Verdict(_cgroup_mounts() == (True, True), "cgroup v1 and v2 are not both mounted")


def _systemd() -> Verdict:
    return Verdict(os.path.isdir("/run/systemd/system"), "systemd is not process 1")


@functools.cache
def _seccomp() -> Verdict:
    return Verdict(_in_file("/proc/self/status", r"^Seccomp:"), "the kernel has no seccomp")


@functools.cache
def _erofs() -> Verdict:
    met = _in_file("/proc/filesystems", r"\berofs$") or _try("modprobe", "erofs")
    return Verdict(met, "the kernel has no EROFS")


def _kernel(wanted: str) -> Verdict:
    found = tuple(int(number) for number in re.findall(r"\d+", platform.release())[:2])
    met = found >= tuple(int(number) for number in wanted.split("."))
    return Verdict(met, f"kernel {platform.release()} is older than {wanted}")


@functools.cache
def _docker(wanted: str) -> Verdict:
    """The command line, which has its own version: usage errors and their exit codes are its."""
    tool = find_tool("docker")
    if not tool or not find_tool("dockerd"):
        return _tool("dockerd" if tool else "docker")
    done = subprocess.run([tool, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"version (\d+)", done.stdout)
    met = found is not None and int(found[1]) >= int(wanted)
    return Verdict(met, f"docker's command line is {done.stdout.strip() or 'broken'}, older than {wanted}")


def _module(name: str) -> Verdict:
    met = importlib.util.find_spec(name) is not None
    return Verdict(met, f"no Python module {name} (pip install -e '.[dev]')", providable=True)


def _machine(name: str) -> Verdict:
    return Verdict(platform.machine() == name, f"machine is {platform.machine()}, not {name}")


def _python(wanted: str) -> Verdict:
    met = sys.version_info[:2] >= tuple(int(number) for number in wanted.split("."))
    return Verdict(met, f"Python {platform.python_version()} is older than {wanted}")


_SIMPLE: dict[str, Callable[[], Verdict]] = {
    "root": _root,
    "userns": _userns,
    "overlay": _overlay,
    "cgroup-v1": _cgroup_v1,
    "cgroup-v2": _cgroup_v2,
    "cgroup2-tree": _cgroup2_tree,
    "cgroup2-controller": _cgroup2_controller,
    "free-v1-controllers": _v1_controllers,
    "cgroup": _cgroup,
    "cgroup2": _cgroup2,
    "hybrid": _hybrid,
    "firewalld": _firewalld,
    "kernel-headers": _kernel_headers,
    "seccomp": _seccomp,
    "systemd": _systemd,
    "erofs": _erofs,
}
_WITH_VALUE: dict[str, Callable[[str], Verdict]] = {
    "docker": _docker,
    "tool": _tool,
    "kernel": _kernel,
    "module": _module,
    "machine": _machine,
    "python": _python,
}


def _try(*argv: str) -> bool:
    try:
        return subprocess.run(argv, capture_output=True, timeout=20, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _in_file(path: str, pattern: str) -> bool:
    try:
        with open(path) as file:
            return re.search(pattern, file.read(), re.MULTILINE) is not None
    except OSError:
        return False


if __name__ == "__main__":
    print(*missing_packages())
