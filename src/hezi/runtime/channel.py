"""The line between the engine and stage 1: messages as marshal data, with descriptors, over a stream socket.

    engine -> stage 1   ("plan", ((operation, fields...), ...)) with the descriptors the plan names
                        ("go",)
    stage 1 -> engine   ("ready",)
                        ("init", pid) with a pidfd of the container's first process
                        ("warning", index of the operation, text)
                        ("console",) with the master side of the terminal
                        ("executing",)
                        ("failed", index of the operation, errno, text, path)
                        end of file: after "executing" the program runs, else somebody died

A message is its length in 4 bytes, which carry the descriptors, and its body. A stream and not SOCK_SEQPACKET, since
arguments and environment may be larger than the largest packet.
"""

from __future__ import annotations

import marshal

from hezi.linux import fd as _fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket as Socket
    from collections.abc import Sequence
    from typing import Any

_HEADER = 4
_MSG_PEEK = 0x02
_MSG_DONTWAIT = 0x40
# The kernel passes at most 253 descriptors at once (SCM_MAX_FD).
MAX_FDS = 253
# More than execve(2) can take as arguments and environment, on the default stack of 8 MiB.
MAX_MESSAGE = 16 * 1024 * 1024


class Channel:
    """One end of the line. Owns its socket."""

    __slots__ = ("socket",)

    def __init__(self, socket: Socket) -> None:
        self.socket = socket

    def send(self, message: tuple[Any, ...], fds: Sequence[int] = ()) -> None:
        """Send one message; blocks until the other side has room.

        :raises OSError: EPIPE when the other side is gone.
        """
        body = marshal.dumps(message)
        header = len(body).to_bytes(_HEADER, "little")
        if fds:
            _fd.send_fds(self.socket, header, fds)
            self.socket.sendall(body)
        else:
            self.socket.sendall(header + body)

    def receive(self) -> tuple[tuple[Any, ...] | None, list[int]]:
        """Wait for the next message; (None, []) at the end.

        :return: the message and its descriptors, close-on-exec, which the caller owns.
        :raises OSError: EMSGSIZE for a length no plan has.
        """
        header, fds = _fd.recv_fds(self.socket, _HEADER, MAX_FDS)
        if not header:
            return None, fds
        while len(header) < _HEADER:
            header += self._some(_HEADER - len(header))
        length = int.from_bytes(header, "little")
        if length > MAX_MESSAGE:
            raise OSError(90, f"recv: message of {length} bytes")
        parts = []
        while length:
            part = self._some(length)
            parts.append(part)
            length -= len(part)
        message: tuple[Any, ...] = marshal.loads(b"".join(parts))  # noqa: S302 - from our own other half
        return message, fds

    def expect_silence(self) -> None:
        """Check that the other side lives and has nothing to say, without waiting.

        :raises OSError: EPIPE when it is gone (or speaks, which it has no reason to).
        """
        try:
            self.socket.recv(1, _MSG_PEEK | _MSG_DONTWAIT)
        except BlockingIOError:
            return
        raise OSError(32, "recv: the other side is gone")

    def _some(self, length: int) -> bytes:
        part = self.socket.recv(min(length, 1 << 20))
        if not part:
            raise OSError(104, "recv: the other side ended in the middle of a message")
        return part

    def close(self) -> None:
        """Close the socket; again does nothing."""
        self.socket.close()
