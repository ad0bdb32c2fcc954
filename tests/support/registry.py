"""A real registry (Debian's docker-registry) on a free loopback port, its storage in a directory of its own.

Standard library only: the demo and the benchmarks use it too.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.needs import SEARCH_PATH

USER, PASSWORD = "hezi", "secret"
# docker-registry takes bcrypt only, for which the standard library has nothing: the hash of PASSWORD.
_HTPASSWD = f"{USER}:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n"


class Registry:
    """A running registry.

    :ivar host: ``127.0.0.1:PORT``, the first part of a reference.
    :ivar ca: the file of its certificate authority, or None when it speaks plain HTTP.
    """

    def __init__(self, directory: Path, *, auth: bool = False, tls: bool = False) -> None:
        self.directory = directory
        self.host = ""
        self.auth = auth
        self.ca: Path | None = directory / "ca.pem" if tls else None
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        if tls:
            make_certificates(directory)

    def start(self) -> None:
        """Start it and return when ``/v2/`` answers.

        :raises RuntimeError: it did not start; the text has its log.
        """
        # Another process may take the port between our looking and the registry's binding: then try the next.
        for _ in range(5):
            port = free_port()
            self._launch(port)
            if self._wait(port):
                self.host = f"127.0.0.1:{port}"
                return
            self.stop()
        raise RuntimeError("docker-registry did not start:\n" + (self.directory / "log").read_text())

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _launch(self, port: int) -> None:
        config = self.directory / "config.yml"
        config.write_text(self._config(port))
        # setpriv: whatever kills us, no registry stays behind.
        argv = ["setpriv", "--pdeathsig", "KILL", "docker-registry", "serve", str(config)]
        environment = {**os.environ, "PATH": SEARCH_PATH, "OTEL_TRACES_EXPORTER": "none"}
        with open(self.directory / "log", "ab") as log:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=self.directory
            )

    def _config(self, port: int) -> str:
        lines = [
            "version: 0.1",
            "log: {level: warn, accesslog: {disabled: true}}",
            "storage:",
            f"  filesystem: {{rootdirectory: {self.directory / 'storage'}}}",
            "  delete: {enabled: true}",
            "  redirect: {disable: true}",
            "http:",
            f"  addr: 127.0.0.1:{port}",
            # Shared by all instances behind one name; random because there is only one.
            f"  secret: {os.urandom(16).hex()}",
        ]
        if self.ca:
            lines.append(
                f"  tls: {{certificate: {self.directory / 'server.pem'}, key: {self.directory / 'server.key'}}}"
            )
        if self.auth:
            passwords = self.directory / "htpasswd"
            passwords.write_text(_HTPASSWD)
            lines.append(f"auth: {{htpasswd: {{realm: hezi-tests, path: {passwords}}}}}")
        return "\n".join(lines) + "\n"

    def _wait(self, port: int) -> bool:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                return False
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self._status(port) in {200, 401}:
                    return True
            time.sleep(0.05)
        return False

    def _status(self, port: int) -> int:
        connection: http.client.HTTPConnection
        if self.ca:
            context = ssl.create_default_context(cafile=str(self.ca))
            connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", "/v2/")
            return connection.getresponse().status


@contextlib.contextmanager
def running(directory: Path, *, auth: bool = False, tls: bool = False) -> Iterator[Registry]:
    """A registry for the length of a ``with`` block."""
    registry = Registry(directory, auth=auth, tls=tls)
    try:
        registry.start()
        yield registry
    finally:
        registry.stop()


def push(layout: Path, name: str, registry: Registry, reference: str) -> str:
    """Copy image ``name`` of the OCI layout into ``registry`` with skopeo; return the full reference."""
    target = f"{registry.host}/{reference}"
    argv = ["skopeo", "copy", "--quiet", "--all", "--preserve-digests", "--insecure-policy"]
    if registry.auth:
        argv += ["--dest-creds", f"{USER}:{PASSWORD}"]
    argv += ["--dest-tls-verify=false", f"oci:{layout}:{name}", f"docker://{target}"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"skopeo could not push {target}: {done.stderr}")
    return target


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def make_certificates(directory: Path) -> None:
    """Make a certificate authority (ca.pem) and a certificate of it for 127.0.0.1 and localhost (server.pem)."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    commands = [
        ["req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=hezi test CA",
         "-addext", "keyUsage=critical,keyCertSign,cRLSign"],
        ["req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost"],
        ["x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
         "-out", "server.pem", "-days", "2", "-extfile", "san.cnf"],
    ]  # fmt: skip
    (directory / "san.cnf").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    for command in commands:
        subprocess.run(["openssl", *command], cwd=directory, capture_output=True, check=True)
