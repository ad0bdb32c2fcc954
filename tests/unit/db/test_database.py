"""The database: made, migrated, refused, shared; and each table."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hezi import errors
from hezi.db import containers, images, layers, leases
from hezi.db.connection import SCHEMA_VERSION, Database
from hezi.db.migrations import MIGRATIONS


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(str(tmp_path / "hezi.db"))


def image_row(identifier: str, created: int = 1) -> images.ImageRow:
    return images.ImageRow(identifier, "sha256:m", "linux", "amd64", "", created, 2, 3, 4, "{}")


def layer_row(chain_id: str) -> layers.LayerRow:
    return layers.LayerRow(chain_id, "", "d", "b", 10, "overlay", 1)


def container_row(identifier: str, name: str, image_id: str = "i") -> containers.ContainerRow:
    return containers.ContainerRow(identifier, name, image_id, "app", containers.CREATED, 0, 0, "", 1, 0, 0, None, "{}")


def test_new_database(database: Database, tmp_path: Path) -> None:
    connection = database.connection()
    assert connection.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1
    assert (tmp_path / "hezi.db").stat().st_mode & 0o077 == 0
    assert (tmp_path / "reserve").stat().st_size > 0


def test_opening_again_asks_one_question(database: Database) -> None:
    statements: list[str] = []
    real = sqlite3.connect

    def traced(*arguments: object, **keywords: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = real(*arguments, **keywords)  # type: ignore[call-overload]
        connection.set_trace_callback(statements.append)
        return connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hezi.db.connection.sqlite3.connect", traced)
        Database(database.path).close()
    # The other two set something in this connection's memory.
    assert statements == ["PRAGMA user_version", "PRAGMA foreign_keys=ON", "PRAGMA synchronous=NORMAL"]


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hezi.db"
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    with pytest.raises(errors.Error, match="newer hezi") as caught:
        Database(str(path))
    assert caught.value.kind == errors.UNSUPPORTED


def test_rubbish_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hezi.db"
    path.write_bytes(b"this is no database" * 1000)
    with pytest.raises(errors.Error, match="damaged") as caught:
        Database(str(path))
    assert caught.value.kind == errors.CORRUPT


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(errors.Error) as caught:
        Database(str(tmp_path / "no" / "hezi.db"))
    assert caught.value.kind == errors.PERMISSION


def test_an_exception_undoes_the_transaction(database: Database) -> None:
    def broken() -> None:
        with database.write() as connection:
            images.insert(connection, image_row("sha256:a"), b"{}", [], [])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    with database.read() as connection:
        assert images.list_all(connection) == []


def test_images(database: Database) -> None:
    with database.durable() as connection:
        layers.insert(connection, layer_row("c1"))
        layers.insert(connection, layer_row("c1"))
        images.insert(connection, image_row("sha256:ab", 5), b"{}", ["c1"], [images.BlobRow("sha256:m", 1, "t")])
        images.insert(connection, image_row("sha256:ac", 9), b"{}", ["c1"], [])
        images.set_name(connection, images.NameRow("n:1", "n", "1", "sha256:ab", 1))
        images.set_name(connection, images.NameRow("n:1", "n", "1", "sha256:ac", 2))
        images.set_name(connection, images.NameRow("n:2", "n", "2", "sha256:ab", 2, "sha256:m"))
        images.add_digest(connection, images.DigestRow("n", "sha256:m", "sha256:ab", "sha256:m"))
    with database.read() as connection:
        assert [row.id for row in images.list_all(connection)] == ["sha256:ac", "sha256:ab"]
        assert images.by_prefix(connection, "sha256:a") == ["sha256:ab", "sha256:ac"]
        assert images.by_prefix(connection, "sha256:ab") == ["sha256:ab"]
        name = images.name(connection, "n:1")
        assert name is not None
        assert name.image_id == "sha256:ac"
        assert images.digest(connection, "n", "sha256:m") == images.DigestRow("n", "sha256:m", "sha256:ab", "sha256:m")
        assert images.named_manifests(connection) == [
            ("n:2", images.BlobRow("sha256:m", 1, "t"), ("linux", "amd64", ""))
        ]
        assert images.config(connection, "sha256:ab") == b"{}"
    with database.removal() as connection:
        images.delete_name(connection, "n:2")
        images.delete(connection, "sha256:ab")
        assert images.digests(connection) == []
        assert layers.unused(connection) == []  # the other one still stands on it
        assert images.unused_blobs(connection, ["sha256:m", "x"]) == ["sha256:m", "x"]


def test_names_of_the_first_schema_keep_the_manifest_their_image_had(tmp_path: Path) -> None:
    path = tmp_path / "hezi.db"
    with sqlite3.connect(path, isolation_level=None) as connection:
        for statement in MIGRATIONS[0]:
            connection.execute(statement)
        connection.execute("INSERT INTO images VALUES ('sha256:a','sha256:m','linux','amd64','',1,2,3,4,'{}',x'00')")
        connection.execute("INSERT INTO names VALUES ('n:1','n','1','sha256:a',1), ('o:1','o','1','sha256:a',1)")
        connection.execute("INSERT INTO digests VALUES ('n','sha256:i','sha256:a')")
        connection.execute("PRAGMA user_version=1")
    connection.close()
    database = Database(str(path))
    with database.read() as connection:
        assert images.names(connection) == [
            images.NameRow("n:1", "n", "1", "sha256:a", 1, "sha256:m", "sha256:i"),
            images.NameRow("o:1", "o", "1", "sha256:a", 1, "sha256:m", ""),
        ]
        assert images.digests(connection) == [images.DigestRow("n", "sha256:i", "sha256:a", "sha256:m")]
        found = images.get(connection, "sha256:a")
        assert found is not None
        assert found.parent == ""
    database.close()


def test_an_image_with_names_cannot_go(database: Database) -> None:
    with database.write() as connection:
        images.insert(connection, image_row("sha256:a"), b"{}", [], [])
        images.set_name(connection, images.NameRow("n:1", "n", "1", "sha256:a", 1))
    with pytest.raises(errors.Error) as caught, database.write() as connection:
        images.delete(connection, "sha256:a")
    assert caught.value.kind == errors.CONFLICT


def test_containers_keep_their_layers(database: Database) -> None:
    with database.write() as connection:
        layers.insert(connection, layer_row("c1"))
        containers.insert(connection, container_row("1234", "box"), ["c1"])
        assert layers.unused(connection) == []
        containers.started(connection, "1234", (42, 7, "boot"), 5)
        row = containers.by_name(connection, "box")
        assert row is not None
        assert (row.state, row.pid, row.start_time, row.boot_id, row.started_ns) == ("running", 42, 7, "boot", 5)
        containers.finished(connection, "1234", 3, (5, 9))
        row = containers.get(connection, "1234")
        assert row is not None
        assert (row.state, row.exit_code, row.pid) == ("exited", 3, 0)
        assert containers.by_prefix(connection, "12") == ["1234"]
        assert len(containers.using_image(connection, "i")) == 1
    with pytest.raises(errors.Error) as caught, database.write() as connection:
        containers.insert(connection, container_row("5678", "box"), [])
    assert caught.value.kind == errors.CONFLICT
    with database.write() as connection:
        containers.delete(connection, "1234")
        assert layers.unused(connection) == ["c1"]
        assert layers.unused(connection, ["x"]) == []


def test_leases_protect(database: Database) -> None:
    with database.write() as connection:
        layers.insert(connection, layer_row("c1"))
        leases.insert(connection, leases.LeaseRow("l", "pull", 1, 2, "b", 3))
        leases.add_items(connection, "l", leases.LAYER, ["c1", "c1"])
        leases.add_items(connection, "l", leases.BLOB, ["b1"])
        assert layers.unused(connection) == []
        assert images.unused_blobs(connection, ["b1", "b2"]) == ["b2"]
        leases.delete(connection, "l")
        assert leases.items(connection, leases.BLOB) == set()
        assert layers.unused(connection) == ["c1"]


def test_threads_have_their_own_connections(database: Database) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for count in range(20):
                with database.write() as connection:
                    layers.insert(connection, layer_row(f"{number}-{count}"))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with database.read() as connection:
        assert len(layers.list_all(connection)) == 120
    database.close()


AT_ONCE = """
import sys, time
from hezi.db.connection import Database
while time.time() < float(sys.argv[2]):
    pass
Database(sys.argv[1]).close()
"""


def test_processes_make_it_at_the_same_time(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": "src"}
    for round_ in range(5):
        command = [sys.executable, "-c", AT_ONCE, str(tmp_path / f"{round_}.db"), str(time.time() + 0.4)]
        running = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) for _ in range(4)]
        assert [(process.communicate()[1], process.returncode) for process in running] == [(b"", 0)] * 4
