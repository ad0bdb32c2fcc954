"""Networks of containers on the real kernel: who reaches whom, what is left behind, and what others may break."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from hezi import errors
from hezi.db import networks as rows
from hezi.linux import pidfd
from hezi.linux.netlink import spaces
from hezi.network import catalog, model, sandbox
from hezi.network.ports import Publish
from hezi.network.sandbox import Wish
from tests.support.boxes_net import World, arrivals, reach, serving, world
from tests.support.networks import ip, ip_json, nft

pytestmark = pytest.mark.needs("root", "ip", "nft")


@pytest.fixture
def host(tmp_path: Path):
    with world(tmp_path / "hezi") as made:
        yield made


def rules(host: World) -> str:
    done = subprocess.run(["/usr/sbin/nft", "list", "ruleset"], capture_output=True, text=True, check=True)
    return done.stdout


def links() -> set[str]:
    return {str(link["ifname"]) for link in ip_json("link") if not str(link["ifname"]).startswith("ifb")} - {"lo"}


# --- the default bridge ----------------------------------------------------------------------------------------------


def test_a_container_on_the_default_bridge(host: World):
    box = host.box()
    bridge = host.place.default_bridge
    assert box.ipv4 == "172.17.0.2"
    (shown,) = ip_json(f"addr show dev {bridge}")
    assert [(info["local"], info["prefixlen"]) for info in shown["addr_info"]] == [("172.17.0.1", 16)]
    with spaces.inside(box.fd):
        (inner,) = ip_json("addr show dev eth0")
        assert [(info["local"], info["broadcast"]) for info in inner["addr_info"]] == [("172.17.0.2", "172.17.255.255")]
        assert inner["address"] == "02:42:ac:11:00:02"
        assert [(way["gateway"], way["dev"]) for way in ip_json("route show default")] == [("172.17.0.1", "eth0")]
        assert "UP" in ip_json("link show lo")[0]["flags"]
        # Nobody asked for IPv6, and no router is believed.
        assert Path("/proc/sys/net/ipv6/conf/eth0/disable_ipv6").read_text() == "1\n"
        assert Path("/proc/sys/net/ipv6/conf/eth0/accept_ra").read_text() == "0\n"
    assert Path(f"/proc/sys/net/ipv6/conf/{bridge}/disable_ipv6").read_text() == "1\n"
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text() == "1\n"


def test_addresses_are_given_lowest_first_and_again(host: World):
    one, two = host.box(), host.box()
    assert (one.ipv4, two.ipv4) == ("172.17.0.2", "172.17.0.3")
    assert sandbox.detach(host.database, host.place, one.id)
    assert not sandbox.detach(host.database, host.place, one.id)
    assert host.box().ipv4 == "172.17.0.2"


def test_of_many_whose_holders_died_each_is_found_by_who_wants_what_it_had(host: World, monkeypatch):
    monkeypatch.setattr(sandbox, "_LOOKED_AT", 1)
    for number in range(6):
        host.box(publish=[Publish(80, "tcp", "127.0.0.1", 8000 + number, 8000 + number)])
    with host.database.write() as connection:
        for box in host.boxes:
            # Its number is somebody's; it began at another time.
            rows.hold(connection, box.id, (os.getpid(), 1, pidfd.boot_id()))
    host.box(publish=[Publish(80, "tcp", "127.0.0.1", 8004, 8004)])
    with host.database.read() as connection:
        assert [row.container_id for row in rows.sandboxes(connection)] == [host.boxes[-1].id]


def test_of_many_whose_holders_died_some_are_found_by_each_start(host: World, monkeypatch):
    monkeypatch.setattr(sandbox, "_LOOKED_AT", 4)
    living = [host.box() for _ in range(2)]
    dead = [host.box() for _ in range(8)]
    with host.database.write() as connection:
        for box in dead:
            rows.hold(connection, box.id, (os.getpid(), 1, pidfd.boot_id()))
    assert sandbox.sweep(host.database, host.place) >= 2
    for _ in range(200):
        sandbox.sweep(host.database, host.place)
    with host.database.read() as connection:
        assert {row.container_id for row in rows.sandboxes(connection)} == {box.id for box in living}


def test_a_subnet_that_this_host_reaches_elsewhere_is_not_taken(host: World):
    ip("link add wire type veth peer name far")
    ip("link set wire up")
    ip("link set far up")
    ip("addr add 172.17.40.1/24 dev wire")
    ip("route add 172.18.0.0/15 dev wire")
    assert host.box().ipv4 == "172.20.0.2"


def test_asked_addresses(host: World):
    host.network("n", [model.Subnet("10.77.0.0/29")])
    assert host.box(Wish("n", ipv4="10.77.0.4")).ipv4 == "10.77.0.4"
    for text, kind in (("10.77.0.4", errors.CONFLICT), ("10.77.0.1", errors.CONFLICT), ("10.77.1.4", errors.CONFLICT)):
        with pytest.raises(errors.Error) as caught:
            host.box(Wish("n", ipv4=text))
        assert caught.value.kind == kind
    assert [host.box("n").ipv4 for _ in range(4)] == ["10.77.0.2", "10.77.0.3", "10.77.0.5", "10.77.0.6"]
    with pytest.raises(errors.Error, match="no available addresses") as caught:
        host.box("n")
    assert caught.value.kind == errors.EXHAUSTED


# --- published ports -------------------------------------------------------------------------------------------------


def test_a_published_port_is_reached_from_everywhere_with_its_source(host: World):
    far = host.elsewhere()
    box = host.box(publish=[Publish(80, "tcp", "", 8080, 8080)])
    neighbour = host.box()
    host.network("other")
    stranger = host.box("other")
    with serving(box.fd, 80) as server:
        assert reach(far, server, "198.51.100.1", 8080) == "198.51.100.2"
        assert reach(host.fd, server, "127.0.0.1", 8080) == "172.17.0.1"
        assert reach(host.fd, server, "198.51.100.1", 8080) == "198.51.100.1"
        assert reach(host.fd, server, "172.17.0.1", 8080) == "172.17.0.1"
        assert reach(host.fd, server, box.ipv4, 80) == "172.17.0.1"
        assert reach(neighbour.fd, server, box.ipv4, 80) == neighbour.ipv4
        # Through the host, and back in by the same bridge.
        assert reach(neighbour.fd, server, "198.51.100.1", 8080) == "172.17.0.1"
        assert reach(box.fd, server, "172.17.0.1", 8080) == "172.17.0.1"
        assert reach(stranger.fd, server, "198.51.100.1", 8080) == stranger.ipv4
        assert reach(stranger.fd, server, box.ipv4, 80, expected=False) is None
        # What is not published is not reached by a machine that takes this host for its router.
        assert reach(far, server, box.ipv4, 80, expected=False) is None


def test_udp_and_a_certain_address_of_the_host(host: World):
    far = host.elsewhere()
    box = host.box(publish=[Publish(53, "udp", "127.0.0.1", 5353, 5353), Publish(53, "udp", "198.51.100.1", 53, 53)])
    with serving(box.fd, 53, udp=True) as server:
        assert reach(host.fd, server, "127.0.0.1", 5353) == "172.17.0.1"
        assert reach(far, server, "198.51.100.1", 53) == "198.51.100.2"
        assert reach(far, server, "198.51.100.1", 5353, expected=False) is None
        assert reach(far, server, "127.0.0.1", 5353, expected=False) is None


def test_ipv6(host: World):
    far = host.elsewhere()
    host.network("six", [model.Subnet("fd00:77::/64")], ipv6=True)
    box = host.box("six", publish=[Publish(80, "tcp", "", 8080, 8080)])
    assert box.ipv6 == "fd00:77::2"
    assert {row.host_ip for row in box.attached.ports} == {"0.0.0.0", "::"}
    other = host.box("six")
    with serving(box.fd, 80, "::") as server:
        assert reach(far, server, "fd00:51::1", 8080) == "fd00:51::2"
        assert reach(other.fd, server, box.ipv6, 80) == other.ipv6
        assert reach(host.fd, server, "fd00:77::1", 8080) == "fd00:77::1"
    with serving(far, 99, "::") as server:
        assert reach(box.fd, server, "fd00:51::2", 99) == "fd00:51::1"
    # A host that believed its routers goes on doing so although it is a router now itself.
    assert Path("/proc/sys/net/ipv6/conf/wire/accept_ra").read_text() == "2\n"


def test_a_port_in_use_is_told_before_anything_is_made(host: World):
    first = host.box(publish=[Publish(80, "tcp", "", 8080, 8080)])
    before = links()
    for address in ("", "127.0.0.1"):
        with pytest.raises(errors.Error, match=r":8080 failed: port is already allocated") as caught:
            host.box(publish=[Publish(80, "tcp", address, 8080, 8080)])
        assert caught.value.kind == errors.CONFLICT
    with serving(host.fd, 8081), pytest.raises(errors.Error, match=r"0\.0\.0\.0:8081/tcp: address already in use"):
        host.box(publish=[Publish(80, "tcp", "", 8081, 8081)])
    assert links() == before
    assert len(os.listdir(host.place.namespaces)) == 2  # that of the first, and its lock
    # Another protocol, and another address, are other ports.
    host.box(publish=[Publish(80, "udp", "", 8080, 8080)])
    sandbox.detach(host.database, host.place, first.id)
    host.box(publish=[Publish(80, "tcp", "127.0.0.1", 8080, 8080)])


def test_ranges_and_any_port(host: World):
    with serving(host.fd, 9000):
        box = host.box(publish=[Publish(80, "tcp", "", 9000, 9002), Publish(81, "tcp", "", 9000, 9002), Publish(82)])
        assert [row.host_port for row in box.attached.ports] == [9001, 9002, 32768]
        with pytest.raises(errors.Error, match="all ports are allocated"):
            host.box(publish=[Publish(80, "tcp", "", 9000, 9002)])


def test_ports_come_and_go_while_it_runs(host: World):
    far = host.elsewhere()
    box = host.box()
    with serving(box.fd, 80) as server:
        assert reach(far, server, "198.51.100.1", 8080, expected=False) is None
        taken = sandbox.publish(host.database, host.place, box.id, [Publish(80, "tcp", "", 8080, 8080)])
        assert reach(far, server, "198.51.100.1", 8080) == "198.51.100.2"
        sandbox.unpublish(host.database, host.place, taken)
        assert reach(far, server, "198.51.100.1", 8080, expected=False) is None
        sandbox.publish(host.database, host.place, box.id, [Publish(80, "tcp", "", 8081, 8081)])
        assert reach(far, server, "198.51.100.1", 8081) == "198.51.100.2"


# --- isolation (class F6) --------------------------------------------------------------------------------------------


def test_who_reaches_whom(host: World):
    """Ten places, each to each: own networks are apart, and --internal reaches nothing else."""
    far = host.elsewhere()
    host.network("a")
    host.network("b")
    host.network("i", internal=True)
    host.network("q", options={model.OPTION_ICC: "false"})
    boxes = {
        "default": host.box(),
        "a1": host.box("a"),
        "a2": host.box("a"),
        "b": host.box("b"),
        "i1": host.box("i"),
        "i2": host.box("i"),
        "q1": host.box("q"),
        "q2": host.box("q"),
    }
    same = {("a1", "a2"), ("a2", "a1"), ("i1", "i2"), ("i2", "i1")}
    places = {name: box.fd for name, box in boxes.items()} | {"host": host.fd, "elsewhere": far}
    wrong = []
    for name, target in boxes.items():
        expected = {source: boxes[source].ipv4 for source, other in same if other == name}
        expected["host"] = str(target.attached.endpoints[0][0].subnets[0].gateway)
        senders = {source: fd for source, fd in places.items() if source != name}
        with serving(target.fd, 80, udp=True) as server:
            seen = arrivals(server, senders, target.ipv4, 80, expected=set(expected))
        if seen != expected:
            wrong.append(f"to {name}: {seen}, not {expected}")
    with serving(far, 80, udp=True) as server:
        expected = {name: "198.51.100.1" for name in places if name != "elsewhere" and not name.startswith("i")}
        senders = {source: fd for source, fd in places.items() if source != "elsewhere"}
        seen = arrivals(server, senders, "198.51.100.2", 80, expected=set(expected))
        if seen != expected:
            wrong.append(f"to elsewhere: {seen}, not {expected}")
    assert not wrong, "\n".join(wrong)


def test_the_hosts_loopback_is_not_reached(host: World):
    """Not even by who sends packets for 127.0.0.1 out on purpose, while a port is published on the loopback."""
    box = host.box(publish=[Publish(80, "tcp", "127.0.0.1", 8080, 8080)])
    assert Path(f"/proc/sys/net/ipv4/conf/{host.place.default_bridge}/route_localnet").read_text() == "1\n"
    with spaces.inside(box.fd):
        Path("/proc/sys/net/ipv4/conf/all/route_localnet").write_text("1")
        ip("addr del 127.0.0.1/8 dev lo")
        ip("route flush table local")
        ip("route add local 172.17.0.2 dev eth0 table local")
        ip("route add 127.0.0.0/8 via 172.17.0.1")
    with serving(host.fd, 99, "127.0.0.1") as server:
        assert reach(box.fd, server, "127.0.0.1", 99, expected=False) is None
    sandbox.detach(host.database, host.place, box.id)
    assert Path(f"/proc/sys/net/ipv4/conf/{host.place.default_bridge}/route_localnet").read_text() == "0\n"


def test_internal_reaches_not_even_the_host(host: World):
    host.network("i", internal=True)
    box = host.box("i")
    with spaces.inside(box.fd):
        assert ip_json("route show default") == []
        ip("route add default via 172.17.0.1")
    host.elsewhere()
    gateway = box.attached.endpoints[0][0].subnets[0].gateway
    with serving(host.fd, 99) as server:
        for address in (gateway, "198.51.100.1"):
            assert reach(box.fd, server, address, 99, expected=False) is None


def test_an_internal_network_alone_makes_no_router_of_the_host(host: World):
    host.network("i", internal=True)
    host.box("i")
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text() == "0\n"
    host.box()
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text() == "1\n"


def test_the_host_routes_for_nobody_else(host: World):
    """It was us who switched forwarding on; a host that did so before keeps doing what it did."""
    far = host.elsewhere()
    other = spaces.new()
    host.stack.callback(os.close, other)
    ip("link add second type veth peer name far2")
    ip("addr add 203.0.113.1/24 dev second")
    ip("link set second up")
    ip(f"link set far2 netns /proc/{os.getpid()}/fd/{other}")
    with spaces.inside(other):
        for line in ("link set far2 up", "addr add 203.0.113.2/24 dev far2", "route add default via 203.0.113.1"):
            ip(line)
    host.box()
    with serving(other, 80) as server:
        assert reach(far, server, "203.0.113.2", 80, expected=False) is None
        nft(f"flush chain inet {host.place.table} pass\n")
        assert reach(far, server, "203.0.113.2", 80) == "198.51.100.2"


def test_what_the_hosts_firewall_drops_stays_dropped(host: World):
    far = host.elsewhere()
    box = host.box(publish=[Publish(80, "tcp", "", 8080, 8080)])
    with serving(box.fd, 80) as server:
        assert reach(far, server, "198.51.100.1", 8080) == "198.51.100.2"
        nft("table inet theirs {\nchain f {\ntype filter hook forward priority 10; policy drop;\n}\n}\n")
        assert reach(far, server, "198.51.100.1", 8080, expected=False) is None


# --- others break things ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["flush ruleset", "delete table inet {table}", "flush chain inet {table} publish"])
def test_rules_that_somebody_flushed_are_there_again_with_the_next_command(host: World, damage: str):
    far = host.elsewhere()
    box = host.box(publish=[Publish(80, "tcp", "", 8080, 8080)])
    with serving(box.fd, 80) as server:
        nft(damage.format(table=host.place.table))
        assert reach(far, server, "198.51.100.1", 8080, expected=False) is None
        host.box()
        assert reach(far, server, "198.51.100.1", 8080) == "198.51.100.2"


def test_nothing_is_done_to_rules_that_have_not_changed(host: World):
    host.box()
    first = host.place.firewall_state
    before = (Path(first).read_text(), os.stat(first).st_ino)
    host.box()
    sandbox.detach(host.database, host.place, host.boxes[0].id)
    assert (Path(first).read_text(), os.stat(first).st_ino) == before


def test_rules_of_others_are_left_alone(host: World):
    nft('table ip theirs {\nchain c {\ntype filter hook input priority 0;\ntcp dport 1 counter comment "mine"\n}\n}\n')
    box = host.box(publish=[Publish(80, "tcp", "", 8080, 8080)])
    sandbox.detach(host.database, host.place, box.id)
    assert 'comment "mine"' in rules(host)


def test_a_deleted_bridge_is_made_again_and_who_was_on_it_is_plugged_in(host: World):
    one = host.box()
    ip(f"link delete {host.place.default_bridge}")
    two = host.box()
    with serving(one.fd, 80) as server:
        assert reach(two.fd, server, one.ipv4, 80) == two.ipv4


def test_an_address_that_was_taken_from_the_bridge_is_there_again(host: World):
    one = host.box()
    ip(f"addr flush dev {host.place.default_bridge}")
    ip(f"link set {host.place.default_bridge} down")
    host.box()
    with serving(one.fd, 80) as server:
        assert reach(host.fd, server, one.ipv4, 80) == "172.17.0.1"


def test_something_else_has_the_bridges_name(host: World):
    ip(f"link add {host.place.default_bridge} type veth peer name far")
    with pytest.raises(errors.Error, match="is there and no bridge") as caught:
        host.box()
    assert caught.value.kind == errors.CONFLICT


def test_without_nft_the_reason_is_told_and_nothing_is_left(host: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hezi.network.firewall._PLACES", ("/nonexistent/nft",))
    with pytest.raises(errors.Error, match="networks need the program nft") as caught:
        host.box()
    assert caught.value.kind == errors.UNSUPPORTED
    assert not [name for name in links() if name.startswith("veth")]
    assert os.listdir(host.place.namespaces) in (
        [],
        [name for name in os.listdir(host.place.namespaces) if ".lock" in name],
    )
    with host.database.read() as connection:
        assert rows.sandboxes(connection) == []


def test_a_dead_holders_network_is_taken_apart_by_whoever_comes_next(host: World):
    dead = host.box(publish=[Publish(80, "tcp", "", 8080, 8080)])
    sandbox.hold(host.database, dead.id, (1, 1, "another boot"))
    fresh = host.box(publish=[Publish(80, "tcp", "", 8080, 8080)])
    assert fresh.ipv4 == dead.ipv4
    assert not os.path.exists(dead.attached.path)
    assert "172.17.0.2 . 80" in rules(host)


def test_who_stays_in_a_namespace_that_was_given_up_reaches_nobody(host: World):
    old = host.box()
    sandbox.detach(host.database, host.place, old.id)
    new, third = host.box(), host.box()
    assert new.ipv4 == old.ipv4
    with serving(third.fd, 80) as server:
        assert reach(old.fd, server, third.ipv4, 80, expected=False) is None
        assert reach(new.fd, server, third.ipv4, 80) == new.ipv4


# --- several networks, and changes while it runs ---------------------------------------------------------------------


def test_connect_and_disconnect(host: World):
    far = host.elsewhere()
    host.network("a")
    host.network("b")
    box, other = host.box("a"), host.box("b")
    with serving(other.fd, 80) as server:
        assert reach(box.fd, server, other.ipv4, 80, expected=False) is None
        network, endpoint = sandbox.connect(host.database, host.place, box.id, Wish("b"))
        assert (network.name, endpoint.position) == ("b", 1)
        assert reach(box.fd, server, other.ipv4, 80) == endpoint.ipv4
        with pytest.raises(errors.Error, match="already exists in network b"):
            sandbox.connect(host.database, host.place, box.id, Wish("b"))
        # The way out was through a; now it is through b.
        sandbox.disconnect(host.database, host.place, box.id, box.attached.endpoints[0][0].id)
        assert reach(box.fd, server, other.ipv4, 80) == endpoint.ipv4
    with serving(far, 80) as server:
        assert reach(box.fd, server, "198.51.100.2", 80) == "198.51.100.1"
    with spaces.inside(box.fd):
        assert links() == {"eth1"}
    with pytest.raises(errors.Error, match="not connected"):
        sandbox.disconnect(host.database, host.place, box.id, box.attached.endpoints[0][0].id)


def test_macvlan(host: World):
    far = host.elsewhere()
    subnet = model.Subnet("198.51.100.0/24", "198.51.100.2", "198.51.100.64/26")
    host.network("lan", [subnet], driver="macvlan", options={"parent": "wire"})
    box = host.box("lan")
    assert box.ipv4 == "198.51.100.64"
    with serving(far, 80) as server:
        # No address translation: it is a machine of its own on that wire.
        assert reach(box.fd, server, "198.51.100.2", 80) == "198.51.100.64"
    sandbox.detach(host.database, host.place, box.id)
    with spaces.inside(box.fd):
        assert links() == set()


def test_macvlan_needs_a_parent_that_is_there(host: World):
    with pytest.raises(errors.Error, match="needs the interface"):
        host.network("lan", driver="macvlan")
    host.network("lan", driver="macvlan", options={"parent": "nowhere0"})
    with pytest.raises(errors.Error, match="no interface nowhere0"):
        host.box("lan")


# --- the catalog -----------------------------------------------------------------------------------------------------


def test_networks_in_use_stay(host: World):
    network = host.network("a")
    box = host.box("a")
    with host.database.write() as connection, pytest.raises(errors.Error, match="has active endpoints"):
        catalog.remove(connection, network, ["web"])
    assert network.bridge in links()
    sandbox.detach(host.database, host.place, box.id)
    with host.database.write() as connection:
        catalog.remove(connection, network, [])
        catalog.settle(connection, host.place)
        none = catalog.find(connection, "none")
        with pytest.raises(errors.Error, match="pre-defined"):
            catalog.remove(connection, none, [])
    assert network.bridge not in links()


def test_subnets_do_not_overlap(host: World):
    host.network("a", [model.Subnet("10.9.0.0/16")])
    for text in ("10.9.5.0/24", "10.0.0.0/8"):
        with pytest.raises(errors.Error, match="Pool overlaps with other one"):
            host.network("b", [model.Subnet(text)])
    assert host.network("c", [model.Subnet("10.10.0.0/16")]).subnets[0].gateway == "10.10.0.1"


def test_find(host: World):
    network = host.network("a")
    with host.database.read() as connection:
        for text in ("a", network.id, network.id[:7]):
            assert catalog.find(connection, text) == network
        with pytest.raises(errors.Error, match="network nosuch not found"):
            catalog.find(connection, "nosuch")


# --- what is wanted of an interface ----------------------------------------------------------------------------------


def ways(box) -> list[str]:
    with spaces.inside(box.fd):
        return [str(way["gateway"]) for way in ip_json("route show default")]


def test_the_way_out_leads_through_the_highest_priority(host: World):
    for number, name in enumerate("abc"):
        host.network(name, [model.Subnet(f"10.7{number}.0.0/24")])
    box = host.box("a", Wish("b", priority=5))
    assert ways(box) == ["10.71.0.1"]
    # One that is connected later may have a higher one, and when it goes the way is the former again.
    sandbox.connect(host.database, host.place, box.id, Wish("c", priority=7))
    assert ways(box) == ["10.72.0.1"]
    with host.database.read() as connection:
        networks = {name: catalog.find(connection, name) for name in "abc"}
    sandbox.disconnect(host.database, host.place, box.id, networks["c"].id)
    assert ways(box) == ["10.71.0.1"]
    sandbox.disconnect(host.database, host.place, box.id, networks["b"].id)
    assert ways(box) == ["10.70.0.1"]
    sandbox.connect(host.database, host.place, box.id, Wish("c", priority=-1))
    assert ways(box) == ["10.70.0.1"]


def test_a_port_leads_to_the_network_of_the_way_out(host: World):
    host.network("a", [model.Subnet("10.70.0.0/24")])
    host.network("b", [model.Subnet("10.71.0.0/24")])
    host.box("a", Wish("b", priority=5), publish=[Publish(80, "tcp", "", 8300, 8300)])
    assert "tcp . 8300 : 10.71.0.2 . 80" in rules(host)


def test_an_interface_of_another_name_with_more_addresses_and_parameters(host: World):
    host.network("n", ipv6=True)
    extras = model.Extras(
        "lan",
        ("169.254.3.3", "fe80::33"),
        (("net/ipv4/conf/IFNAME/log_martians", "1"), ("net/ipv6/neigh/IFNAME/app_solicit", "7")),
    )
    box = host.box(Wish("n", extras=extras))
    with spaces.inside(box.fd):
        (shown,) = ip_json("addr show dev lan")
        found = {f"{info['local']}/{info['prefixlen']}" for info in shown["addr_info"]}
        assert {f"{box.ipv4}/16", "169.254.3.3/16", "fe80::33/64"} <= found
        assert Path("/proc/sys/net/ipv4/conf/lan/log_martians").read_text() == "1\n"
        assert Path("/proc/sys/net/ipv6/neigh/lan/app_solicit").read_text() == "7\n"
    # Whoever renames it is not in the way of what is changed later.
    with spaces.inside(box.fd):
        ip("link set lan down")
        ip("link set lan name other")
        ip("link set other up")
    host.network("m", [model.Subnet("10.77.0.0/24")])
    sandbox.connect(host.database, host.place, box.id, Wish("m", priority=1))
    assert ways(box) == ["10.77.0.1"]


def test_interfaces_of_a_network_have_its_prefix(host: World):
    host.network("n", options={model.OPTION_PREFIX: "net"})
    box = host.box("bridge", "n")
    with spaces.inside(box.fd):
        assert {link["ifname"] for link in ip_json("link")} >= {"eth0", "net1"}


def test_a_network_may_publish_on_one_address_of_the_host(host: World):
    host.network("n", ipv6=True, options={model.OPTION_HOST_IP: "127.0.0.1"})
    box = host.box("n", publish=[Publish(80, "tcp", "", 8301, 8301), Publish(81, "tcp", "::1", 8302, 8302)])
    assert [(row.host_ip, row.host_port) for row in box.attached.ports] == [("127.0.0.1", 8301), ("::1", 8302)]
    assert f"tcp . 127.0.0.1 . 8301 : {box.ipv4} . 80" in rules(host)


def test_a_port_that_leads_nowhere_is_not_shown(host: World):
    host.network("six", ipv4=False, ipv6=True)
    box = host.box("six", publish=[Publish(80, "tcp", "", 8303, 8303)])
    sandbox.connect(host.database, host.place, box.id, Wish("bridge"))

    def shown() -> list[str]:
        with host.database.read() as connection:
            assert rows.leading_ports(connection) == rows.leading_ports(connection, box.id)
            return [row.host_ip for row in rows.leading_ports(connection, box.id)]

    assert shown() == ["::"]
    sandbox.disconnect(host.database, host.place, box.id, box.attached.endpoints[0][0].id)
    assert shown() == []
    assert "8303" not in rules(host)
