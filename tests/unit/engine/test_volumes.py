"""``Engine().volumes`` and the volume commands, with rows of containers that need no kernel."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from hezi import errors
from hezi.db import containers
from hezi.db.connection import Database
from hezi.engine.engine import Engine
from hezi.engine.paths import Paths
from hezi.front.cli import main as cli
from hezi.volume import catalog


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(str(tmp_path / "root"), str(tmp_path / "run"))


def hezi(engine: Engine, *words: str) -> int:
    return cli.main(["hezi", "--root", engine.paths.root, "--runroot", engine.paths.runroot, *words])


def add_container(paths: Paths, name: str, **config: object) -> None:
    paths.make()
    details = {"owner": [0, 0, ""], "remove": False, "cgroup": "", "volumes": [], "args": [], "labels": {}}
    row = containers.ContainerRow(
        name * 64, name, "i", "image", "exited", 0, 0, "", 1, 2, 3, 0,
        json.dumps({**details, "stop_signal": 15, "tty": False, **config}),
    )  # fmt: skip
    database = Database(paths.database)
    with database.write() as connection:
        containers.insert(connection, row, ())
    database.close()


def refused(call: object, *arguments: object, **options: object) -> str:
    with pytest.raises(errors.Error) as caught:
        call(*arguments, **options)  # type: ignore[operator]  # any of the methods under test
    return str(caught.value)


def test_create_and_inspect(engine: Engine, tmp_path: Path) -> None:
    made = engine.volumes.create("data", labels={"b": "2", "a": ""})
    assert made.path == f"{tmp_path}/root/volumes/data/_data"
    assert os.path.isdir(made.path)
    assert engine.volumes.create("data", labels={"other": "1"}) == made
    document = engine.volumes.inspect("data")
    assert document.pop("CreatedAt")[:2] == "20"
    assert document == {
        "Driver": "local", "Labels": {"a": "", "b": "2"}, "Mountpoint": made.path, "Name": "data", "Options": None,
        "Scope": "local",
    }  # fmt: skip
    anonymous = engine.volumes.create()
    assert len(anonymous.name) == 64
    assert engine.volumes.inspect(anonymous.name)["Labels"] == {"com.docker.volume.anonymous": ""}


def test_what_is_refused(engine: Engine) -> None:
    volumes = engine.volumes
    assert refused(volumes.get, "nope") == refused(volumes.get, "nope")
    assert refused(volumes.inspect, "nope") == "get nope: no such volume"
    assert refused(volumes.inspect, "../x") == "get ../x: no such volume"
    assert "invalid characters" in refused(volumes.create, "a/b")
    assert 'plugin "x" not found' in refused(volumes.create, "ab", driver="x")
    assert refused(volumes.create, "ab", options={"x": "y"}) == 'create ab: invalid option: "x"'
    assert refused(volumes.create, "ab", options={"type": "tmpfs"}) == 'create ab: missing required option: "device"'
    moved = {"type": "none", "device": "/a", "o": "bind,rshared"}
    assert "o=rshared is refused" in refused(volumes.create, "ab", options=moved)
    relative = {"type": "none", "device": "a", "o": "bind"}
    assert refused(volumes.create, "ab", options=relative) == "device a is no absolute path"
    assert "size" in refused(volumes.create, "ab", options={"size": "1g"})
    assert refused(volumes.list, filters=["x=y"]) == "invalid filter 'x'"
    assert refused(volumes.list, filters=["dangling=x"]) == "invalid filter 'dangling=[x]'"
    assert engine.volumes.list() == ()


def test_volumes_in_use_stay(engine: Engine) -> None:
    for name in ("named", "free", "anon"):
        engine.volumes.create(name, labels={"l": name})
    add_container(engine.paths, "c", mounts=[{"Type": "volume", "Name": "named"}], volumes=["anon"])
    for name in ("named", "anon"):
        assert refused(engine.volumes.remove, name) == f"remove {name}: volume is in use - [{'c' * 64}]"
        assert "in use" in refused(engine.volumes.remove, name, force=True)
    names = {
        flag: [one.name for one in engine.volumes.list(filters=[f"dangling={flag}"])] for flag in ("true", "false")
    }
    assert names == {"true": ["free"], "false": ["anon", "named"]}
    assert engine.volumes.prune(all_volumes=True).deleted == ("free",)
    assert [one.name for one in engine.volumes.list(filters=["name=na", "label=l"])] == ["named"]
    engine.volumes.remove("free", force=True)
    assert "no such volume" in refused(engine.volumes.remove, "free")


def test_prune_takes_anonymous_ones_unless_all_are_meant(engine: Engine) -> None:
    anonymous = engine.volumes.create()
    kept = engine.volumes.create("kept", labels={"keep": "1"})
    engine.volumes.create("other")
    Path(anonymous.path, "file").write_bytes(b"x" * 1000)
    os.link(f"{anonymous.path}/file", f"{anonymous.path}/again")
    os.symlink("/", f"{anonymous.path}/out")
    done = engine.volumes.prune()
    assert (done.deleted, done.space) == ((anonymous.name,), 1000)
    assert engine.volumes.prune(filters=["all=true", "label!=keep"]).deleted == ("other",)
    assert engine.volumes.prune(filters=["all=1", "label=none"]).deleted == ()
    assert os.path.isdir(kept.path)


def test_a_volume_for_a_directory_of_the_host(engine: Engine, tmp_path: Path) -> None:
    options = {"type": "none", "o": "bind", "device": str(tmp_path / "host")}
    engine.volumes.create("bound", options=options)
    assert engine.volumes.inspect("bound")["Options"] == options
    assert "failed to mount local volume" in refused(catalog.source_of, engine.paths.volumes, "bound")
    (tmp_path / "host").mkdir()
    (tmp_path / "host/kept").touch()
    assert catalog.source_of(engine.paths.volumes, "bound") == str(tmp_path / "host")
    engine.volumes.remove("bound")
    assert (tmp_path / "host/kept").exists()


def test_damaged_records_are_volumes_all_the_same(engine: Engine, tmp_path: Path) -> None:
    """E3, E4: what is read of a volume is bounded, and never through a link."""
    for name, damage in (("empty", b""), ("array", b"[]"), ("odd", b'{"Labels": {"a": 1}, "Options": 7}')):
        engine.volumes.create(name)
        (tmp_path / "root/volumes" / name / "meta.json").write_bytes(damage)
    engine.volumes.create("link")
    meta = tmp_path / "root/volumes/link/meta.json"
    meta.unlink()
    meta.symlink_to("/etc/passwd")
    engine.volumes.create("fifo")
    meta = tmp_path / "root/volumes/fifo/meta.json"
    meta.unlink()
    os.mkfifo(meta)
    (tmp_path / "root/volumes/file").touch()
    (tmp_path / "root/volumes/no-data").mkdir()
    found = {one.name: dict(one.labels) for one in engine.volumes.list()}
    assert found == {"empty": {}, "array": {}, "odd": {}, "link": {}, "fifo": {}}
    assert len(engine.volumes.prune(all_volumes=True).deleted) == 5


def test_made_and_removed_by_many_at_once(engine: Engine) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(10):
                engine.volumes.create("shared")
                engine.volumes.create(f"own-{number}-{turn}")
                engine.volumes.remove(f"own-{number}-{turn}")
                engine.volumes.remove("shared", force=True)
        except errors.Error as error:
            # Between making and looking somebody else has removed it: said as it is.
            if error.kind != errors.NOT_FOUND:
                failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert not [name for name in os.listdir(engine.paths.volumes) if name.startswith(".")]


def test_the_commands(engine: Engine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    assert hezi(engine, "volume", "create", "--label", "a=b", "data") == 0
    assert hezi(engine, "volume", "ls") == 0
    assert capsys.readouterr().out == "data\nDRIVER    VOLUME NAME\nlocal     data\n"
    assert hezi(engine, "volume", "ls", "-q", "--filter", "name=da") == 0
    assert hezi(engine, "volume", "list", "--format", '{{.Name}} {{.Labels}} {{.Label "a"}} {{.Size}}') == 0
    assert capsys.readouterr().out == "data\ndata a=b b N/A\n"
    assert hezi(engine, "volume", "ls", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["Mountpoint"].endswith("/data/_data")
    assert hezi(engine, "volume", "inspect", "-f", "{{.Name}} {{.Labels}} {{.Options}}", "data", "nope") == 1
    captured = capsys.readouterr()
    assert captured.out == "data map[a:b] map[]\n"
    assert captured.err == "hezi: get nope: no such volume\n"
    assert hezi(engine, "volume", "inspect", "nope") == 1
    assert capsys.readouterr().out == "[]\n"
    for words in (("inspect", "-f", "{{.Driver}}"), ("inspect", "--type", "volume", "-f", "{{.Driver}}")):
        assert hezi(engine, *words, "data") == 0
        assert capsys.readouterr().out == "local\n"
    assert hezi(engine, "inspect", "--type", "volume", "nope") == 1
    assert capsys.readouterr().err == "hezi: get nope: no such volume\n"
    assert hezi(engine, "volume", "rm", "data", "nope") == 1
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("data\n", "hezi: get nope: no such volume\n")
    assert hezi(engine, "volume", "rm", "-f", "nope") == 0
    assert capsys.readouterr().out == "nope\n"
    assert hezi(engine, "volume", "prune", "-f") == 0
    assert capsys.readouterr().out == "Total reclaimed space: 0B\n"
