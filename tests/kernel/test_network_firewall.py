"""Published ports and the host's own firewall: its rules for this host decide, by the port that is published."""

from __future__ import annotations

import errno
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from hezi import errors
from hezi.db import networks as rows
from hezi.linux.netlink import nftables, spaces
from hezi.network import entrance, firewall, model, sandbox
from hezi.network.ports import Publish
from hezi.network.published import Forward
from tests.support import firewalld
from tests.support.boxes_net import World, reach, serving, world
from tests.support.needs import SEARCH_PATH
from tests.support.networks import ip, ip_json, nft

pytestmark = pytest.mark.needs("root", "ip", "nft")
OPEN, SHUT = 8081, 8080
PORTS = [Publish(80, "tcp", "", port, port) for port in (OPEN, SHUT)]
HOST4, HOST6, FAR4, FAR6 = "198.51.100.1", "fd00:51::1", "198.51.100.2", "fd00:51::2"


@pytest.fixture
def host(tmp_path: Path):
    with world(tmp_path / "hezi") as made:
        yield made


def say(line: str) -> None:
    subprocess.run(line.split(), check=True, capture_output=True, env={"PATH": SEARCH_PATH})


def tables(both: str) -> None:
    """Lines for iptables and ip6tables."""
    for line in both.splitlines():
        for program in ("iptables", "ip6tables"):
            say(f"{program} {line}")


def of_nft() -> None:
    nft(
        "table inet theirs {\nchain i {\ntype filter hook input priority 0; policy drop;\n"
        f"ct state established,related accept\ntcp dport {OPEN} accept\nmeta l4proto ipv6-icmp accept\n}}\n}}\n"
    )


def of_firewalld() -> None:
    """Its chains and their order, and its words for what was translated."""
    nft(
        "table inet firewalld {\n"
        "chain filter_INPUT {\ntype filter hook input priority 10; policy accept;\n"
        f'ct state established,related accept\nct status dnat accept\niifname "lo" accept\n'
        f"tcp dport {OPEN} ct state new,untracked accept\n"
        "meta l4proto ipv6-icmp accept\nreject with icmpx type admin-prohibited\n}\n"
        "chain filter_FORWARD {\ntype filter hook forward priority 10; policy accept;\n"
        "ct state established,related accept\nct status dnat accept\n"
        "reject with icmpx type admin-prohibited\n}\n}\n"
    )


def of_iptables() -> None:
    tables(
        "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
        f"-A INPUT -p tcp -m multiport --dports {SHUT} -j DROP"
    )


def of_iptables_by_policy() -> None:
    tables(
        "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
        f"-A INPUT -p tcp --dport {OPEN} -j ACCEPT\n-A INPUT -p icmpv6 -j ACCEPT\n-P INPUT DROP"
    )


@pytest.mark.parametrize(
    "wall",
    [
        of_nft,
        of_firewalld,
        pytest.param(of_iptables, marks=pytest.mark.needs("iptables")),
        pytest.param(of_iptables_by_policy, marks=pytest.mark.needs("iptables")),
    ],
)
def test_the_hosts_rules_for_the_port_decide(host: World, wall):
    far = host.elsewhere()
    host.network("six", [model.Subnet("fd00:77::/64")], ipv6=True)
    wall()
    box = host.box("six", publish=PORTS)
    with serving(box.fd, 80) as four, serving(box.fd, 80, "::") as six:
        assert reach(far, four, HOST4, OPEN) == FAR4
        assert reach(far, six, HOST6, OPEN) == FAR6
        assert reach(far, four, HOST4, SHUT, expected=False) is None
        assert reach(far, six, HOST6, SHUT, expected=False) is None
        # Whoever is on the host is not asked.
        assert reach(host.fd, four, HOST4, SHUT) == HOST4


