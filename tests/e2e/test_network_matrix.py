"""Who reaches whom: containers in all eight modes, the host and a machine on its wire, each to each."""

from __future__ import annotations

import os
import socket
import struct
import time
from pathlib import Path

import pytest

from hezi.linux.netlink import spaces
from tests.e2e.test_networks import Net
from tests.support.boxes_net import arrivals, serving
from tests.support.harness import Hezi, wait_until
from tests.support.networks import ip, ip_json, own_network

pytestmark = pytest.mark.needs("root", "overlay", "docker-registry", "skopeo", "busybox", "ip", "nft")

HOST4, HOST6, FAR4, FAR6 = "198.51.100.1", "fd00:51::1", "198.51.100.2", "fd00:51::2"
MACVLAN = "198.51.100.50"
# Name -> how it is run. Eight modes; a second one where what is on the same network is another question.
MODES = {
    "default1": (),
    "default2": (),
    "own1": ("--network", "own"),
    "own2": ("--network", "own"),
    "shared": ("--network", "container:own1"),
    "internal1": ("--network", "inside"),
    "internal2": ("--network", "inside"),
    "apart1": ("--network", "apart"),
    "apart2": ("--network", "apart"),
    "macvlan": ("--network", "lan", "--ip", MACVLAN),
    "hostmode": ("--network", "host"),
    "none": ("--network", "none"),
}
ON_HOST = {"host", "hostmode"}
OUT = {"default1", "default2", "own1", "own2", "shared", "apart1", "apart2"}
# Who arrives at whom; whoever is not named must not. A macvlan and its parent are strangers by the kernel's own rule.
IPV4 = {
    "default1": {"default2", *ON_HOST},
    "own1": {"own2", "shared", *ON_HOST},
    "internal1": {"internal2", *ON_HOST},
    "apart1": ON_HOST,
    "macvlan": {"elsewhere"},
    "host": {*OUT, "elsewhere", "hostmode"},
    "elsewhere": {*OUT, *ON_HOST, "macvlan"},
}
IPV6 = {
    "own1": {"own2", "shared", *ON_HOST},
    "internal1": {"internal2", *ON_HOST},
    "host": {"own1", "own2", "shared", "elsewhere", "hostmode"},
    "elsewhere": {"own1", "own2", "shared", *ON_HOST},
}
NETWORKS = (
    ("--ipv6", "--subnet", "10.5.0.0/24", "--subnet", "fd00:5::/64", "own"),
    ("--internal", "--ipv6", "--subnet", "10.6.0.0/24", "--subnet", "fd00:6::/64", "inside"),
    ("-o", "com.docker.network.bridge.enable_icc=false", "--subnet", "10.7.0.0/24", "apart"),
    ("-d", "macvlan", "-o", "parent=wire", "--subnet", "198.51.100.0/24", "lan"),
)


class Places:
    """Descriptors of the network namespaces by name, and the addresses of whom can be sent to."""

    def __init__(self) -> None:
        self.spaces: dict[str, int] = {}
        self.ipv4: dict[str, str] = {"host": HOST4, "elsewhere": FAR4, "macvlan": MACVLAN}
        self.ipv6: dict[str, str] = {"host": HOST6, "elsewhere": FAR6}


