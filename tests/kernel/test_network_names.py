"""Names of containers, asked for inside of them: found, passed on, or kept in, and nothing that is sent does harm."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import subprocess
import threading
from pathlib import Path

import pytest

from hezi.linux import pidfd
from hezi.linux.netlink import spaces
from hezi.network import sandbox
from hezi.network.dns import names
from hezi.network.sandbox import Wish
from tests.support.boxes_net import Box, World, world
from tests.support.harness import wait_until
from tests.support.networks import nft

pytestmark = pytest.mark.needs("root", "ip", "nft")

A, PTR, TXT, AAAA = 1, 12, 16, 28
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP = range(5)
PATIENCE = 20.0
# No container's name: then the host's servers are asked, which a test's own namespace does not reach.
UNKNOWN = {NXDOMAIN, SERVFAIL}


@pytest.fixture
def host(tmp_path: Path):
    with world(tmp_path / "hezi") as made:
        yield made
        processes = server(made)
    wait_until(lambda: not any(map(alive, processes)), timeout=PATIENCE)


def server(host: World) -> list[int]:
    """The processes that answer for this engine."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
                if host.place.runroot.encode() in words and b"hezi.network.dns" in b" ".join(words):
                    found.append(int(entry))
    return found


def alive(pid: int) -> bool:
    try:
        return pidfd.start_time(pid) > 0 and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def query(name: str, kind: int, *, number: int = 7, flags: int = 0x0100) -> bytes:
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".") if part)
    return struct.pack("!HHHHHH", number, flags, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)


class Reply:
    """What came back: code, flags, and the records' data."""

    def __init__(self, data: bytes, sent: bytes) -> None:
        _, self.flags, _, answers, _, _ = struct.unpack_from("!HHHHHH", data)
        assert data[:2] == sent[:2]
        assert self.flags & 0x8000
        self.code = self.flags & 15
        self.records: list[str] = []
        at = len(sent)
        for _ in range(answers):
            _, kind, _, _, length = struct.unpack_from("!HHHIH", data, at)
            at += 12
            value = data[at : at + length]
            at += length
            if kind in {A, AAAA}:
                self.records.append(socket.inet_ntop(socket.AF_INET if kind == A else socket.AF_INET6, value))
            else:
                self.records.append(value.decode("latin-1"))
        assert at == len(data) or answers == 0


def exchange(box: Box, data: bytes, *, tcp: bool = False, timeout: float = PATIENCE) -> bytes:
    with spaces.inside(box.fd):
        line = socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
    with line:
        line.settimeout(timeout)
        line.connect(("127.0.0.11", 53))
        if not tcp:
            line.send(data)
            return line.recv(65535)
        line.sendall(len(data).to_bytes(2, "big") + data)
        with line.makefile("rb") as stream:
            return stream.read(int.from_bytes(stream.read(2), "big"))


def ask(box: Box, name: str, kind: int = A, *, tcp: bool = False) -> Reply:
    sent = query(name, kind)
    return Reply(exchange(box, sent, tcp=tcp), sent)


def named(network: str, *names: str, servers: tuple[str, ...] = ()) -> Wish:
    return Wish(network, names=names, servers=servers)


# --- names -----------------------------------------------------------------------------------------------------------


def test_names_aliases_and_short_ids(host: World):
    host.network("n", ipv6=True)
    web = host.box(named("n", "web", "www", "0123456789ab"))
    client = host.box(named("n", "client"))
    for name in ("web", "WWW", "0123456789ab", "web.n", "www.n", "web."):
        assert ask(client, name).records == [web.ipv4]
        assert ask(client, name, AAAA).records == [web.ipv6]
        assert ask(client, name, tcp=True).records == [web.ipv4]
    assert ask(client, "client").records == [client.ipv4]
    reply = ask(client, "web", TXT)
    assert (reply.code, reply.records) == (NOERROR, [])
    reverse = ".".join(reversed(web.ipv4.split("."))) + ".in-addr.arpa"
    assert ask(client, reverse, PTR).records == ["\x03web\x01n\0"]
    digits = "".join(f"{number:04x}" for number in struct.unpack("!8H", socket.inet_pton(socket.AF_INET6, web.ipv6)))
    assert ask(client, ".".join(reversed(digits)) + ".ip6.arpa", PTR).records == ["\x03web\x01n\0"]


def test_an_ordinary_resolver_is_content(host: World):
    host.network("n")
    web = host.box(named("n", "web"))
    client = host.box(named("n", "client"))
    with spaces.inside(client.fd):
        done = subprocess.run(["busybox", "nslookup", "web", "127.0.0.11"], capture_output=True, text=True, check=False)
    assert f"Name:\tweb\nAddress: {web.ipv4}" in done.stdout, done.stdout + done.stderr


def test_names_follow_who_comes_and_goes(host: World):
    host.network("n")
    client = host.box(named("n", "client"))
    assert ask(client, "web").code in UNKNOWN
    web = host.box(named("n", "web"))
    assert ask(client, "web").records == [web.ipv4]
    sandbox.detach(host.database, host.place, web.id)
    assert ask(client, "web").code in UNKNOWN


