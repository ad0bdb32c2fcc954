"""The three files that docker puts over an image's own: /etc/hosts, /etc/resolv.conf, /etc/hostname."""

from __future__ import annotations

import os

from hezi import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_HOSTS = """127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
"""
_MAX = 1 << 20


def hosts(lines: Iterable[tuple[str, str]], *, of_host: bool) -> bytes:
    """Return /etc/hosts.

    :param lines: (address, names) after the usual ones.
    :param of_host: begin with the host's own file.
    """
    head = _host_file("/etc/hosts") if of_host else _HOSTS.encode()
    return head + "".join(f"{address}\t{names}\n" for address, names in lines).encode()


def resolv_conf(
    servers: Sequence[str], search: Sequence[str], options: Sequence[str], *, only_reachable: bool = False
) -> bytes:
    """Return /etc/resolv.conf: the host's, but for what is given.

    :param only_reachable: leave out servers at the host's loopback, which only the host reaches.
    """
    text = _host_file("/etc/resolv.conf")
    if not (servers or search or options) and (not only_reachable or reachable_servers()):
        return text
    words = [line.split() for line in text.decode(errors="replace").splitlines()]
    theirs = [line[1] for line in words if len(line) > 1 and line[0] == "nameserver"]
    if only_reachable:
        theirs = [server for server in theirs if not _is_loopback(server)]
    lines = []
    hosts_own: list[str] = next((line[1:] for line in reversed(words) if line[:1] == ["search"]), [])
    wanted = [text.removesuffix(".") or "." for text in search] or hosts_own
    if wanted and tuple(wanted) != (".",):
        lines.append(f"search {' '.join(wanted)}")
    lines += [f"nameserver {server}" for server in servers or theirs]
    if any(options):
        lines.append(f"options {' '.join(filter(None, options))}")
    return "".join(f"{line}\n" for line in lines).encode()


def reachable_servers() -> list[str]:
    """Return the host's servers of names that a network of its own reaches: all of them, or none.

    With one at the loopback among them the others know less than it does.
    """
    words = [line.split() for line in _host_file("/etc/resolv.conf").decode(errors="replace").splitlines()]
    found = [line[1] for line in words if len(line) > 1 and line[0] == "nameserver"]
    return [] if any(map(_is_loopback, found)) else found


def _is_loopback(server: str) -> bool:
    return server.startswith("127.") or server == "::1"


def write(directory: str, files: dict[str, bytes]) -> None:
    """Write them into the container's directory; they are bound from there, so they stay the same files.

    A later start finds them there: hosts is written anew, as docker does, what the container made of the others stays.

    :raises errors.Error: the disk is full, ...
    """
    for name, data in files.items():
        again = os.O_TRUNC if name == "hosts" else os.O_EXCL
        try:
            fd = os.open(f"{directory}/{name}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | again, 0o644)
            try:
                # Whatever the umask: other users of the container read them.
                os.fchmod(fd, 0o644)
                os.write(fd, data)
            finally:
                os.close(fd)
        except FileExistsError:
            continue
        except OSError as error:
            doing = f"cannot write the container's {name}"
            raise errors.from_os_error(doing, error) from error


def _host_file(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_MAX)
    except OSError:
        return b""
