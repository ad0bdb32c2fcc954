"""hezi.linux.netlink on the real kernel: what it makes is what ``ip`` sees, and the other way round."""

from __future__ import annotations

import errno
import os
import threading

import pytest

from hezi.linux.netlink import messages, spaces
from hezi.linux.netlink.connection import NETLINK_ROUTE, Netlink, Request
from hezi.linux.netlink.route import Route
from tests.support.in_child import raises
from tests.support.networks import ip, ip_json, own_network

pytestmark = pytest.mark.needs("root", "ip")

MAC = "02:42:ac:11:00:02"


@pytest.fixture
def route():
    with own_network(), Route() as connection:
        yield connection


def one(line: str) -> dict[str, object]:
    (found,) = ip_json(line)
    return found


# --- links -----------------------------------------------------------------------------------------------------------


def test_a_new_namespace_has_loopback_alone():
    fd = spaces.new()
    try:
        with spaces.inside(fd), Route() as inside:
            links = inside.links()
        assert [(link["ifname"], link["index"]) for link in links if not str(link["ifname"]).startswith("ifb")] == [
            ("lo", 1)
        ]
        assert not links[0]["flags"] & messages.IFF_UP
    finally:
        os.close(fd)


def test_a_veth_whose_other_end_is_elsewhere(route: Route):
    other = spaces.new()
    try:
        peer = {"ifname": "eth0", "address": MAC, "mtu": 1400, "net_ns_fd": other}
        route.call(route.link_add("v0", "veth", up=True, mtu=1400, peer=peer))
        seen = one("link show v0")
        assert (seen["linkinfo"]["info_kind"], seen["mtu"], "UP" in seen["flags"]) == ("veth", 1400, True)
        with spaces.inside(other):
            inner = one("link show eth0")
            assert (inner["address"], inner["mtu"], "UP" in inner["flags"]) == (MAC, 1400, False)
    finally:
        os.close(other)


def test_bridge_with_its_data_and_ports(route: Route):
    route.call(
        route.link_add("br0", "bridge", address=MAC, data={"forward_delay": 0, "stp_state": 0, "mcast_snooping": 0}),
        route.link_add("v0", "veth", peer={"ifname": "v1"}),
    )
    bridge = route.index("br0")
    route.call(route.link_set(route.index("v0"), master=bridge, up=True), route.link_set(bridge, up=True, mtu=1300))
    seen = one("link show br0")
    data = seen["linkinfo"]["info_data"]
    assert (seen["address"], data["stp_state"], data["mcast_snooping"], data["forward_delay"]) == (MAC, 0, 0, 0)
    assert one("link show v0")["master"] == "br0"
    found = route.link("br0")
    assert found["linkinfo"]["kind"] == "bridge"
    assert found["linkinfo"]["data"]["mcast_snooping"] == 0
    assert found["mtu"] == one("link show br0")["mtu"]
    route.call(route.link_set(route.index("v0"), master=0))
    assert "master" not in one("link show v0")


@pytest.mark.parametrize("mode", messages.MACVLAN_MODES)
def test_macvlan_in_each_mode(route: Route, mode: str):
    ip("link add v0 type veth peer name v1")
    parent = route.index("v0")
    route.call(route.link_add("m0", "macvlan", link=parent, data={"mode": messages.MACVLAN_MODES[mode]}))
    seen = one("link show m0")
    assert (seen["link"], seen["linkinfo"]["info_data"]["mode"]) == ("v0", mode)


def test_a_kind_that_this_kernel_lacks_is_refused_with_its_words(route: Route):
    with raises(errno.EOPNOTSUPP, "RTM_NEWLINK", "Unknown device type"):
        route.call(route.link_add("x0", "nosuchkind"))


def test_dummy_is_made_where_the_kernel_has_it(route: Route):
    refused = None
    try:
        route.call(route.link_add("d0", "dummy", up=True))
    except OSError as error:
        refused = error
    if refused is not None:
        assert refused.errno == errno.EOPNOTSUPP
        assert route.link("d0") is None
    else:
        assert one("link show d0")["linkinfo"]["info_kind"] == "dummy"


