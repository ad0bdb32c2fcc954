"""docker and hezi side by side: the images that the cases name as ``@name``, and both engines ready to run."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.conformance.compare import Peer
from tests.support import dockerd, images, layout, registry
from tests.support.harness import COMMAND
from tests.support.layout import Entry

_PATH = "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
_SOURCE = Path(__file__).resolve().parents[2] / "src"
_CUSTOM = [
    Entry("data/", "dir", mode=0o750, uid=33, gid=33),
    Entry("data/seed", data=b"seed\n", uid=33, gid=33),
    Entry("not-exec", data=b"#!/bin/sh\necho hi\n", mode=0o644),
    Entry("garbage", data=b"\x01\x02garbage\n", mode=0o755),
    Entry("script", data=b'#!/bin/sh\necho script "$@"\n', mode=0o755),
    Entry("noshebang", data=b"echo noshebang\n", mode=0o755),
    Entry("badinterp", data=b"#!/no/such/interp\n", mode=0o755),
    Entry("empty", data=b"", mode=0o755),
    Entry("adir/", "dir", mode=0o755),
    Entry("loop", "symlink", target="loop"),
    Entry("dirlink", "symlink", target="adir"),
]
_CONFIGS = {
    "busybox": None,
    "custom": {
        "Cmd": ["default", "cmd"],
        "Entrypoint": ["/bin/echo", "ep"],
        "Env": [_PATH, "A=image", "B=two words", "EMPTY=", "HOME=/imagehome"],
        "User": "ann",
        "WorkingDir": "/job/sub",
        "Volumes": {"/data": {}, "/vol2": {}},
        "StopSignal": "SIGUSR1",
        "Labels": {"l": "v"},
        "ExposedPorts": {"80/tcp": {}},
        "Healthcheck": {"Test": ["CMD", "true"]},
    },
    "nopath": {"Env": ["X=1"]},
    "empty": {},
    "shell": {
        "Entrypoint": ["/bin/sh", "-c"],
        "Cmd": ["echo from cmd; pwd"],
        "Env": [_PATH],
        "User": "1234:5678",
        "WorkingDir": "/tmp",
    },
    "numuser": {"Cmd": ["id"], "Env": [_PATH], "User": "1000"},
    "baduser": {"Cmd": ["id"], "Env": [_PATH], "User": "nosuch"},
    "arm": {"Cmd": ["id"], "Env": [_PATH]},
    "relwork": {"Cmd": ["pwd"], "Env": [_PATH], "WorkingDir": "rel/dir"},
}
_FILES = {
    "file": "host file\n",
    "env": '# c\n  LEAD=1\nQ="quoted"\nFROMHOST\nUNSET_ON_HOST\nX=a=b\n\nE=\n',
    "badenv": "A B=1\n",
    "noeq": "=x\n",
    "labels": "a=b\nc\n",
    "exists": "",
}


class Engines(NamedTuple):
    """docker and hezi, empty, and the registry that both pull from."""

    docker: Peer
    hezi: Peer
    server: registry.Registry
    directory: Path


@contextlib.contextmanager
def running(directory: Path) -> Iterator[Engines]:
    """Start a registry and docker; each engine has a directory of its own for ``%d``."""
    with (
        registry.running(directory / "registry") as server,
        dockerd.running(directory / "docker") as docker,
    ):
        prefix = f"{server.host}/t"
        home = directory / "home"
        home.mkdir()
        env = {**dockerd.ENVIRONMENT, "HOME": str(home), "LC_ALL": "C.UTF-8", "FROMHOST": "hostvalue"}
        ours = {
            **env,
            "HEZI_ROOT": str(directory / "root"),
            "HEZI_NETWORK": "none",
            "HEZI_RUNROOT": str(directory / "run"),
            "PYTHONPATH": str(_SOURCE),
        }
        pair = (
            Peer(docker, env, directory / "dir-docker", prefix),
            Peer(COMMAND, ours, directory / "dir-hezi", prefix),
        )
        for peer in pair:
            fill(peer)
        yield Engines(*pair, server, directory)


def provide(engines: Engines) -> tuple[Peer, Peer]:
    """Have all images of the cases in both engines."""
    for name in _push(engines.directory / "layout", engines.server):
        for peer in engines[:2]:
            peer.pull(name)
    return engines.docker, engines.hezi


def fill(peer: Peer) -> None:
    """Make the host's directory of a peer anew."""
    shutil.rmtree(peer.directory, ignore_errors=True)
    peer.directory.mkdir()
    (peer.directory / "sub").mkdir()
    for name, text in _FILES.items():
        (peer.directory / name).write_text(text)


def _push(directory: Path, server: registry.Registry) -> list[str]:
    busybox = images.busybox_entries()
    for name, config in _CONFIGS.items():
        entries = [*busybox, *_CUSTOM] if name == "custom" else busybox
        more = {} if config is None else {"config": config}
        if name == "arm":
            more["architecture"] = "arm64"
        layout.write(directory, name, [entries], **more)
        registry.push(directory, name, server, f"t/{name}:latest")
    debian = directory.with_name("debian")
    images.write_debian(debian)
    registry.push(debian, "bookworm", server, "t/debian:bookworm")
    return [*(name for name in _CONFIGS if name != "arm"), "debian:bookworm"]
