"""Network parameters of the kernel, /proc/sys/net: those of the namespace that the thread is in."""

from __future__ import annotations

import os

from hezi.network import prefixes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.linux.netlink.route import Route
    from hezi.network.prefixes import Prefix

_TOP = "/proc/sys/net"


def write(name: str, value: str, *, missing_ok: bool = False) -> None:
    """Set a parameter, when it has another value.

    :param name: path below /proc/sys/net.
    :param missing_ok: a kernel without (IPv6 switched off) is no error.
    """
    try:
        if read(name) == value:
            return
        fd = os.open(f"{_TOP}/{name}", os.O_WRONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        if missing_ok:
            return
        raise
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)


def read(name: str) -> str:
    """Return a parameter.

    :raises OSError: there is none.
    """
    fd = os.open(f"{_TOP}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 4096).decode().strip()
    finally:
        os.close(fd)


def settle_ipv6(interface: str, *, wanted: bool) -> None:
    """Switch IPv6 of a link off where nobody asked for it, and never believe a router; before the link goes up.

    The classes of CVE-2024-32473 and CVE-2020-13401.
    """
    below = f"ipv6/conf/{interface}"
    write(f"{below}/accept_ra", "0", missing_ok=True)
    # Nobody else has its addresses, so there is no second to be spent on asking.
    write(f"{below}/accept_dad", "0", missing_ok=True)
    write(f"{below}/disable_ipv6", "0" if wanted else "1", missing_ok=True)


def filters_frames() -> bool:
    """Tell whether rules for packets see the frames inside of bridges too (br_netfilter)."""
    try:
        return read("bridge/bridge-nf-call-iptables") == "1"
    except FileNotFoundError:
        return False


def forward(*, ipv6: bool) -> bool:
    """Have this machine pass packets on; True when that had to be switched on.

    A host that listens to routers stops doing so when it becomes one itself, unless told to go on (accept_ra=2).
    """
    changed = False
    if read("ipv4/ip_forward") != "1":
        write("ipv4/ip_forward", "1")
        changed = True
    if ipv6 and read("ipv6/conf/all/forwarding") != "1":
        for name in os.listdir(f"{_TOP}/ipv6/conf"):
            if name not in {"all", "default", "lo"} and read(f"ipv6/conf/{name}/accept_ra") == "1":
                write(f"ipv6/conf/{name}/accept_ra", "2")
        write("ipv6/conf/all/forwarding", "1")
        changed = True
    return changed


def taken(route: Route) -> list[Prefix]:
    """Return the blocks that this machine reaches somewhere already: addresses and routes but the default ones."""
    found = []
    for item in (*route.addresses(), *route.routes()):
        text = str(item.get("dst") or item.get("address") or "")
        length = item.get("dst_len", item.get("prefixlen"))
        if text and isinstance(length, int) and length:
            found.append(prefixes.prefix(f"{text}/{length}"))
    return found