def test_links_are_read_as_ip_shows_them(route: Route):
    ip("link add name v0 txqueuelen 7 mtu 1280 type veth peer name v1")
    ip("link add name b0 type bridge")
    ip("link set v0 alias some_text up")
    shown = {link["ifname"]: link for link in ip_json("link")}
    found = {link["ifname"]: link for link in route.links()}
    assert found.keys() == shown.keys()
    for name, link in found.items():
        assert link["index"] == shown[name]["ifindex"]
        assert link["mtu"] == shown[name]["mtu"]
        assert link["txqlen"] == shown[name].get("txqlen", 0)
        assert link["address"] == shown[name]["address"]
        assert bool(link["flags"] & messages.IFF_UP) == ("UP" in shown[name]["flags"])
    assert found["v0"]["ifalias"] == "some_text"
    assert found["v0"]["link"] == found["v1"]["index"]


def test_a_link_goes_by_name_and_by_moving(route: Route):
    other = spaces.new()
    try:
        ip("link add v0 type veth peer name v1")
        route.call(route.link_set(route.index("v1"), ifname="eth9", net_ns_fd=other))
        assert route.link("v1") is None
        with spaces.inside(other):
            assert one("link show eth9")["ifname"] == "eth9"
        route.call(route.link_delete("v0"))
        assert route.link("v0") is None
        with spaces.inside(other), Route() as inside:
            assert inside.link("eth9") is None
    finally:
        os.close(other)


# --- addresses, routes, neighbours -----------------------------------------------------------------------------------


def test_addresses(route: Route):
    ip("link add v0 type veth peer name v1")
    ip("link set v0 up")
    index = route.index("v0")
    route.call(
        route.address_add(index, "172.30.0.5", 24, broadcast="172.30.0.255"), route.address_add(index, "fd00:5::5", 64)
    )
    seen = {info["local"]: info for info in one("addr show dev v0")["addr_info"]}
    assert (seen["172.30.0.5"]["prefixlen"], seen["172.30.0.5"]["broadcast"]) == (24, "172.30.0.255")
    # Usable at once.
    assert "tentative" not in seen["fd00:5::5"]
    found = {(item["address"], item["prefixlen"]) for item in route.addresses() if item["index"] == index}
    assert {("172.30.0.5", 24), ("fd00:5::5", 64)} <= found
    route.call(route.address_delete(index, "172.30.0.5", 24), route.address_delete(index, "fd00:5::5", 64))
    left = {info["local"] for info in one("addr show dev v0")["addr_info"]}
    assert not left & {"172.30.0.5", "fd00:5::5"}


def test_routes(route: Route):
    ip("link add v0 type veth peer name v1")
    ip("link set v0 up")
    ip("link set v1 up")
    ip("addr add 172.30.0.5/24 dev v0")
    ip("addr add fd00:5::5/64 dev v0 nodad")
    index = route.index("v0")
    route.call(
        route.route_add("default", gateway="172.30.0.1"),
        route.route_add("default", gateway="fd00:5::1", oif=index),
        route.route_add("10.9.0.0/16", gateway="172.30.0.9"),
        route.route_add("10.8.0.0/16", oif=index),
        route.route_add("fd00:9::/48", oif=index),
    )
    shown = {item["dst"]: item for item in [*ip_json("route"), *ip_json("-6 route")]}
    assert shown["10.9.0.0/16"]["gateway"] == "172.30.0.9"
    assert shown["10.8.0.0/16"]["dev"] == "v0"
    assert shown["fd00:9::/48"]["dev"] == "v0"
    assert [item["gateway"] for item in ip_json("route show default")] == ["172.30.0.1"]
    assert [item["gateway"] for item in ip_json("-6 route show default")] == ["fd00:5::1"]
    mine = {(item.get("dst"), item["dst_len"]): item for item in route.routes() if item["table"] == 254}
    assert mine["10.9.0.0", 16]["gateway"] == "172.30.0.9"
    assert mine[None, 0]["gateway"] in {"172.30.0.1", "fd00:5::1"}
    route.call(route.route_delete("10.9.0.0/16", gateway="172.30.0.9"))
    assert "10.9.0.0/16" not in {item["dst"] for item in ip_json("route")}


def test_neighbours(route: Route):
    ip("link add v0 type veth peer name v1")
    ip("link set v0 up")
    index = route.index("v0")
    route.call(route.neighbour_set(index, "172.30.0.9", MAC), route.neighbour_set(index, "fd00:5::9", MAC))
    shown = {item["dst"]: item for item in ip_json("neigh show dev v0")}
    assert (shown["172.30.0.9"]["lladdr"], shown["172.30.0.9"]["state"]) == (MAC, ["PERMANENT"])
    assert shown["fd00:5::9"]["lladdr"] == MAC
    assert ("172.30.0.9", MAC) in {(item["dst"], item.get("lladdr")) for item in route.neighbours()}
    route.call(route.neighbour_delete(index, "172.30.0.9"), route.neighbour_delete(index, "fd00:5::9"))
    assert not [item for item in ip_json("neigh show dev v0") if item["dst"] == "172.30.0.9"]


