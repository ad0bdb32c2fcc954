"""The content store: blobs are whole or not there, downloads go on where they stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hezi import errors
from hezi.spec.digest import Digest
from hezi.store.content import ContentStore

DATA = os.urandom(1 << 20)
DIGEST = Digest.of(DATA)


@pytest.fixture
def store(tmp_path: Path) -> ContentStore:
    return ContentStore(str(tmp_path))


def test_layout(store: ContentStore, tmp_path: Path) -> None:
    store.write(DIGEST, DATA)
    assert json.loads((tmp_path / "content/oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    assert json.loads((tmp_path / "content/index.json").read_bytes())["manifests"] == []
    assert (tmp_path / "content/blobs/sha256" / DIGEST.hex).read_bytes() == DATA
    assert store.read(DIGEST, 2 << 20) == DATA
    assert b"".join(store.chunks(DIGEST)) == DATA
    assert store.list() == [DIGEST]
    assert not (tmp_path / "ingest").exists()  # documents are written where they stay
    assert store.delete(DIGEST) == len(DATA)
    assert store.delete(DIGEST) == 0
    assert not store.has(DIGEST)


def test_nobody_else_can_look(store: ContentStore, tmp_path: Path) -> None:
    store.write(DIGEST, DATA)
    for path in ("content", "content/blobs", "content/blobs/sha256"):
        assert (tmp_path / path).stat().st_mode & 0o077 == 0


def test_missing(store: ContentStore) -> None:
    with pytest.raises(errors.Error) as caught:
        store.read(DIGEST, 100)
    assert caught.value.kind == errors.NOT_FOUND


def test_a_damaged_document_is_noticed(store: ContentStore, tmp_path: Path) -> None:
    store.write(DIGEST, DATA)
    path = tmp_path / "content/blobs/sha256" / DIGEST.hex
    path.chmod(0o600)
    path.write_bytes(DATA[:-1])
    with pytest.raises(errors.Error, match="damaged"):
        store.read(DIGEST, 2 << 20)


def test_going_on(store: ContentStore, tmp_path: Path) -> None:
    with store.ingest(DIGEST, len(DATA)) as ingest:
        ingest.write(DATA[:300_000])
    assert not store.has(DIGEST)
    with store.ingest(DIGEST, len(DATA)) as ingest:
        assert ingest.offset == 300_000
        assert b"".join(ingest.stored()) == DATA[:300_000]
        ingest.write(DATA[300_000:])
        ingest.commit()
    assert store.read(DIGEST, 2 << 20) == DATA
    assert os.listdir(tmp_path / "ingest") == []


def test_wrong_bytes_are_thrown_away(store: ContentStore, tmp_path: Path) -> None:
    with store.ingest(DIGEST, len(DATA)) as ingest:
        ingest.write(bytes(len(DATA)))
        with pytest.raises(errors.Error, match="digest mismatch") as caught:
            ingest.commit()
    assert caught.value.kind == errors.CORRUPT
    assert os.listdir(tmp_path / "ingest") == []
    assert not store.has(DIGEST)


def test_too_many_bytes(store: ContentStore, tmp_path: Path) -> None:
    with store.ingest(DIGEST, len(DATA)) as ingest:
        ingest.write(DATA)
        with pytest.raises(errors.Error, match="more bytes"):
            ingest.write(b"x")
    assert os.listdir(tmp_path / "ingest") == []


def test_too_few_bytes_are_kept(store: ContentStore) -> None:
    with store.ingest(DIGEST, len(DATA)) as ingest:
        ingest.write(DATA[:-1])
        with pytest.raises(errors.Error, match="ended after") as caught:
            ingest.commit()
    assert caught.value.kind == errors.UNAVAILABLE
    with store.ingest(DIGEST, len(DATA)) as ingest:
        assert ingest.offset == len(DATA) - 1


def test_a_partial_file_that_is_too_long_starts_anew(store: ContentStore, tmp_path: Path) -> None:
    (tmp_path / "ingest").mkdir(mode=0o700)
    (tmp_path / "ingest" / f"sha256-{DIGEST.hex}").write_bytes(bytes(len(DATA) + 1))
    with store.ingest(DIGEST, len(DATA)) as ingest:
        assert ingest.offset == 0


def test_the_second_waits_for_the_first(store: ContentStore) -> None:
    seen: list[bool] = []

    def second() -> None:
        with store.ingest(DIGEST, len(DATA)) as ingest:
            seen.append(ingest.present)

    with store.ingest(DIGEST, len(DATA)) as ingest:
        thread = threading.Thread(target=second)
        thread.start()
        ingest.write(DATA)
        time.sleep(0.1)
        assert seen == []
        ingest.commit()
    thread.join(5)
    assert seen == [True]


def test_waiting_can_be_cancelled(store: ContentStore) -> None:
    with store.ingest(DIGEST, 1), pytest.raises(errors.Error) as caught:
        store.ingest(DIGEST, 1, cancelled=lambda: True).__enter__()
    assert caught.value.kind == errors.CANCELLED


CHILD = """
import sys
from hezi.spec.digest import Digest
from hezi.store.content import ContentStore
with ContentStore(sys.argv[1]).ingest(Digest(sys.argv[2]), 1 << 20) as ingest:
    ingest.write(open(sys.argv[3], "rb").read()[:500000])
    print("written", flush=True)
    sys.stdin.read()
"""


def test_a_killed_writer_is_gone_on_from(store: ContentStore, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(DATA)
    command = [sys.executable, "-c", CHILD, str(tmp_path), DIGEST, str(tmp_path / "data")]
    environment = {**os.environ, "PYTHONPATH": "src"}
    child = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"written\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    with store.ingest(DIGEST, len(DATA)) as ingest:
        assert ingest.offset == 500_000
        for _ in ingest.stored():
            pass
        ingest.write(DATA[500_000:])
        ingest.commit()
    assert store.read(DIGEST, 2 << 20) == DATA