@pytest.fixture
def places(hezi_env: Hezi, busybox_image: str, leftovers_guard: None):
    hezi_env.run("pull", "-q", busybox_image, check=True)
    with own_network() as host:
        net, made = Net(hezi_env, busybox_image), Places()
        made.spaces = {"host": host, "elsewhere": wire()}
        for line in NETWORKS:
            net("network", "create", *line)
        for name, line in MODES.items():
            net("run", "-d", "--name", name, *line, "@", "sleep", "600")
            made.spaces[name] = os.open(f"/proc/{net.inspect(name, '.State.Pid')}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            for one in net.inspect(name, ".NetworkSettings.Networks").values():
                made.ipv4 |= {name: one["IPAddress"]} if one["IPAddress"] else {}
                made.ipv6 |= {name: one["GlobalIPv6Address"]} if one["GlobalIPv6Address"] else {}
        yield made
        net("rm", "-f", *MODES)
        for name, fd in made.spaces.items():
            if name != "host":
                os.close(fd)
        assert wait_until(lambda: not net.leaks(), timeout=20), net.leaks()


def wire() -> int:
    fd = spaces.new()
    for line in (
        "link add wire type veth peer name far",
        f"addr add {HOST4}/24 dev wire",
        f"-6 addr add {HOST6}/64 dev wire nodad",
        "link set wire up",
        f"link set far netns /proc/{os.getpid()}/fd/{fd}",
    ):
        ip(line)
    with spaces.inside(fd):
        for line in (
            "link set lo up",
            f"addr add {FAR4}/24 dev far",
            f"-6 addr add {FAR6}/64 dev far nodad",
            "link set far up",
            f"route add default via {HOST4}",
            f"-6 route add default via {HOST6}",
        ):
            ip(line)
    return fd


def test_who_reaches_whom(places: Places):
    """One test, since the dozen containers are what takes the time."""
    check_the_table(places)
    check_what_containers_have_of_their_own(places)
    check_no_router_is_believed(places)


def check_the_table(places: Places):
    wrong = []
    for family, addresses, table in ((4, places.ipv4, IPV4), (6, places.ipv6, IPV6)):
        for target, expected in table.items():
            senders = {name: fd for name, fd in places.spaces.items() if name != target}
            with serving(places.spaces[target], 4444, addresses[target], udp=True) as server:
                seen = set(arrivals(server, senders, addresses[target], 4444, expected=set(expected)))
            if seen != expected:
                wrong.append(f"IPv{family} to {target}: {sorted(seen)}, not {sorted(expected)}")
    assert not wrong, "\n".join(wrong)


def check_what_containers_have_of_their_own(places: Places):
    """The host's 127.0.0.1 is nobody's, loopback is all that ``none`` has, and nothing has IPv6 that did not ask."""
    outside = {name for name in MODES if name != "hostmode"}
    with serving(places.spaces["host"], 4444, "127.0.0.1", udp=True) as server:
        senders = {name: places.spaces[name] for name in (*outside, "hostmode")}
        assert set(arrivals(server, senders, "127.0.0.1", 4444, expected={"hostmode"})) == {"hostmode"}
    with spaces.inside(places.spaces["none"]):
        assert [link["ifname"] for link in ip_json("link") if not str(link["ifname"]).startswith("ifb")] == ["lo"]
        assert ip_json("route") == ip_json("-6 route") == []
    for name in outside - {"none"}:
        with spaces.inside(places.spaces[name]):
            (link,) = ip_json("addr show dev eth0")
            found = {info["family"] for info in link["addr_info"]}
        asked = name in {"own1", "own2", "shared", "internal1", "internal2"}
        assert found == ({"inet", "inet6"} if asked else {"inet"}), name


def check_no_router_is_believed(places: Places):
    """Neither by containers, whoever says it is one, nor by the host on its bridges; who listens to routers does."""
    with spaces.inside(places.spaces["elsewhere"]):
        Path("/proc/sys/net/ipv6/conf/far/forwarding").write_text("0")
        Path("/proc/sys/net/ipv6/conf/far/accept_ra").write_text("1")
    advertise(places.spaces["host"], "wire")
    assert wait_until(lambda: "fd00:bad::/64" in routes(places.spaces["elsewhere"]), timeout=20)
    for sender, interface in (("own2", "eth0"), ("internal2", "eth0"), ("host", bridge_of(places, "10.5.0.1"))):
        advertise(places.spaces[sender], interface)
    # What was sent has been dealt with when what is sent after it has arrived.
    for target, sender in (("own1", "own2"), ("own1", "host"), ("internal1", "internal2"), ("host", "own2")):
        with serving(places.spaces[target], 4444, places.ipv6[target], udp=True) as server:
            assert arrivals(server, {sender: places.spaces[sender]}, places.ipv6[target], 4444, expected={sender})
    for name, fd in places.spaces.items():
        if name != "elsewhere":
            assert "fd00:bad::/64" not in routes(fd), name


def routes(fd: int) -> set[str]:
    with spaces.inside(fd):
        return {str(route["dst"]) for route in ip_json("-6 route")}


def bridge_of(places: Places, address: str) -> str:
    with spaces.inside(places.spaces["host"]):
        return next(
            str(link["ifname"]) for link in ip_json("addr") if address in {info["local"] for info in link["addr_info"]}
        )


def advertise(fd: int, interface: str) -> None:
    """Say as a router does that fd00:bad::/64 is here, and that the way out leads here."""
    prefix = struct.pack("!BBBBIII16s", 3, 4, 64, 0xC0, 3600, 3600, 0, socket.inet_pton(socket.AF_INET6, "fd00:bad::"))
    message = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + prefix
    with spaces.inside(fd):
        line = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        with line:
            line.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
            line.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
            deadline = time.monotonic() + 20
            while True:
                try:
                    line.sendto(message, ("ff02::1", 0, 0, socket.if_nametoindex(interface)))
                    return
                except OSError:  # its own address is not ready yet
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.05)
