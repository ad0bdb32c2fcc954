"""A TCP proxy in front of a server that cuts connections once so many bytes went to the server."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading


class CuttingProxy:
    """Use it in a ``with`` statement; ``host`` is ``127.0.0.1:PORT``.

    :ivar cuts: for the next connections that send more than this: how many bytes pass before the cut.
    :ivar passed: bytes that went to the server in all.
    """

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self.cuts: list[int] = []
        self.passed = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> CuttingProxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            threading.Thread(target=self._up, args=(client, server), daemon=True).start()
            threading.Thread(target=self._down, args=(server, client), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        sent = 0
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 16):
                with self._lock:
                    cut = self.cuts[0] if self.cuts and sent + len(data) > self.cuts[0] else None
                    if cut is not None:
                        self.cuts.pop(0)
                        data = data[: max(cut - sent, 0)]
                    self.passed += len(data)
                server.sendall(data)
                sent += len(data)
                if cut is not None:
                    # The server sees a client that hangs up, the client a connection that is reset.
                    server.shutdown(socket.SHUT_WR)
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    client.close()
                    return
        _hang_up(server)

    @staticmethod
    def _down(server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(1 << 16):
                client.sendall(data)
        _hang_up(client)
        server.close()


def _hang_up(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_WR)