def test_what_a_network_knows_is_kept_once(host: World):
    """And not once for each pair: two hundred on one network would be forty thousand, with each one that comes."""
    host.network("n")
    host.network("m")
    boxes = [host.box(named("n", f"c{number}")) for number in range(3)]
    host.box(named("n", "both"), named("m", "both"))
    known = names.Names(host.database)
    views = [known.view(box.id) for box in boxes]
    assert all(view.zones[0] is views[0].zones[0] for view in views)
    assert [len(known.view(box.id).zones) for box in host.boxes] == [1, 1, 1, 2]


def test_each_knows_the_names_of_its_own_networks(host: World):
    host.network("a")
    host.network("b")
    one, two = host.box(named("a", "one")), host.box(named("b", "two"))
    both = host.box(named("a", "both"), named("b", "both"))
    assert ask(one, "two").code in UNKNOWN
    assert ask(both, "one").records == [one.ipv4]
    assert ask(both, "two").records == [two.ipv4]
    assert ask(one, "both").records == [both.attached.endpoints[0][1].ipv4]
    assert ask(two, "both").records == [both.attached.endpoints[1][1].ipv4]
    sandbox.connect(host.database, host.place, one.id, named("b", "one"))
    assert ask(one, "two").records == [two.ipv4]


def test_several_under_one_name_take_turns(host: World):
    host.network("n")
    boxes = [host.box(named("n", f"w{number}", "web")) for number in range(3)]
    addresses = {box.ipv4 for box in boxes}
    replies = [ask(boxes[0], "web").records for _ in range(3)]
    assert all(set(reply) == addresses for reply in replies)
    assert {reply[0] for reply in replies} == addresses


def test_more_than_fits_a_datagram_comes_by_tcp(host: World):
    host.network("n")
    boxes = [host.box(named("n", f"w{number}", "web")) for number in range(40)]
    reply = ask(boxes[0], "web")
    assert reply.flags & 0x0200
    assert 0 < len(reply.records) < 40
    assert set(ask(boxes[0], "web", tcp=True).records) == {box.ipv4 for box in boxes}


def test_the_default_bridge_has_no_names(host: World):
    box = host.box()
    with pytest.raises(OSError, match="refused"):
        exchange(box, query("x", A))
    assert server(host) == []


def test_a_container_may_be_a_dns_server_itself(host: World):
    host.network("n")
    box = host.box(named("n", "dns"))
    with spaces.inside(box.fd):
        line, stream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
    with line, stream:
        line.bind(("", 53))
        stream.bind(("", 53))
        stream.listen()
        assert ask(box, "dns").records == [box.ipv4]


# --- other servers ---------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def upstream(host: World, address: str = "127.0.0.9"):
    """A server on the host that answers A questions with 192.0.2.7, after two forged answers; gives what it saw."""
    seen: list[bytes] = []
    with spaces.inside(host.fd):
        line, stream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    line.bind((address, 53))
    stream.bind((address, 53))
    stream.listen()
    line.settimeout(0.05)
    stream.settimeout(0.05)
    stop = threading.Event()

    def answer(data: bytes) -> bytes:
        seen.append(data)
        record = struct.pack("!HHHIH4s", 0xC00C, A, 1, 5, 4, socket.inet_aton("192.0.2.7"))
        return data[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0) + data[12:] + record

    def serve() -> None:
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                data, peer = line.recvfrom(4096)
                real = answer(data)
                forged = bytes([real[0] ^ 1]) + real[1:-4] + socket.inet_aton("6.6.6.6")
                other = real[:13] + b"x" + real[14:-4] + socket.inet_aton("6.6.6.6")
                for one in (forged, other, b"", b"\xff" * 5, real):
                    line.sendto(one, peer)
            with contextlib.suppress(TimeoutError):
                accepted, _ = stream.accept()
                with accepted:
                    data = accepted.recv(4096)
                    real = answer(data[2:])
                    accepted.sendall(len(real).to_bytes(2, "big") + real[:9])
                    accepted.sendall(real[9:])

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()
        line.close()
        stream.close()


def test_other_names_are_asked_for_elsewhere(host: World):
    host.network("n")
    box = host.box(named("n", "client", servers=("127.0.0.8", "127.0.0.9")))
    with upstream(host) as seen:
        assert ask(box, "example.org").records == ["192.0.2.7"]
        assert ask(box, "example.org", tcp=True).records == ["192.0.2.7"]
        assert ask(box, "client").records == [box.ipv4]
    assert len(seen) == 2
    # Nobody can guess the number of the next.
    assert {data[:2] for data in seen} != {b"\0\x07"}


def test_nothing_leaves_an_internal_network(host: World):
    """CVE-2024-29018: what is asked for is a way out, too."""
    host.network("i", internal=True)
    host.network("open")
    box = host.box(named("i", "client", servers=("127.0.0.9",)))
    with upstream(host) as seen:
        assert ask(box, "secret.example.org").code == NXDOMAIN
        assert seen == []
        sandbox.connect(host.database, host.place, box.id, named("open", "client"))
        assert ask(box, "example.org").records == ["192.0.2.7"]


