"""Containers on networks, by the command line, in a network namespace of the test's own."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path

import pytest

from hezi.linux.netlink import spaces
from tests.support.harness import Hezi, Result, wait_until
from tests.support.networks import ip, ip_json, own_network

pytestmark = pytest.mark.needs("root", "overlay", "docker-registry", "skopeo", "busybox", "ip", "nft")
PATIENCE = 20.0


class Net:
    """hezi on a machine with a loopback and nothing else, and an image in its store."""

    def __init__(self, hezi: Hezi, image: str) -> None:
        self.hezi = hezi
        self.image = image

    def __call__(self, *words: str, check: bool = True, **options) -> Result:
        """Run a command line; ``@`` is the image, and the network is what hezi takes by itself."""
        argv = [self.image if word == "@" else word for word in words]
        return self.hezi.run(*argv, env={"HEZI_NETWORK": ""}, check=check, **options)

    def inspect(self, name: str, template: str):
        return json.loads(self("inspect", "-f", f"{{{{json {template}}}}}", name).stdout)

    def leaks(self) -> list[str]:
        """What is there of containers that are gone."""
        links = [str(link["ifname"]) for link in ip_json("link") if str(link["ifname"]).startswith("veth")]
        handles = os.listdir(self.hezi.runroot / "netns") if (self.hezi.runroot / "netns").exists() else []
        return [*links, *handles, *(line for line in self.hezi.mounts() if "nsfs" in line)]


@pytest.fixture
def net(hezi_env: Hezi, busybox_image: str, leftovers_guard: None):
    hezi_env.run("pull", "-q", busybox_image, check=True)
    with own_network():
        made = Net(hezi_env, busybox_image)
        yield made
        names = made("ps", "-aq").stdout.split()
        if names:
            made("rm", "-f", *names)
        assert wait_until(lambda: not made.leaks(), timeout=PATIENCE), made.leaks()


def fetch(port: int, address: str = "127.0.0.1") -> bytes:
    """What a web server says."""
    with socket.create_connection((address, port), timeout=PATIENCE) as line:
        line.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with line.makefile("rb") as stream:
            return stream.readline()


def answers(port: int) -> bool:
    try:
        return fetch(port).startswith(b"HTTP/")
    except OSError:
        return False


SERVER = ("busybox", "httpd", "-f", "-p", "80")


def test_without_a_word_a_container_is_on_the_default_bridge(net: Net):
    done = net("run", "--rm", "--name", "one", "@", "sh", "-c", "busybox ip -4 -o addr; cat /etc/hosts")
    assert "eth0    inet 172.17.0.2/16 brd 172.17.255.255" in done.stdout
    assert any(line.startswith("172.17.0.2\t") for line in done.stdout.splitlines())
    assert done.stderr == ""
    net("run", "-d", "--name", "two", "@", "sleep", "600")
    settings = net.inspect("two", ".NetworkSettings")
    assert (settings["IPAddress"], settings["Gateway"], settings["Ports"]) == ("172.17.0.2", "172.17.0.1", {})
    assert settings["Networks"]["bridge"]["IPPrefixLen"] == 16
    assert net.inspect("two", ".HostConfig.NetworkMode") == "bridge"
    # What ip netns and nsenter can use.
    assert os.stat(settings["SandboxKey"]).st_ino == os.stat(f"/proc/{net.inspect('two', '.State.Pid')}/ns/net").st_ino


def test_a_server_and_a_client_by_name_and_a_port_that_moves(net: Net):
    net("network", "create", "web")
    net("run", "-d", "--name", "server", "--network", "web", "--network-alias", "www", "-p", "8080:80", "@", *SERVER)
    assert wait_until(lambda: answers(8080), timeout=PATIENCE)
    for name in ("server", "www", "server.web"):
        done = net("run", "--rm", "--network", "web", "@", "busybox", "nslookup", name)
        assert "172.18.0.2" in done.stdout
    net("rename", "server", "master")
    assert "172.18.0.2" in net("run", "--rm", "--network", "web", "@", "busybox", "nslookup", "master").stdout
    net("rename", "master", "server")
    assert net("port", "server").stdout == "80/tcp -> 0.0.0.0:8080\n"
    assert net("port", "server", "80").stdout == "0.0.0.0:8080\n"
    assert "0.0.0.0:8080->80/tcp" in net("ps").stdout
    assert net("port", "add", "server", "8081:80").stdout == "80/tcp -> 0.0.0.0:8081\n"
    assert answers(8081)
    assert net("port", "rm", "server", "8080:80").stdout == "80/tcp -> 0.0.0.0:8080\n"
    assert not answers(8080)
    assert answers(8081)
    # What was asked for when it was made holds again after its next start.
    net("restart", "-t", "0", "server")
    assert net("port", "server").stdout == "80/tcp -> 0.0.0.0:8080\n"
    found = net("network", "rm", "web", check=False)
    assert (found.code, "has active endpoints" in found.stderr) == (1, True)
    net("rm", "-f", "server")
    net("network", "rm", "web")


def test_connect_and_disconnect_now_and_from_now_on(net: Net):
    net("network", "create", "--subnet", "10.5.0.0/16", "a")
    net("network", "create", "--subnet", "10.6.0.0/16", "b")
    net("run", "-d", "--name", "one", "--network", "a", "@", "sleep", "600")
    net("network", "connect", "--ip", "10.6.0.9", "--alias", "x", "b", "one")
    assert "10.6.0.9" in net("run", "--rm", "--network", "b", "@", "busybox", "nslookup", "x").stdout
    again = net("network", "connect", "b", "one", check=False)
    assert again.stderr == "hezi: endpoint with name one already exists in network b\n"
    net("network", "disconnect", "a", "one")
    assert sorted(net.inspect("one", ".NetworkSettings.Networks")) == ["b"]
    net("restart", "-t", "0", "one")
    networks = net.inspect("one", ".NetworkSettings.Networks")
    assert {name: one["IPAddress"] for name, one in networks.items()} == {"b": "10.6.0.9"}
    gone = net("network", "disconnect", "a", "one", check=False)
    assert (gone.code, "is not connected to network a" in gone.stderr) == (1, True)


@pytest.mark.slow
def test_two_networks_from_the_start(net: Net):
    net("network", "create", "--subnet", "10.5.0.0/16", "a")
    net("network", "create", "--internal", "--subnet", "10.6.0.0/16", "b")
    line = ("--network", "name=b,ip=10.6.0.7", "--network", "name=a,mac-address=02:00:00:00:00:09")
    done = net("run", "--rm", *line, "@", "sh", "-c", "busybox ip -4 -o addr; busybox ip route; busybox ip -o link")
    assert "eth0    inet 10.6.0.7/16" in done.stdout
    assert "eth1    inet 10.5.0.2/16" in done.stdout
    # An internal network leads nowhere: the way out is the other one.
    assert "default via 10.5.0.1 dev eth1" in done.stdout
    assert "02:00:00:00:00:09" in done.stdout


def test_another_containers_network(net: Net):
    net("run", "-d", "--name", "one", "@", "sleep", "600")
    both = net("run", "--rm", "--network", "container:one", "@", "sh", "-c", "busybox ip -4 -o addr; cat /etc/hosts")
    assert "172.17.0.2/16" in both.stdout
    assert "172.17.0.2\t" in both.stdout
    net("stop", "-t", "0", "one")
    late = net("run", "--rm", "--network", "container:one", "@", "true", check=False)
    assert (late.code, "non running container" in late.stderr) == (125, True)


def test_files_of_the_network(net: Net):
    line = ("--dns", "192.0.2.53", "--dns-search", "example.org", "--dns-option", "ndots:2")
    done = net("run", "--rm", *line, "--add-host", "a:192.0.2.1", "--add-host", "g:host-gateway", "@", "cat",
               "/etc/resolv.conf", "/etc/hosts")  # fmt: skip
    assert done.stdout.startswith("search example.org\nnameserver 192.0.2.53\noptions ndots:2\n127.0.0.1\tlocalhost\n")
    assert "192.0.2.1\ta\n172.17.0.1\tg\n" in done.stdout
    net("run", "-d", "--name", "db", "@", "sleep", "600")
    linked = net("run", "--rm", "--link", "db:sql", "@", "cat", "/etc/hosts").stdout
    assert any(line.startswith("172.17.0.2\tsql ") and line.endswith(" db") for line in linked.splitlines())


MISTAKES = [
    (("--network", "nosuch"), "network nosuch not found"),
    (("--ip", "192.0.2.1"), "user specified IP address is supported on user defined networks only"),
    (("--network-alias", "x"), "network-scoped aliases are only supported for user-defined networks"),
    (("--network", "container:x", "-p", "80:80"), "conflicting options: port publishing and the container type"),
    (("--network", "container:x", "--hostname", "h"), "conflicting options: hostname and the network mode"),
    (("--network", "container:x"), "No such container: x"),
    (("--network", "host", "--network", "a"), "cannot attach both user-defined and non-user-defined"),
    (("-p", "99999:1"), "invalid hostPort: 99999"),
    (("-p", "80/foo"), "invalid proto: foo"),
    (("--mac-address", "x"), "x is not a valid mac address"),
    (("--add-host", "x"), 'bad format for add-host: "x"'),
    (("--dns", "x"), "IP address is not correctly formatted: x"),
    (("--expose", "x"), "invalid range format for --expose: x"),
    (("--link", "nosuch"), "could not get container for nosuch: No such container: nosuch"),
]


def test_mistakes_are_told_with_dockers_words_and_leave_nothing(net: Net):
    wrong = []
    for line, words in MISTAKES:
        done = net("run", "--rm", *line, "@", "true", check=False)
        if done.code != 125 or words not in done.stderr:
            wrong.append(f"{' '.join(line)}: {done.code} {done.stderr}")
    assert not wrong, "\n".join(wrong)
    assert net("ps", "-aq").stdout == ""


def test_a_port_in_use(net: Net):
    net("run", "-d", "--name", "one", "-p", "127.0.0.1:8080:80", "@", "sleep", "600")
    done = net("run", "--rm", "-p", "8080:80", "@", "true", check=False)
    assert (done.code, "Bind for 0.0.0.0:8080 failed: port is already allocated" in done.stderr) == (125, True)
    with socket.socket() as mine:
        mine.bind(("127.0.0.1", 8081))
        mine.listen()
        done = net("run", "--rm", "-p", "127.0.0.1:8081:80", "@", "true", check=False)
    assert (done.code, "address already in use" in done.stderr) == (125, True)


@pytest.mark.slow
def test_published_ports_without_a_network_are_said_to_be_discarded(net: Net):
    # As docker, which says nothing of it without any network.
    said = "hezi: WARNING: Published ports are discarded when using host network mode\n"
    for kind, wanted in (("host", said), ("none", "")):
        assert net("run", "--rm", "--network", kind, "-p", "80:80", "@", "true").stderr == wanted


@pytest.mark.slow
def test_the_default_can_be_another(net: Net):
    done = net.hezi.run(
        "run", "--rm", net.image, "busybox", "ip", "-o", "link", env={"HEZI_NETWORK": "none"}, check=True
    )
    assert "eth0" not in done.stdout
    net("network", "create", "mine")
    net.hezi.run("run", "-d", "--name", "one", net.image, "sleep", "600", env={"HEZI_NETWORK": "mine"}, check=True)
    assert net.inspect("one", ".HostConfig.NetworkMode") == "mine"


@pytest.mark.slow
def test_all_that_is_exposed_can_be_published(net: Net):
    net("run", "-d", "--name", "one", "-P", "--expose", "80", "--expose", "53/udp", "@", *SERVER)
    ports = dict(line.split(" -> ") for line in net("port", "one").stdout.splitlines())
    assert sorted(ports) == ["53/udp", "80/tcp"]
    port = int(ports["80/tcp"].rpartition(":")[2])
    assert wait_until(lambda: answers(port), timeout=PATIENCE)
    assert net("ps", "-q", "--filter", "publish=1-9").stdout == ""
    assert net("ps", "-q", "--filter", f"publish={port}").stdout != ""
    assert net("ps", "-q", "--filter", "expose=53/udp").stdout != ""


def test_a_killed_monitor_leaves_nothing_after_the_next_command(net: Net):
    net("network", "create", "n")
    net("run", "-d", "--rm", "--network", "n", "-p", "8080:80", "--name", "one", "@", "sleep", "600")
    identifier = net.inspect("one", ".Id")
    state = json.loads((Path(net.hezi.runroot) / "containers" / identifier / "state.json").read_text())
    os.kill(state["monitor_pid"], signal.SIGKILL)
    assert wait_until(lambda: net("ps", "-q").stdout == "", timeout=PATIENCE)
    assert wait_until(lambda: not net.leaks(), timeout=PATIENCE), net.leaks()
    # Name, address and port are free.
    net("run", "-d", "--rm", "--network", "n", "-p", "8080:80", "--name", "one", "@", "sleep", "600")
    assert net.inspect("one", ".NetworkSettings.Networks.n.IPAddress") == "172.18.0.2"


def test_plan_says_which_network_would_be_joined(net: Net):
    lines = net("run", "--plan", "@", "true").stdout
    assert f"net namespace of {net.hezi.runroot}/netns/" in lines
    assert net.leaks() == []


def test_events_of_networks(net: Net):
    net("network", "create", "--subnet", "10.5.0.0/24", "n")
    net("run", "-d", "--network", "n", "--name", "one", "@", "sleep", "600")
    net("network", "create", "m")
    net("network", "connect", "m", "one")
    net("network", "disconnect", "m", "one")
    net("rm", "-f", "one")
    net("network", "rm", "n")
    net("network", "prune", "-f")
    line = ("events", "--since", "1h", "--until", "0s", "--filter", "type=network", "--format")
    told = net(*line, "{{.Action}} {{.Actor.Attributes.name}} {{.Actor.Attributes.type}}").stdout.splitlines()
    assert told == [
        "create n bridge",
        "connect n bridge",
        "create m bridge",
        "connect m bridge",
        "disconnect m bridge",
        "disconnect n bridge",
        "destroy n bridge",
        "destroy m bridge",
        "prune <no value> <no value>",
    ]


def test_a_networks_ports_are_made_direct_and_back(net: Net):
    net("network", "create", "n")
    assert net("network", "update", "-o", "hezi.ports=direct", "n").stdout == "n\n"
    assert net("network", "inspect", "-f", "{{json .Options}}", "n").stdout == '{"hezi.ports":"direct"}\n'
    for line, words in (
        (("-o", "hezi.ports=x", "n"), "input or direct"),
        (("-o", "com.docker.network.driver.mtu=9000", "n"), "cannot be changed afterwards"),
        (("-o", "hezi.ports=direct", "host"), "of the driver host cannot be changed"),
        (("n",), "nothing to change"),
    ):
        done = net("network", "update", *line, check=False)
        assert (done.code != 0, words in done.stderr) == (True, True), done.stderr
    assert net("network", "update", "-o", "hezi.ports=input", "n").stdout == "n\n"


def test_namespaces_are_known_to_ip_netns_where_that_is_wanted(net: Net):
    def known() -> set[str]:
        return {str(one["name"]) for one in ip_json("netns list")}

    wanted = {"HEZI_NETWORK": "", "HEZI_IP_NETNS": "1"}
    name, other = f"a{os.getpid()}", f"b{os.getpid()}"
    for one in (name, other):
        net.hezi.run("run", "-d", "--name", one, net.image, "sleep", "600", env=wanted, check=True)
    assert {name, other} <= known()
    ip(f"netns exec {name} true")
    again = net.hezi.run("run", "--rm", "--name", name, net.image, "true", env=wanted)
    assert again.code == 125
    net("rm", "-f", name)
    assert name not in known()
    # The monitor killed: whoever comes next.
    state = Path(net.hezi.runroot) / "containers" / net.inspect(other, ".Id") / "state.json"
    os.kill(json.loads(state.read_text())["monitor_pid"], signal.SIGKILL)
    assert wait_until(lambda: net("ps", "-q").stdout == "" and other not in known(), timeout=PATIENCE)
    # What somebody else calls so is left alone.
    ip(f"netns add {name}")
    try:
        taken = net.hezi.run("run", "--rm", "--name", name, net.image, "true", env=wanted)
        assert (taken.code, f"a network namespace called {name} is there already" in taken.stderr) == (125, True)
        assert name in known()
    finally:
        ip(f"netns delete {name}")


def test_a_protocol_that_the_kernel_has_not_is_told_by_name(net: Net):
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP).close()
    except OSError:
        done = net("run", "--rm", "-p", "8080:80/sctp", "@", "true", check=False)
        assert (done.code, "this kernel has no SCTP (module sctp)" in done.stderr) == (125, True), done.stderr
    else:
        net("run", "-d", "--name", "one", "-p", "8080:80/sctp", "@", "sleep", "600")
        assert net("port", "one").stdout == "80/sctp -> 0.0.0.0:8080\n"


@pytest.mark.slow
def test_ip_netns_exec_enters_by_path(net: Net):
    net("run", "-d", "--name", "one", "@", "sleep", "600")
    fd = os.open(net.inspect("one", ".NetworkSettings.SandboxKey"), os.O_RDONLY)
    try:
        with spaces.inside(fd):
            assert "eth0" in {link["ifname"] for link in ip_json("link")}
    finally:
        os.close(fd)
