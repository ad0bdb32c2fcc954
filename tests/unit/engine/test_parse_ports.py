"""-p, --expose, --network, --add-host and --dns: docker's grammar, and its words for what is wrong."""

from __future__ import annotations

import pytest

from hezi import errors
from hezi.engine import links_env, parse_network, parse_ports
from hezi.network import model
from hezi.network.ports import Publish


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("80", [(80, "tcp", "", 0, 0)]),
        ("8080:80", [(80, "tcp", "", 8080, 8080)]),
        (":80", [(80, "tcp", "", 0, 0)]),
        ("127.0.0.1:8080:80/udp", [(80, "udp", "127.0.0.1", 8080, 8080)]),
        ("127.0.0.1::80", [(80, "tcp", "127.0.0.1", 0, 0)]),
        ("[::1]:8080:80/SCTP", [(80, "sctp", "::1", 8080, 8080)]),
        ("::1:8080:80", [(80, "tcp", "::1", 8080, 8080)]),
        ("9000-9001:80-81", [(80, "tcp", "", 9000, 9000), (81, "tcp", "", 9001, 9001)]),
        ("9000-9003:80", [(80, "tcp", "", 9000, 9003)]),
        ("80-81/udp", [(80, "udp", "", 0, 0), (81, "udp", "", 0, 0)]),
        ("target=80,published=8080,protocol=udp", [(80, "udp", "", 8080, 8080)]),
    ],
)
def test_publish(text: str, expected: list[tuple]):
    assert parse_ports.parse_publish(text) == tuple(Publish(*one) for one in expected)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no port specified: <empty>"),
        ("x", "invalid containerPort: x"),
        ("80:", "no port specified: 80:<empty>"),
        ("99999:1", "invalid hostPort: 99999"),
        ("81-80", "invalid containerPort: 81-80"),
        ("80/foo", "invalid proto: foo"),
        ("1-3:80-81", "invalid ranges specified for container and host Ports: 80-81 and 1-3"),
        ("1.2.3:80:80", "invalid IP address: 1.2.3"),
        ("²:80", "invalid hostPort: ²"),
        ("target=80,nosuch=1", "invalid field key nosuch"),
        ("target=x", "invalid target port (x): value must be an integer"),
        ("target=80,mode=x", "invalid publish mode value (x): must be either 'ingress' or 'host'"),
    ],
)
def test_publish_refuses(text: str, words: str):
    with pytest.raises(errors.Error) as caught:
        parse_ports.parse_publish(text)
    assert (caught.value.kind, caught.value.message) == (errors.INVALID, words)


def test_everything_that_is_exposed():
    found = parse_ports.wanted(["8080:80"], ["90-91/udp"], ["80/tcp", "443/tcp"], everything=True)
    assert found == [Publish(80, "tcp", "", 8080, 8080), *map(Publish, (90, 91, 443), ("udp", "udp", "tcp"))]
    assert parse_ports.wanted([], ["90"], ["80/tcp"], everything=False) == []


@pytest.mark.parametrize("text", ["x", "80/foo", "1:2", "70000", "9-8"])
def test_expose_refuses(text: str):
    with pytest.raises(errors.Error) as caught:
        parse_ports.parse_expose(text)
    assert caught.value.kind == errors.INVALID


def test_network():
    assert parse_network.parse("default").name == "bridge"
    assert parse_network.parse("web") == parse_network.Asked("web")
    text = "name=web,alias=a,alias=b,ip=10.0.0.5,ip6=FD00::0:5,mac-address=02-00-00-00-00-0A"
    assert parse_network.parse(text) == parse_network.Asked(
        "web", ("a", "b"), "10.0.0.5", "fd00::5", "02:00:00:00:00:0a"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no name set for network"),
        ("ip=10.0.0.5", "no name set for network"),
        ("name=web,nosuch=1", "invalid field key nosuch"),
        ("name=web,ip=x", "invalid IPv4 address: x"),
        ("name=web,ip=fd00::5", "invalid IPv4 address: fd00::5"),
        ("name=web,ip6=10.0.0.5", "invalid IPv6 address: 10.0.0.5"),
        ("name=web,mac-address=x", "x is not a valid mac address"),
        ("name=web,alias=a b", "invalid network alias 'a b'"),
        ("name=web,gw-priority=x", "invalid gw-priority: x"),
        ("name=web,link-local-ip=10.0.0.1", "invalid link local IP address: 10.0.0.1"),
        ("name=web,driver-opt=a", "invalid key value pair format in driver options"),
        ('name=web,"alias=x', 'parse error in name=web,"alias=x: a quotation mark is not closed'),
        ('name=web,al"ias=x', 'parse error in name=web,al"ias=x: a quotation mark inside of a field'),
    ],
)
def test_network_refuses(text: str, words: str):
    with pytest.raises(errors.Error) as caught:
        parse_network.parse(text)
    assert caught.value.message == words