def test_no_server_answers(host: World):
    host.network("n")
    box = host.box(named("n", "client", servers=("127.0.0.8",)))
    assert ask(box, "example.org").code == SERVFAIL


def test_a_server_that_says_nothing_harms_nobody_else(host: World):
    host.network("n")
    box = host.box(named("n", "client", servers=("127.0.0.10",)))
    other = host.box(named("n", "other"))
    with spaces.inside(host.fd):
        silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with silent:
        silent.bind(("127.0.0.10", 53))
        with spaces.inside(box.fd):
            line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with line:
            line.connect(("127.0.0.11", 53))
            for number in range(200):
                line.send(query(f"n{number}.example.org", A, number=number))
            line.settimeout(PATIENCE)
            # More than it takes at once are refused at once.
            assert line.recv(512)[3] & 15 == SERVFAIL
            assert ask(other, "client").records == [box.ipv4]
            assert ask(box, "other").records == [other.ipv4]


# --- hostile ---------------------------------------------------------------------------------------------------------

_HOSTILE = [
    b"",
    b"\0",
    b"\0\1\1\0\0\1\0\0\0\0\0",
    query("a", A)[:-3],
    query("a", A, flags=0x8180),
    query("a", A, flags=0x2800),
    struct.pack("!HHHHHH", 1, 0x0100, 2, 0, 0, 0) + query("a", A)[12:] * 2,
    struct.pack("!HHHHHH", 1, 0x0100, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF),
    struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1",
    struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0) + b"\x3f" + b"a" * 20,
    struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0) + (b"\x3f" + b"a" * 63) * 900 + b"\0\0\1\0\1",
    struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0) + b"\x05\xff\xfe\0\n.\0\0\1\0\1",
    os.urandom(512),
    b"\xff" * 60000,
]


def test_hostile_questions_do_no_harm(host: World):
    host.network("n")
    box = host.box(named("n", "client", servers=("127.0.0.8",)))
    (process,) = server(host)
    for data in _HOSTILE:
        with spaces.inside(box.fd):
            line, stream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
        with line, stream:
            line.connect(("127.0.0.11", 53))
            line.send(data)
            stream.settimeout(PATIENCE)
            stream.connect(("127.0.0.11", 53))
            stream.sendall(len(data).to_bytes(2, "big") + data)
        assert ask(box, "client").records == [box.ipv4]
    assert ask(box, "client", tcp=True).records == [box.ipv4]
    assert server(host) == [process]


def test_idle_connections_are_bounded(host: World):
    host.network("n")
    box, other = host.box(named("n", "client")), host.box(named("n", "other"))
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            with spaces.inside(box.fd):
                line = stack.enter_context(socket.socket())
            line.settimeout(PATIENCE)
            line.connect(("127.0.0.11", 53))
            line.send(b"\xff")
        (process,) = server(host)
        # Ours and its few own; the rest of the 40 was turned away.
        wait_until(lambda: len(os.listdir(f"/proc/{process}/fd")) < 40, timeout=PATIENCE)
        assert ask(other, "client").records == [box.ipv4]
        assert ask(box, "client").records == [box.ipv4]


# --- the process -----------------------------------------------------------------------------------------------------


def test_it_is_gone_with_the_last_container(host: World):
    host.network("n")
    one, two = host.box(named("n", "one")), host.box(named("n", "two"))
    (process,) = server(host)
    sandbox.detach(host.database, host.place, one.id)
    assert ask(two, "two").records == [two.ipv4]
    sandbox.detach(host.database, host.place, two.id)
    wait_until(lambda: not alive(process), timeout=PATIENCE)
    assert not os.path.exists(f"{host.place.runroot}/dns.sock")
    three = host.box(named("n", "three"))
    assert ask(three, "three").records == [three.ipv4]


def test_it_ends_by_itself_when_all_holders_are_dead(host: World):
    host.network("n")
    box = host.box(named("n", "one"))
    (process,) = server(host)
    sandbox.hold(host.database, box.id, (1, 1, "another boot"))
    wait_until(lambda: not alive(process), timeout=PATIENCE)


def test_one_that_was_killed_is_replaced_with_all_it_had(host: World):
    host.network("n")
    one = host.box(named("n", "one", servers=("127.0.0.9",)))
    (process,) = server(host)
    os.kill(process, signal.SIGKILL)
    wait_until(lambda: not alive(process), timeout=PATIENCE)
    two = host.box(named("n", "two"))
    assert ask(one, "two").records == [two.ipv4]
    assert ask(two, "one").records == [one.ipv4]
    with upstream(host):
        assert ask(one, "example.org").records == ["192.0.2.7"]


def test_it_has_nothing_of_its_starter(host: World):
    host.network("n")
    host.box(named("n", "one"))
    (process,) = server(host)
    names = {os.readlink(f"/proc/{process}/fd/{number}") for number in (0, 1, 2)}
    assert names == {"/dev/null"}
    assert os.readlink(f"/proc/{process}/cwd") == "/"
    assert os.getsid(process) == process
    nft("flush ruleset")