def test_a_rule_that_comes_later_counts_without_any_command(host: World):
    far = host.elsewhere()
    box = host.box(publish=PORTS)
    with serving(box.fd, 80) as server:
        assert reach(far, server, HOST4, SHUT) == FAR4
        nft(f"table inet t {{\nchain i {{\ntype filter hook input priority 0;\ntcp dport {SHUT} drop\n}}\n}}\n")
        assert reach(far, server, HOST4, SHUT, expected=False) is None
        nft("delete table inet t\n")
        assert reach(far, server, HOST4, SHUT) == FAR4


def test_who_asks_is_what_rules_see(host: World):
    """Source, interface and port are those of the packet that arrived; a container is an interface like any other."""
    far = host.elsewhere()
    box, neighbour = host.box(publish=PORTS), host.box()
    bridge = host.place.default_bridge
    nft(
        "table inet t {\nchain i {\ntype filter hook input priority 0;\n"
        f'iifname "wire" ip saddr {FAR4} ip daddr {HOST4} tcp dport {SHUT} drop\n'
        f'iifname "{bridge}" tcp dport {OPEN} drop\n}}\n}}\n'
    )
    with serving(box.fd, 80) as server:
        assert reach(far, server, HOST4, OPEN) == FAR4
        assert reach(far, server, HOST4, SHUT, expected=False) is None
        assert reach(neighbour.fd, server, HOST4, SHUT) == "172.17.0.1"
        assert reach(neighbour.fd, server, HOST4, OPEN, expected=False) is None


def test_datagrams_of_all_sizes_and_answers(host: World):
    far = host.elsewhere()
    box = host.box(publish=[Publish(53, "udp", HOST4, 5353, 5353)])
    nft("table inet t {\nchain i {\ntype filter hook input priority 0; policy drop;\nudp dport 5353 accept\n}\n}\n")
    with serving(box.fd, 53, udp=True) as server:
        for size in (0, 1400, 9000, 60000):
            with spaces.inside(far):
                client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            with client:
                client.settimeout(20)
                client.connect((HOST4, 5353))
                client.send(bytes(size))
                data, peer = server.recvfrom(1 << 16)
                assert (len(data), peer) == (size, (FAR4, client.getsockname()[1]))
                server.sendto(b"answer", peer)
                assert client.recv(16) == b"answer"


def test_direct_ports_are_open_whatever_the_firewall_says(host: World):
    far = host.elsewhere()
    network = host.network("open", options={model.OPTION_PORTS: "direct"})
    direct, judged = host.box("open", publish=PORTS), host.box(publish=[Publish(80, "tcp", "", 9000, 9000)])
    nft("table inet t {\nchain i {\ntype filter hook input priority 0; policy drop;\n}\n}\n")
    with serving(direct.fd, 80) as one, serving(judged.fd, 80) as other:
        assert reach(far, one, HOST4, SHUT) == FAR4
        assert reach(far, other, HOST4, 9000, expected=False) is None
        with host.database.write() as connection:
            changed = network._replace(options={model.OPTION_PORTS: "input"})
            rows.configure(connection, network.id, changed.row().config)
        sandbox.settle(host.database, host.place)
        assert reach(far, one, HOST4, SHUT, expected=False) is None


def test_hosts_that_look_for_the_way_back_of_every_packet(host: World):
    Path("/proc/sys/net/ipv4/conf/all/rp_filter").write_text("1")
    far = host.elsewhere()
    box = host.box(publish=PORTS)
    with serving(box.fd, 80) as server:
        assert reach(far, server, HOST4, OPEN) == FAR4


def test_a_pair_that_was_deleted_or_never_finished_is_made_again(host: World):
    far = host.elsewhere()
    outer, inner = entrance.names(host.place)
    both = "address 02:42:c0:00:00:08 mtu 65535"
    ip(f"link add {outer} {both} type veth peer name {inner} {both}")  # as one leaves it who was killed
    box = host.box(publish=PORTS)
    with serving(box.fd, 80) as server:
        assert reach(far, server, HOST4, OPEN) == FAR4
        ip(f"link delete {inner}")
        assert reach(far, server, HOST4, OPEN, expected=False) is None
        sandbox.settle(host.database, host.place)
        assert reach(far, server, HOST4, OPEN) == FAR4


