"""A registry with a password, an image, and one fault; a stranger beside it who must learn nothing; and hezi."""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hezi.front.cli import main
from hezi.registry import transport
from hezi.registry.connections import Connections
from tests.support import archives, registry_faults
from tests.support.harness import Hezi, Result
from tests.support.layout import CONFIG, INDEX, LAYER, MANIFEST
from tests.support.registry_faults import Fault
from tests.support.toxic_registry import Reply, Seen, ToxicRegistry, fault
from tests.support.toxic_uploads import Uploads

USER, PASSWORD, TOKEN = "somebody", "pw-SECRET-1", "tok-SECRET-2"
BASIC = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SECRETS = (PASSWORD, TOKEN, BASIC)
_REFERRERS = {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}
# How long an answer may take where the fault is that none comes; the real patience is a minute.
_IMPATIENT = 0.25


class Home(ToxicRegistry):
    """Wants a token for everything; the answers at one place go wrong."""

    place = ""
    fault: Fault | None = None
    other = ""

    def answer(self, seen: Seen) -> Reply:
        here = self.fault is not None and self._left > 0 and self._place_of(seen) == self.place
        if here and self.fault is not None and self.fault.again and "range" not in seen.headers:
            # The connection breaks first, and the next request is the one that goes wrong.
            whole = super().answer(seen)
            return whole._replace(cut=len(whole.body) // 2) if whole.status == 200 else whole
        if here and self.fault is not None and self.fault.early:
            # One who is not known yet is asked who he is; an honest answer would have been "401".
            honest = Reply(200) if self._place_of(seen) in _NO_ANSWER else super().answer(seen)
            return honest if honest.status == 401 else self._wrong(honest, seen)
        honest = super().answer(seen)
        return self._wrong(honest, seen) if here and honest.status != 401 else honest

    def goes_wrong(self, place: str, one: Fault) -> None:
        self.place, self.fault, self._left = place, one, one.times

    @property
    def hit(self) -> bool:
        """Whether an answer went wrong."""
        return self.fault is not None and self._left < self.fault.times

    def is_well(self) -> None:
        self.fault = None

    _left = 0

    def _wrong(self, honest: Reply, seen: Seen) -> Reply:
        assert self.fault is not None
        self._left -= 1
        reply = self.fault.change(honest, seen, self.other)
        # A challenge may name this server.
        return reply._replace(headers={key: value.replace("{home}", self.host) for key, value in reply.headers.items()})

    def _place_of(self, seen: Seen) -> str:
        kind, _, name = seen.path.removeprefix("/v2/").rpartition("/")
        if seen.path == "/token":
            return "token"
        if seen.path == "/v2/":
            return "greeting"
        if seen.path.startswith("/v2/up/"):
            return {"PATCH": "part", "PUT": "whole" if seen.body else "close"}.get(seen.method, "")
        if kind.endswith("/blobs/uploads"):
            return "mount" if "mount" in seen.query else "begin"
        if kind.endswith("/blobs"):
            return "look" if seen.method == "HEAD" else "config" if name == self.config else "layer"
        if kind.endswith("/manifests"):
            return "name" if seen.method == "PUT" else "manifest" if ":" in name else "index"
        return {"tags/list": "tags", "_catalog": "catalog"}.get(
            seen.path.removeprefix("/v2/a/b/").removeprefix("/v2/"), "referrers" if "/referrers/" in seen.path else ""
        )

    config = ""


# Requests that do something: when the fault comes instead of it, it is not done.
_NO_ANSWER = frozenset({"begin", "mount", "whole", "part", "close", "name"})


class World:
    """One case: what is served, and hezi in a root of its own, called in this process.

    :ivar name: the image, ``HOST/a/b:latest``.
    """

    def __init__(self, directory: Path, home: Home, other: ToxicRegistry, patch: pytest.MonkeyPatch) -> None:
        self.hezi = Hezi(directory)
        self.home, self.other = home, other
        self.name = f"{home.host}/a/b:latest"
        self.slept: list[float] = []
        home.other = other.host
        home.tags = ["latest"]
        home.rules += [self._wants_token, self._extras]
        self.uploads = Uploads(home)
        self.layers = [archives.layer("one", random.Random(1).randbytes(5000)), archives.layer("two", b"other\n")]
        self._serve()
        config = self.hezi.home / ".docker"
        config.mkdir()
        (config / "config.json").write_text(json.dumps({"auths": {home.host: {"auth": BASIC}}}))
        self.registries = self.hezi.home / "registries.toml"
        self.registries.write_text("")
        patch.setenv("DOCKER_CONFIG", str(config))
        patch.setenv("HEZI_REGISTRIES_CONFIG", str(self.registries))
        pace = transport.Pace(sleep=lambda seconds, _: self.slept.append(seconds))
        patch.setattr(transport, "Pace", lambda: pace)
        self._patch = patch

    def impatient(self) -> None:
        """Wait for answers as long as a test can, not as long as people do."""
        assert Connections.__init__.__kwdefaults__ is not None
        self._patch.setitem(Connections.__init__.__kwdefaults__, "read_seconds", _IMPATIENT)

    def _serve(self) -> None:
        """An index with one image, whose layers are on both servers: a redirect to the other may be followed."""
        raw = archives.config(self.layers)
        self.home.config = self.home.add_blob(raw)
        descriptors = []
        for one in self.layers:
            data = gzip.compress(one, 6, mtime=0)
            descriptors.append({"mediaType": f"{LAYER}+gzip", "digest": self.home.add_blob(data), "size": len(data)})
        config = {"mediaType": CONFIG, "digest": self.home.config, "size": len(raw)}
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": descriptors}
        encoded = json.dumps(manifest).encode()
        self.manifest = self.home.add_manifest(encoded, MANIFEST)
        platform = {"os": "linux", "architecture": "amd64"}
        entry = {"mediaType": MANIFEST, "digest": self.manifest, "size": len(encoded), "platform": platform}
        self.index = self.home.add_manifest(
            {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}, INDEX, "latest"
        )
        self.other.blobs, self.other.manifests = dict(self.home.blobs), dict(self.home.manifests)
        self.other.tags = ["latest"]
        self.other.rules += [_private, self._extras]
        registry_faults.WHOLE.update({f"/v2/a/b/blobs/{digest}": data for digest, data in self.home.blobs.items()})

    def _wants_token(self, seen: Seen) -> Reply | None:
        sent = seen.headers.get("authorization", "")
        if seen.path == "/token":
            return (
                Reply(200, json.dumps({"token": TOKEN, "expires_in": 300}).encode())
                if sent == f"Basic {BASIC}"
                else fault(401, "UNAUTHORIZED", "who?")
            )
        if sent == f"Bearer {TOKEN}":
            return None
        challenge = f'Bearer realm="http://{self.home.host}/token",service="here"'
        return fault(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate=challenge)

    def _extras(self, seen: Seen) -> Reply | None:
        if "/referrers/" in seen.path:
            return Reply(200, json.dumps(_REFERRERS).encode(), {"Content-Type": INDEX})
        if seen.path == "/v2/_catalog":
            return Reply(200, b'{"repositories":["a/b"]}')
        if seen.path == "/v1/search":
            return Reply(404)
        return None

    # hezi

    def run(self, *words: str) -> Result:
        """Run a command line in this process."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main.main(["hezi", "--root", str(self.hezi.root), "--runroot", str(self.hezi.runroot), *words])
        return Result(code, out.getvalue(), err.getvalue())

    def do(self, verb: str) -> Result:
        """Do what asks the registry at the places of a verb."""
        return self.run(*_VERBS[verb](self))

    def prepare(self, verb: str) -> None:
        """Have in the store, and in the registry, what a verb begins with."""
        if verb not in {"push", "parts", "mount", "referrers"}:
            return
        if verb == "referrers":
            assert self.do("pull").code == 0
            return
        for digest in (
            self.home.config,
            *(one["digest"] for one in json.loads(self.home.manifests[self.manifest][1])["layers"]),
        ):
            del self.home.blobs[digest]
        self.home.manifests.clear()
        archive = self.hezi.home / "app.tar"
        archive.write_bytes(archives.pack(archives.docker([f"{self.home.host}/a/b:latest"], self.layers)))
        assert self.run("load", "-qi", str(archive)).code == 0
        if verb == "parts":
            self.registries.write_text(f'[registry."{self.home.host}"]\nchunk = 200\n')
        if verb == "mount":
            # It was pushed to another repository of this registry, which is where it may be mounted from.
            assert self.run("tag", self.name, f"{self.home.host}/c/d:1").code == 0
            assert self.run("push", "-q", f"{self.home.host}/c/d:1").code == 0
            self.uploads.elsewhere.update(("c/d", digest) for digest in self.home.blobs)
            self.uploads.contents = dict(self.home.blobs)
            self.home.blobs.clear()
            self.home.manifests.clear()

    def has_tag(self, verb: str) -> bool:
        """Whether the verb's image is named: here after a pull, there after a push."""
        if verb in {"push", "parts", "mount"}:
            return "latest" in self.home.manifests
        return bool(self.run("images", "-q").stdout)

    def secrets_seen(self) -> list[str]:
        """What the stranger was told, and what of the password the registry itself was told anywhere but as asked."""
        found = [seen.target for seen in self.other.seen if any(secret in seen.text() for secret in SECRETS)]
        for seen in self.home.seen:
            text = seen.text()
            if (BASIC in text or PASSWORD in text) and seen.path != "/token":
                found.append(seen.target)
        return found


def _private(seen: Seen) -> Reply | None:
    if seen.path != "/private":
        return None
    return fault(401, "UNAUTHORIZED", "who?", WWW_Authenticate='Basic realm="give it to me"')


_VERBS: dict[str, Any] = {
    "login": lambda world: ("login", "-u", USER, "-p", PASSWORD, world.home.host),
    "pull": lambda world: ("pull", "-q", "--platform", "linux/amd64", world.name),
    "tags": lambda world: ("pull", "-q", "-a", "--platform", "linux/amd64", world.name.rpartition(":")[0]),
    "referrers": lambda world: ("image", "inspect", "--referrers", world.name),
    "search": lambda world: ("search", f"{world.home.host}/b"),
    "push": lambda world: ("push", "-q", world.name),
    "parts": lambda world: ("push", "-q", world.name),
    "mount": lambda world: ("push", "-q", world.name),
}


@contextlib.contextmanager
def world(directory: Path) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch, Home() as home, ToxicRegistry() as other:
        made = World(directory, home, other, patch)
        try:
            yield made
        finally:
            made.hezi.clean_up()
