"""Uploads for the toxic registry: done right, as a rule; what goes wrong are other rules."""

from __future__ import annotations

import hashlib
import itertools
import json

from tests.support.toxic_registry import Reply, Seen, ToxicRegistry, fault


class Uploads:
    """Sessions, blobs and manifests of one registry that takes pushes.

    :ivar sessions: bytes that came so far, by the session's number.
    :ivar elsewhere: blobs that other repositories have, to be mounted: (repository, digest).
    :ivar contents: what becomes one of the server's blobs when it is mounted, by digest.
    :ivar min_chunk: what OCI-Chunk-Min-Length says, if anything.
    """

    def __init__(self, server: ToxicRegistry) -> None:
        self.server = server
        self.sessions: dict[str, bytes] = {}
        self.elsewhere: set[tuple[str, str]] = set()
        self.contents: dict[str, bytes] = {}
        self.min_chunk = ""
        # Never a number twice: several layers come at once, and sessions end.
        self._numbers = itertools.count(1)
        self.location = "/v2/up/{session}?state=s%20{length}"
        self.ended: list[str] = []
        server.rules.append(self.rule)

    def rule(self, seen: Seen) -> Reply | None:
        if seen.path.endswith("/blobs/uploads/") and seen.method == "POST":
            return self._begin(seen)
        if seen.path.startswith("/v2/up/"):
            return self._session(seen, seen.path.rpartition("/")[2])
        if "/manifests/" in seen.path and seen.method == "PUT":
            return self._manifest(seen)
        return None

    def methods(self) -> list[str]:
        """What was asked for, in order: the methods of uploads."""
        return [one.method for one in self.server.seen if "/up" in one.path]

    def _begin(self, seen: Seen) -> Reply:
        mount, source = seen.query.get("mount", [""])[0], seen.query.get("from", [""])[0]
        if mount and (source, mount) in self.elsewhere:
            if mount in self.contents:
                self.server.blobs[mount] = self.contents[mount]
            return Reply(201, b"", {"Location": f"/v2/x/blobs/{mount}"})
        session = str(next(self._numbers))
        self.sessions[session] = b""
        headers = self._headers(session)
        if self.min_chunk:
            headers["OCI-Chunk-Min-Length"] = self.min_chunk
        return Reply(202, b"", headers)

    def _headers(self, session: str) -> dict[str, str]:
        length = len(self.sessions[session])
        location = self.location.format(session=session, length=length, host=self.server.host)
        return {"Location": location, "Range": f"0-{max(length - 1, 0)}"}

    def _session(self, seen: Seen, session: str) -> Reply:
        if session not in self.sessions:
            return fault(404, "BLOB_UPLOAD_UNKNOWN", "no such upload")
        if seen.method == "GET":
            return Reply(204, b"", self._headers(session))
        if seen.method == "DELETE":
            del self.sessions[session]
            self.ended.append(session)
            return Reply(204)
        if seen.method == "PATCH":
            start = int(seen.headers["content-range"].partition("-")[0])
            if start != len(self.sessions[session]):
                return Reply(416, b"", self._headers(session))
        self.sessions[session] += seen.body
        if seen.method == "PATCH":
            return Reply(202, b"", self._headers(session))
        digest = seen.query["digest"][0]
        data = self.sessions.pop(session)
        self.sessions[f"done {session}"] = b""
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != digest:
            return fault(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        self.server.blobs[digest] = data
        return Reply(201, b"", {"Docker-Content-Digest": digest, "Location": f"/v2/x/blobs/{digest}"})

    def _manifest(self, seen: Seen) -> Reply:
        name = seen.path.rpartition("/")[2]
        document = json.loads(seen.body)
        wanted = [part["digest"] for part in (document.get("config"), *document.get("layers", ())) if part]
        missing = [digest for digest in wanted if digest not in self.server.blobs]
        if missing:
            return fault(400, "MANIFEST_BLOB_UNKNOWN", f"no {missing[0]}")
        digest = self.server.add_manifest(seen.body, seen.headers["content-type"], name)
        return Reply(201, b"", {"Docker-Content-Digest": digest})
