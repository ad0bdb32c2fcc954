"""Having the names of a container's networks answered inside of it, at 127.0.0.11 as with docker.

The sockets lie on ports of their own, and rules in the container's namespace lead port 53 there: a container that is a
DNS server itself can still take port 53 of all addresses.
"""

from __future__ import annotations

import _socket  # noqa: PLC2701 - the socket module imports selectors, enum and more
import os
import sys
from contextlib import suppress

import hezi
from hezi import errors
from hezi._util import proc
from hezi._util.lock import FileLock
from hezi.db import networks as rows
from hezi.linux import fd as fds
from hezi.linux.netlink import spaces
from hezi.network import catalog, firewall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from sqlite3 import Connection

    from hezi.db.connection import Database
    from hezi.network.place import Place

ADDRESS = "127.0.0.11"
_BACKLOG = 64
_PATIENCE_S = 20.0
_PROGRAM = (
    "import sys; sys.path.append(sys.argv[1]); from hezi.network.dns.responder import main; "
    "main(int(sys.argv[2]), sys.argv[3], sys.argv[4])"
)
_RULES = """add table ip hezi_names
delete table ip hezi_names
table ip hezi_names {{
  chain out {{
    type nat hook output priority -100; policy accept;
    ip daddr {address} udp dport 53 dnat to {address}:{udp}
    ip daddr {address} tcp dport 53 dnat to {address}:{tcp}
  }}
}}
"""


def serve(database: Database, place: Place, container_id: str, servers: Sequence[str] = ()) -> None:
    """Have a container's questions answered from now on.

    :param servers: whom to ask for names that are no container's; those of the host when empty.
    :raises errors.Error: no nft, or the server cannot be started.
    """
    try:
        with FileLock(None, f"{place.runroot}/dns.lock"):
            if not _running(place):
                _start(database, place)
                # Those that the server before it had: it was killed.
                with database.read() as connection:
                    others = [other for other in served(connection) if other != container_id]
                for other in others:
                    with suppress(OSError, errors.Error):
                        _add(place, other, _kept(place, other))
            if servers:
                with open(_note(place, container_id), "w", encoding="ascii") as file:
                    file.write(" ".join(servers))
            _add(place, container_id, servers or _kept(place, container_id))
    except OSError as error:
        doing = "cannot have the names of the container's networks answered"
        raise errors.from_os_error(doing, error) from error


def served(connection: Connection) -> list[str]:
    """Return the containers on networks where names count."""
    named = [network.id for network in catalog.everything(connection) if network.named]
    return sorted({row.container_id for network in named for row in rows.endpoints_on(connection, network)})


def _note(place: Place, container_id: str) -> str:
    """Where the servers that a container asked for are kept, for the server after this one."""
    return f"{place.namespace(container_id)}.dns"


def _kept(place: Place, container_id: str) -> list[str]:
    try:
        with open(_note(place, container_id), encoding="ascii") as file:
            return file.read(4096).split()
    except FileNotFoundError:
        return []


def leave(place: Place, container_id: str) -> None:
    """Say that a container is gone; without a server nothing happens."""
    with suppress(FileNotFoundError):
        os.unlink(_note(place, container_id))
    with suppress(OSError), FileLock(None, f"{place.runroot}/dns.lock"):
        if os.path.exists(_path(place)):
            _say(place, f"remove {container_id}")


def _path(place: Place) -> str:
    return f"{place.runroot}/dns.sock"


def _running(place: Place) -> bool:
    try:
        _line(place).close()
    except OSError:
        return False
    return True


def _line(place: Place) -> _socket.socket:
    line = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
    try:
        line.settimeout(_PATIENCE_S)
        # By its directory: a path has 107 bytes at most, and a run directory may be deep.
        directory = os.open(place.runroot, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            line.connect(f"/proc/self/fd/{directory}/dns.sock")
        finally:
            os.close(directory)
    except BaseException:
        line.close()
        raise
    return line


def _say(place: Place, text: str, sockets: Sequence[_socket.socket] = ()) -> None:
    line = _line(place)
    try:
        fds.send_fds(line, text.encode(), [one.fileno() for one in sockets])
        line.recv(16)
    finally:
        line.close()


def _start(database: Database, place: Place) -> None:
    """Start the server with its socket listening already: whoever comes now waits in the queue."""
    listening = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
    try:
        with suppress(FileNotFoundError):
            os.unlink(_path(place))
        directory = os.open(place.runroot, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            listening.bind(f"/proc/self/fd/{directory}/dns.sock")
        finally:
            os.close(directory)
        listening.listen(_BACKLOG)
        source = os.path.dirname(os.path.dirname(os.path.abspath(hezi.__file__)))
        argv = [sys.executable, "-I", "-S", "-X", "utf8", "-c", _PROGRAM, source]
        done = proc.run(
            [*argv, str(listening.fileno()), database.path, place.runroot], env={}, fds=(listening.fileno(),)
        )
    finally:
        listening.close()
    if done.code != 0:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise errors.Error(errors.INTERNAL, f"the server of names did not start: {words[-1] if words else done.code}")


def _add(place: Place, container_id: str, servers: Sequence[str]) -> None:
    fd = os.open(place.namespace(container_id), os.O_RDONLY | os.O_CLOEXEC)
    sockets: list[_socket.socket] = []
    try:
        with spaces.inside(fd):
            for kind in (_socket.SOCK_DGRAM, _socket.SOCK_STREAM):
                one = _socket.socket(_socket.AF_INET, kind | _socket.SOCK_CLOEXEC)
                sockets.append(one)
                one.bind((ADDRESS, 0))
            sockets[1].listen(_BACKLOG)
            udp, tcp = (one.getsockname()[1] for one in sockets)
            firewall.run(_RULES.format(address=ADDRESS, udp=udp, tcp=tcp))
        _say(place, " ".join(["add", container_id, *servers]), sockets)
    finally:
        for one in sockets:
            one.close()
        os.close(fd)