# --- errors ----------------------------------------------------------------------------------------------------------


def test_errors_have_number_call_and_the_kernels_words(route: Route):
    ip("link add v0 type veth peer name v1")
    with raises(errno.EEXIST, "RTM_NEWLINK"):
        route.call(route.link_add("v0", "veth", peer={"ifname": "v2"}))
    with raises(errno.ENETUNREACH, "RTM_NEWROUTE", "Nexthop has invalid gateway"):
        route.call(route.route_add("default", gateway="172.31.0.1"))
    with raises(errno.EINVAL, "RTM_NEWADDR"):
        route.call(route.address_add(route.index("v0"), "172.30.0.5", 77))
    with raises(errno.ENODEV, "RTM_GETLINK"):
        route.index("nothere")


def test_several_at_once_all_are_tried_and_the_first_error_is_told(route: Route):
    with raises(errno.EEXIST, "RTM_NEWLINK"):
        route.call(
            route.link_add("b0", "bridge"),
            route.link_add("b0", "bridge"),
            route.link_add("b1", "bridge"),
        )
    assert {"b0", "b1"} <= {link["ifname"] for link in ip_json("link")}
    # The connection is in step: the next answer belongs to the next question.
    assert route.link("b1")["linkinfo"]["kind"] == "bridge"


@pytest.mark.parametrize("name", ["", "a" * 16, "with blank", "a/b", ".", "..", "é" * 8, "a:b", "nul\0"])
def test_names_that_the_kernel_would_cut_or_refuse(route: Route, name: str):
    with raises(errno.EINVAL, "no name for a link"):
        route.call(route.link_add(name, "bridge"))


def test_an_attribute_that_is_too_long_is_refused_here(route: Route):
    """A length of 16 bits that wraps would have the kernel read the rest as attributes (CVE-2021-43784)."""
    with raises(errno.EMSGSIZE, "65536 bytes"):
        route.call(route.link_set(1, ifalias="a" * 65535))


def test_many_links_come_in_many_pieces(route: Route):
    route.call(*(route.link_add(f"b{number}", "bridge") for number in range(150)))
    assert {link["ifname"] for link in route.links()} >= {f"b{number}" for number in range(150)}


def test_an_answer_that_is_too_old_is_left_out():
    with own_network(), Netlink(NETLINK_ROUTE) as connection:
        body = messages.LINK.encode({"ifname": "lo"})
        # Asked, and not read: its two answers lie before those of the next question.
        connection._socket.send(b"".join([(16 + len(body)).to_bytes(4, "little"), b"\x12\0\5\0", bytes(8), body]))
        (answer,) = connection.get(Request("RTM_GETLINK", messages.RTM_GETLINK, 0, body))
        assert messages.LINK.decode(answer)["ifname"] == "lo"


# --- namespaces ------------------------------------------------------------------------------------------------------


def test_other_threads_stay_where_they_are():
    fd = spaces.new()
    seen: list[tuple[int, int]] = []

    def look() -> None:
        own = spaces.own()
        seen.append((os.fstat(own).st_dev, os.fstat(own).st_ino))
        os.close(own)

    try:
        look()
        with spaces.inside(fd):
            thread = threading.Thread(target=look)
            look()
            thread.start()
            thread.join()
        look()
        assert seen[0] == seen[3] != seen[1]
        assert seen[1][1] == os.fstat(fd).st_ino
    finally:
        os.close(fd)


def test_the_way_back_is_taken_after_an_error_too():
    before = os.readlink("/proc/thread-self/ns/net")
    fd = spaces.new()
    try:
        with pytest.raises(RuntimeError), spaces.inside(fd):
            raise RuntimeError
        assert os.readlink("/proc/thread-self/ns/net") == before
        file = os.open("/proc/self/ns/uts", os.O_RDONLY)
        try:
            with raises(errno.EINVAL, "setns"), spaces.inside(file):
                pytest.fail("a UTS namespace was entered")
        finally:
            os.close(file)
    finally:
        os.close(fd)
    assert os.readlink("/proc/thread-self/ns/net") == before