def test_network_with_options_of_its_interface():
    text = (
        'name=web,gw-priority=-3,link-local-ip=169.254.1.2,"driver-opt=com.docker.network.endpoint.sysctls='
        'net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.conf.IFNAME.accept_ra=0",driver-opt=other=a'
    )
    asked = parse_network.parse(text)
    assert (asked.priority, asked.link_local) == (-3, ("169.254.1.2",))
    wanted = ("net/ipv4/conf/IFNAME/log_martians", "1"), ("net/ipv6/conf/IFNAME/accept_ra", "0")
    assert parse_network.extras(asked) == model.Extras("", ("169.254.1.2",), wanted)
    assert parse_network.unknown_options(asked) == ("other",)
    for fields in (["a", 'b="c", d', "e,f"], ['"'], ["", "x"], ["a"]):
        assert parse_network.fields_of(",".join(map(parse_network.quoted, fields))) == fields


@pytest.mark.parametrize(
    "value",
    [
        "net.ipv4.ip_forward=1",
        "net.ipv4.conf.all.forwarding=1",
        "net.ipv4.conf.IFNAME.../../../../kernel/hostname=x",
        "net.ipv4.conf.IFNAME./x=1",
        "net.ipv4.conf.IFNAME.x",
        "kernel.hostname=x",
    ],
)
def test_an_interface_sets_its_own_parameters_only(value: str):
    asked = parse_network.Asked("n", options=(("com.docker.network.endpoint.sysctls", value),))
    with pytest.raises(errors.Error, match="invalid endpoint sysctl"):
        parse_network.extras(asked)


@pytest.mark.parametrize("name", ["a/b", "a b", "lo", "..", "x" * 16, "a:b"])
def test_an_interface_has_a_name_that_the_kernel_takes(name: str):
    asked = parse_network.Asked("n", options=(("com.docker.network.endpoint.ifname", name),))
    with pytest.raises(errors.Error, match="invalid interface name"):
        parse_network.extras(asked)


@pytest.mark.parametrize(
    ("text", "domain"),
    [("a.org", "a.org"), ("A.org.", "A.org"), (".", "."), (" a ", "a"), ("a-1.b", "a-1.b"), ("x" * 254, "x" * 254)],
)
def test_search_domains(text: str, domain: str):
    assert parse_network.search_domain(text) == domain


@pytest.mark.parametrize("text", ["", "a..b", "-a", "a-", "a_b", "1.2", "a b", "é.org", "x" * 255, "..", "a\n"])
def test_no_search_domains(text: str):
    with pytest.raises(errors.Error, match="is not a valid domain"):
        parse_network.search_domain(text)


@pytest.mark.parametrize(
    ("exposed", "lines"),
    [
        (["80/tcp"], ["A_PORT=tcp://1.2.3.4:80", "A_PORT_80_TCP=tcp://1.2.3.4:80"]),
        (["82/tcp", "80/tcp", "81/tcp"], ["A_PORT_80_TCP_START=tcp://1.2.3.4:80", "A_PORT_80_TCP_PORT_END=82"]),
        (["53/udp", "53/tcp"], ["A_PORT=tcp://1.2.3.4:53", "A_PORT_53_UDP_PROTO=udp"]),
    ],
)
def test_variables_of_links(exposed: list[str], lines: list[str]):
    found = [f"{name}={value}" for name, value in links_env.ports("A", "1.2.3.4", exposed)]
    assert set(lines) <= set(found)
    assert not links_env.ports("A", "1.2.3.4", [])


def test_hosts_and_links():
    assert parse_network.parse_host("h:1.2.3.4") == ("h", "1.2.3.4")
    assert parse_network.parse_host("h=[fd00::1]") == ("h", "fd00::1")
    assert parse_network.parse_host("h:fd00::1") == ("h", "fd00::1")
    assert parse_network.parse_host("g:host-gateway") == ("g", "host-gateway")
    assert parse_network.parse_link("db:sql") == ("db", "sql")
    assert parse_network.parse_link("db") == ("db", "db")
    for text in ("h", ":1.2.3.4", "h:x", "a b:1.2.3.4", "a\nb:1.2.3.4"):
        with pytest.raises(errors.Error, match="add-host"):
            parse_network.parse_host(text)


def test_what_goes_to_resolv_conf_stays_one_line():
    parse_network.check_dns(["1.1.1.1", "fd00::1"], ["example.org"], ["ndots:2"])
    for values in (["x"], [], []), ([], ["a b"], []), ([], [], ["x\nnameserver 6.6.6.6"]):
        with pytest.raises(errors.Error):
            parse_network.check_dns(*values)
