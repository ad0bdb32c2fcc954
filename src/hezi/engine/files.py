"""The three files that docker puts over an image's own: /etc/hosts, /etc/resolv.conf, /etc/hostname."""

from __future__ import annotations

import os

from hezi import errors

_HOSTS = """127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
"""
_MAX = 1 << 20


def contents(network: str, hostname: str) -> dict[str, bytes]:
    """Return name -> content for a network mode (``none``, ``host``)."""
    hosts = _host_file("/etc/hosts") if network == "host" else _HOSTS.encode()
    return {
        "hosts": hosts,
        "resolv.conf": _host_file("/etc/resolv.conf"),
        "hostname": f"{hostname}\n".encode(),
    }


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