def test_without_published_ports_nothing_is_made(host: World):
    host.box()
    assert not {*entrance.names(host.place)} & {str(link["ifname"]) for link in ip_json("link")}
    rules = subprocess.run(["/usr/sbin/nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
    assert rules == f"table inet {host.place.table}\n"


def test_a_kernel_that_cannot_send_copies_is_told_what_it_can(host: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(entrance, "NEXT4", "nonsense here")
    with pytest.raises(errors.Error, match="nft refuses hezi's rules") as caught:
        host.box(publish=PORTS)
    assert "hezi.ports=direct" in str(caught.value.hint)
    monkeypatch.undo()
    host.network("open", options={model.OPTION_PORTS: "direct"})
    host.box("open", publish=PORTS)


@pytest.mark.needs("ufw", "iptables", "unshare")
def test_ufw_itself(host: World, tmp_path: Path):
    """As it comes: nothing in, nothing through; then what its users are told to say, and ports one by one."""
    shutil.copytree("/etc/ufw", tmp_path / "ufw")
    far = host.elsewhere()
    box = host.box(publish=PORTS)

    def ufw(*lines: str) -> None:
        inside = " && ".join(("mount --bind $0 /etc/ufw", *(f"ufw {line}" for line in lines)))
        argv = ["unshare", "-m", "sh", "-c", inside, str(tmp_path / "ufw")]
        subprocess.run(argv, check=True, capture_output=True, env={"PATH": SEARCH_PATH})

    with serving(box.fd, 80) as server:
        assert reach(far, server, HOST4, OPEN) == FAR4
        ufw("--force enable")
        assert reach(far, server, HOST4, OPEN, expected=False) is None
        ufw(f"route allow in on {entrance.names(host.place)[1]}", f"allow {OPEN}/tcp", f"deny {SHUT}/tcp")
        assert reach(far, server, HOST4, OPEN) == FAR4
        assert reach(far, server, HOST4, SHUT, expected=False) is None
        # The way out: one rule for each bridge.
        with serving(far, 99) as elsewhere:
            assert reach(box.fd, elsewhere, FAR4, 99, expected=False) is None
            ufw(f"route allow in on {host.place.default_bridge}")
            assert reach(box.fd, elsewhere, FAR4, 99) == HOST4


def test_the_rules_name_no_port_twice():
    """Ports over IPv4 and IPv6, on all addresses and certain ones: each in the table of its family."""
    forwards = [
        Forward("tcp", "0.0.0.0", 80, "172.17.0.2", 80),
        Forward("tcp", "::", 80, "fd00::2", 80),
        Forward("udp", "192.0.2.1", 53, "172.17.0.2", 53),
        Forward("tcp", "0.0.0.0", 81, "172.17.0.3", 80, direct=True),
    ]
    bridge = model.Network("a" * 64, "n", model.BRIDGE, 0, subnets=(model.Subnet("172.17.0.0/16", "172.17.0.1"),))
    text = firewall.render("t", [bridge], forwards, closed=False, entry=firewall.Entry("out", "in", 7))
    _, four, six = text.split("table ip")[-3:]
    assert "elements = { tcp . 80 };" in four
    assert "elements = { udp . 192.0.2.1 . 53 };" in four
    assert "elements = { tcp . 80 };" in six
    assert "81" not in four + six


def test_a_port_more_or_less_is_an_element_more_or_less(host: World, monkeypatch):
    """The rules are nft's and are written once: ports come and go in a transaction, without a program."""
    host.elsewhere()
    first = host.box(publish=[Publish(80, "tcp", "", OPEN, OPEN)])
    calm = nft_list()
    monkeypatch.setattr(firewall, "run", lambda *_, **__: pytest.fail("nft was run"))
    ports = [
        Publish(80, "tcp", "", 8200, 8200),
        Publish(53, "udp", "127.0.0.1", 8201, 8201),
        Publish(80, "tcp", HOST4, 8202, 8203),
    ]
    second = host.box(publish=ports)
    between = nft_list()
    for text in (
        f"tcp . 8200 : {second.ipv4} . 80",
        f"udp . 127.0.0.1 . 8201 : {second.ipv4} . 53",
        f"tcp . {HOST4} . 8202 : {second.ipv4} . 80",
        "tcp . 8200",
    ):
        assert text in between
    sandbox.detach(host.database, host.place, second.id)
    assert nft_list() == calm
    sandbox.detach(host.database, host.place, first.id)
    assert str(OPEN) not in nft_list()
    monkeypatch.undo()
    # What the elements say is what the whole says.
    third = host.box(publish=ports)
    before = nft_list()
    nft("flush ruleset")
    sandbox.settle(host.database, host.place)
    assert sorted(nft_list().split()) == sorted(before.split())
    assert third.ipv4 in before


def test_a_transaction_of_somebody_else_makes_ours_begin_anew(host: World):
    host.box(publish=[Publish(80, "tcp", "", OPEN, OPEN)])
    seen = nftables.generation()
    nft("add table inet others")
    key = nftables.joined(6, ":99")
    one = nftables.Change(nftables.IP, host.place.table, "any", ((key, b""),))
    with pytest.raises(OSError, match="BATCH_BEGIN") as caught:
        nftables.change([one], seen)
    assert caught.value.errno == errno.ERESTART
    assert nftables.change([one], nftables.generation()) == nftables.generation()
    assert "tcp . 99" in nft_list()
    with pytest.raises(OSError, match="DELSETELEM"):
        nftables.change([one._replace(add=False), one._replace(add=False)], nftables.generation())
    # One that fails leaves all as it was.
    assert "tcp . 99" in nft_list()


def nft_list() -> str:
    done = subprocess.run(
        ["nft", "list", "ruleset"], capture_output=True, text=True, check=True, env={"PATH": SEARCH_PATH}
    )
    return done.stdout


@pytest.mark.slow
@pytest.mark.needs("firewalld", "dbus-daemon", "unshare")
def test_firewalld_itself(host: World, tmp_path: Path):
    """Its default zone, then ports one by one, a rich rule, and its reload, over IPv4 and IPv6."""
    far = host.elsewhere()
    host.network("six", [model.Subnet("fd00:77::/64")], ipv6=True)
    box = host.box("six", publish=PORTS)
    with (
        firewalld.running(tmp_path / "firewalld") as say,
        serving(box.fd, 80) as four,
        serving(box.fd, 80, "::") as six,
    ):
        assert reach(far, four, HOST4, OPEN, expected=False) is None
        assert say(f"--add-port={OPEN}/tcp") == "success"
        assert reach(far, four, HOST4, OPEN) == FAR4
        assert reach(far, four, HOST4, SHUT, expected=False) is None
        assert reach(far, six, HOST6, SHUT, expected=False) is None
        # The host itself is not asked.
        assert reach(host.fd, four, HOST4, SHUT) == HOST4
        rule = f'rule family="ipv4" source address="{FAR4}" port port="{OPEN}" protocol="tcp" reject'
        assert say(f"--add-rich-rule={rule}") == "success"
        assert reach(far, four, HOST4, OPEN, expected=False) is None
        assert say(f"--remove-rich-rule={rule}") == "success"
        assert reach(far, four, HOST4, OPEN) == FAR4
        # What was not permanent is gone, and no command of ours was needed to notice.
        assert say("--reload") == "success"
        assert reach(far, four, HOST4, OPEN, expected=False) is None
        assert say("--zone=trusted", "--add-interface=wire") == "success"
        assert reach(far, four, HOST4, SHUT) == FAR4
        # The way out of containers: each bridge is an interface for its zones.
        with serving(far, 99) as elsewhere:
            assert reach(box.fd, elsewhere, FAR4, 99, expected=False) is None
            bridge = box.attached.endpoints[0][0].bridge
            assert say("--zone=trusted", f"--add-interface={bridge}") == "success"
            assert reach(box.fd, elsewhere, FAR4, 99) == HOST4
