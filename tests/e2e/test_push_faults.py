"""Whole pushes to a registry that fails at one step: a clear error or a complete push, and never half of one named."""

from __future__ import annotations

from pathlib import Path

import pytest

from hezi.errors import EXHAUSTED, INVALID, NOT_FOUND, UNAUTHORIZED, UNAVAILABLE, Error
from tests.support import archives
from tests.support.harness import Hezi
from tests.support.toxic_registry import Reply, Seen, ToxicRegistry, fault
from tests.support.toxic_uploads import Uploads

pytestmark = pytest.mark.needs("root", "overlay")
LAYERS = [archives.layer("one"), archives.layer("two", b"other\n")]
STEPS = {
    "look": lambda seen: seen.method == "HEAD" and "/blobs/" in seen.path,
    "begin": lambda seen: seen.method == "POST",
    "send": lambda seen: seen.method == "PUT" and "/up/" in seen.path,
    "name": lambda seen: seen.method == "PUT" and "/manifests/" in seen.path,
}
KINDS = {
    400: INVALID,
    401: UNAUTHORIZED,
    403: UNAUTHORIZED,
    404: NOT_FOUND,
    429: EXHAUSTED,
    500: UNAVAILABLE,
    502: UNAVAILABLE,
}


@pytest.fixture
def server():
    with ToxicRegistry() as registry:
        Uploads(registry)
        yield registry


@pytest.fixture
def name(hezi_env: Hezi, server: ToxicRegistry, tmp_path: Path) -> str:
    """An image in the store, with a name of the registry."""
    found = f"{server.host}/team/app:1"
    path = tmp_path / "load.tar"
    path.write_bytes(archives.pack(archives.docker([found], LAYERS)))
    hezi_env.engine().images.load(str(path))
    return found


def digest(hezi: Hezi) -> str:
    (row,) = hezi.engine().images.list()
    return row.digest


def test_all_goes_well(hezi_env, server, name):
    done = hezi_env.engine().images.push(name)
    assert server.manifests["1"] == server.manifests[done.digest]
    assert len(server.blobs) == 3
    assert digest(hezi_env) == done.digest
    # the name comes when all else is there
    assert [one.path for one in server.seen if one.method == "PUT"][-1] == "/v2/team/app/manifests/1"


@pytest.mark.slow
@pytest.mark.parametrize("status", KINDS)
@pytest.mark.parametrize("step", STEPS)
def test_refused_at_a_step(hezi_env, server, name, step, status):
    # With Retry-After beyond all patience: what would be waited for is told instead.
    reply = fault(status, "X", "no", Retry_After="3600")
    server.rules.insert(0, lambda seen: reply if STEPS[step](seen) else None)
    if step == "look" and status == 404:
        hezi_env.engine().images.push(name)  # not there: that is no failure
        return
    with pytest.raises(Error) as caught:
        hezi_env.engine().images.push(name)
    if not (step == "send" and status == 404):  # a session that is gone is begun anew, and given up in the end
        assert caught.value.kind == KINDS[status]
    assert "1" not in server.manifests
    assert digest(hezi_env) == ""
    server.rules.pop(0)
    assert hezi_env.engine().images.push(name).digest == digest(hezi_env)


@pytest.mark.slow
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("step", STEPS)
def test_for_the_moment_at_a_step(hezi_env, server, name, step, status):
    left = [2]

    def busy(seen: Seen) -> Reply | None:
        if not STEPS[step](seen) or not left[0]:
            return None
        left[0] -= 1
        return Reply(status, b"", {"Retry-After": "0"})

    server.rules.insert(0, busy)
    assert hezi_env.engine().images.push(name).digest == digest(hezi_env)
    assert left == [0]


def test_a_registry_that_lost_a_layer_meanwhile(hezi_env, server, name):
    def lose(seen: Seen) -> Reply | None:
        if STEPS["name"](seen):
            server.blobs.clear()
        return None

    server.rules.insert(0, lose)
    with pytest.raises(Error, match="manifest blob unknown") as caught:
        hezi_env.engine().images.push(name)
    assert caught.value.kind == INVALID
    assert digest(hezi_env) == ""


def test_a_registry_that_says_it_stored_another_manifest(hezi_env, server, name):
    answer = Reply(201, b"", {"Docker-Content-Digest": "sha256:" + "0" * 64})
    server.rules.insert(0, lambda seen: answer if STEPS["name"](seen) else None)
    with pytest.raises(Error, match="stored another manifest"):
        hezi_env.engine().images.push(name)
    assert digest(hezi_env) == ""


def test_a_name_that_goes_away_meanwhile_is_no_failure(hezi_env, server, name):
    def remove(seen: Seen) -> Reply | None:
        if STEPS["name"](seen):
            hezi_env.engine().images.remove(name)
        return None

    server.rules.insert(0, remove)
    assert hezi_env.engine().images.push(name).digest in server.manifests
    assert hezi_env.engine().images.list() == ()
