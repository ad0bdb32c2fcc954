"""What images look like: lists, histories, trees of layers, differences of files; and names meant to deceive."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hezi import errors
from hezi.db import containers
from hezi.db import images as tables
from hezi.engine.engine import Engine
from hezi.engine.images.familiar import familiar
from hezi.front.cli import main as cli
from hezi.image import tarlayer
from hezi.image.build import FileSpec, directory
from hezi.store.images import ImageStore
from tests.support import image_store as make
from tests.support.store import build, pull

pytestmark = pytest.mark.needs("root", "overlay")


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(str(tmp_path / "root"), str(tmp_path / "run"))


@pytest.fixture
def store(engine: Engine) -> Iterator[ImageStore]:
    engine.paths.make()
    with ImageStore(engine.paths.root) as store:
        yield store


def hezi(engine: Engine, *words: str) -> int:
    return cli.main(["hezi", "--root", engine.paths.root, "--runroot", engine.paths.runroot, *words])


def test_each_tag_shows_the_digest_it_came_with(
    engine: Engine, store: ImageStore, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [FileSpec(b"file", data=b"content" * 100)]
    gzip = pull(store, build(files), "app:gzip")
    zstd = pull(store, build(files, compression="zstd"), "app:zstd")
    assert hezi(engine, "images", "--digests", "--format", "{{.Tag}} {{.Digest}}") == 0
    wanted = [f"gzip {gzip.tags[0].digest}", f"zstd {zstd.manifest_digest}"]
    assert capsys.readouterr().out.splitlines() == wanted
    # A digest that is no tag's any more is a row of its own, where digests are shown.
    pull(store, build(files, compression="zstd"), "app:gzip")
    assert [(row.tag, row.extra) for row in engine.images.list()] == [
        ("gzip", False),
        ("zstd", False),
        ("<none>", True),
    ]
    assert hezi(engine, "images", "-q") == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_without_options_the_same_is_shown_by_a_shorter_way(
    engine: Engine, store: ImageStore, capsys: pytest.CaptureFixture[str]
) -> None:
    def same() -> list[str]:
        rows = [row for row in engine.images.list() if not row.extra]
        found = [(familiar(name), tag, image) for image, name, tag, _, _ in engine.images.table()]
        assert found == [(row.repository, row.tag, row.image_id) for row in rows]
        for options in ([], ["--no-trunc"], ["-q"], ["-q", "--no-trunc"]):
            assert hezi(engine, "images", *options) == 0
            short = capsys.readouterr().out
            # A filter that all pass: the longer way.
            assert hezi(engine, "images", *options, "-f", "until=2100-01-01") == 0
            assert capsys.readouterr().out == short
        return [f"{name}:{tag}" for name, tag, _ in found]

    assert same() == []
    make.add(store, "app:1", b"one", created="2024-01-02T00:00:00Z")
    make.add(store, "docker.io/team/tool:1", b"two", created="2024-01-03T00:00:00Z")
    make.tag(store, "app:1", "app:a")
    make.tag(store, "app:1", "registry.example/b/app:1")
    assert same() == ["team/tool:1", "app:1", "app:a", "registry.example/b/app:1"]
    make.add(store, "app:1", b"three", created="2024-01-04T00:00:00Z")
    found = store.resolve("registry.example/b/app:1")
    store.remove("app:a")
    with store.database.write() as connection:
        tables.add_digest(
            connection, tables.DigestRow("elsewhere", found.manifest_digest, found.id, found.manifest_digest)
        )
    assert "elsewhere:<none>" in same()
    with store.database.write() as connection:
        connection.execute("DELETE FROM digests")
    store.remove("registry.example/b/app:1")
    nameless = make.add(store, "gone:1", b"four", created="2024-01-05T00:00:00Z")
    make.add(store, "gone:1", b"five", created="2024-01-06T00:00:00Z")
    with store.database.write() as connection:
        connection.execute("DELETE FROM digests WHERE image_id=?", (nameless.id,))
    assert "<none>:<none>" in same()


def test_a_hint_explains_images_without_a_tag(
    engine: Engine, store: ImageStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make.add(store, "app:1", b"old")
    make.add(store, "app:1", b"new")
    assert hezi(engine, "images") == 0
    assert capsys.readouterr().err == ""  # no terminal, no hint
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert hezi(engine, "images") == 0
    assert "1 image has no tag" in capsys.readouterr().err


def test_history_names_the_images_that_are_here(engine: Engine, store: ImageStore) -> None:
    base = make.add(store, "base", b"base")
    top = make.add(store, "top", b"base", b"top" * 10)
    assert [step.image_id for step in engine.images.history("top")] == [str(top.id), "<missing>"]
    make.make_parent(store, top, base)
    steps = engine.images.history("top")
    assert [(step.image_id, step.size, step.tags) for step in steps] == [
        (str(top.id), 30, ("top:latest",)),
        (str(base.id), 4, ("base:latest",)),
    ]


def test_the_tree_of_layers(engine: Engine, store: ImageStore, capsys: pytest.CaptureFixture[str]) -> None:
    make.add(store, "base", b"base")
    make.add(store, "one", b"base", b"one")
    make.add(store, "two", b"base", b"two")
    make.add(store, "three", b"base", b"two", b"three")
    make.add(store, "apart", b"apart")
    layers = {layer.images[0]: layer for layer in engine.images.tree()}
    assert {name: (layer.depth, layer.shared_by) for name, layer in layers.items()} == {
        "base:latest": (0, 4),
        "one:latest": (1, 1),
        "two:latest": (1, 2),
        "three:latest": (2, 1),
        "apart:latest": (0, 1),
    }
    assert [layer.images for layer in engine.images.tree(["three"])] == [
        ("base:latest",),
        ("two:latest",),
        ("three:latest",),
    ]
    assert hezi(engine, "image", "tree", "three") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[: len(line) - len(line.lstrip(" └─"))] for line in lines] == ["", "", "└─ ", "   └─ "]
    assert hezi(engine, "image", "tree", "nosuch") == 1


def test_what_an_image_takes_on_the_disk(engine: Engine, store: ImageStore, capsys: pytest.CaptureFixture[str]) -> None:
    found = make.add(store, "base:1", b"b" * 1000)
    make.tag(store, "base:1", "other:2")
    make.add_container(store, found)
    (one,) = engine.images.footprints()
    assert (one.names, one.platform, one.in_use) == (("base:1", "other:2"), "linux/amd64", True)
    assert one.usage == one.content + 1000 == make.bytes_in_files(Path(store.root))
    assert hezi(engine, "image", "ls", "--tree") == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("base:1")
    assert hezi(engine, "image", "ls", "--tree", "-q") == 1


def test_differences_between_images(engine: Engine, store: ImageStore) -> None:
    base = [
        directory(b"etc"),
        FileSpec(b"etc/same", data=b"same"),
        FileSpec(b"etc/text", data=b"one"),
        FileSpec(b"etc/mode", data=b"m"),
        FileSpec(b"etc/owner", data=b"o"),
        FileSpec(b"etc/gone", data=b"g"),
        FileSpec(b"link", tarlayer.SYMLINK, target=b"etc/same"),
        directory(b"dir"),
        FileSpec(b"dir/inside", data=b"i"),
        FileSpec(b"pipe", tarlayer.FIFO),
    ]
    changes = [
        FileSpec(b"etc/text", data=b"two"),
        FileSpec(b"etc/mode", data=b"m", mode=0o4755),
        FileSpec(b"etc/owner", data=b"o", uid=7),
        FileSpec(b"etc/.wh.gone"),
        FileSpec(b"link", tarlayer.SYMLINK, target=b"/etc/shadow"),
        FileSpec(b".wh.dir"),
        directory(b"new"),
        FileSpec(b"new/file\x1b[31m\n", data=b"12345"),
    ]
    pull(store, build(base), "old")
    pull(store, build(base, changes), "new")
    pull(store, build([*base]), "twin")
    pull(store, build(base, [FileSpec(b"pipe", data=b"a file now"), FileSpec(b"dir", data=b"a file too")]), "kinds")
    found = {(change.kind, change.path) for change in engine.images.diff("old", "new")}
    assert found == {
        ("C", b"/etc/text"),
        ("C", b"/etc/mode"),
        ("C", b"/etc/owner"),
        ("D", b"/etc/gone"),
        ("C", b"/link"),
        ("D", b"/dir"),
        ("A", b"/new"),
        ("A", b"/new/file\x1b[31m\n"),
    }
    assert list(engine.images.diff("old", "twin")) == []
    assert [change[:2] for change in engine.images.diff("old", "kinds")] == [("C", b"/dir"), ("C", b"/pipe")]
    assert [change[:2] for change in engine.images.diff("kinds", "old")][:2] == [("C", b"/dir"), ("A", b"/dir/inside")]


def test_names_in_an_image_do_not_reach_the_terminal(
    engine: Engine, store: ImageStore, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    pull(store, build([FileSpec(b"a")]), "one")
    pull(store, build([FileSpec(b"a"), FileSpec(b"b\x1b]0;owned\x07\n\xff", data=b"123")]), "two")
    assert hezi(engine, "image", "diff", "--size", "one", "two") == 0
    assert capfdbinary.readouterr().out == b"A /b\\x1b]0;owned\\x07\\n\\udcff\t3\n"


def test_removal_follows_no_link_and_leaves_the_host_alone(store: ImageStore, tmp_path: Path) -> None:
    """C8: what a layer has in it, links to the host among it, is removed as what it is."""
    host = tmp_path / "host"
    host.mkdir()
    (host / "kept").write_text("kept")
    target = os.fsencode(host)
    pull(
        store,
        build(
            [
                FileSpec(b"out", tarlayer.SYMLINK, target=target),
                FileSpec(b"up", tarlayer.SYMLINK, target=b"../../../../host"),
                directory(b"locked", 0o000),
                FileSpec(b"locked/file"),
            ],
            [FileSpec(b".wh.out"), directory(b"up2"), FileSpec(b"up2/x", tarlayer.SYMLINK, target=target)],
        ),
        "app",
    )
    assert store.remove("app").deleted
    assert (host / "kept").read_text() == "kept"
    assert store.driver.list() == []


@pytest.mark.parametrize(
    "name",
    ["../../host", "app/../../host", "sha256:../../x", "/etc/passwd", "app@sha256:" + "../" * 30, "a\0b", "app:../x",
     "..", "-f", "sha256:", "sha256:" + "0" * 63 + "/", "\x1b[31m"],
)  # fmt: skip
def test_names_meant_to_lead_elsewhere(engine: Engine, store: ImageStore, name: str) -> None:
    """A3: nothing that is no name, digest or id is looked for anywhere."""
    make.add(store, "app", b"app")
    calls = (
        lambda: engine.images.remove(name, force=True),
        lambda: engine.images.inspect(name),
        lambda: engine.images.history(name),
        lambda: engine.images.tag(name, "x"),
        lambda: engine.images.tag("app", name),
        lambda: list(engine.images.diff("app", name)),
        lambda: engine.images.tree([name]),
    )
    for call in calls:
        with pytest.raises(errors.Error) as caught:
            call()
        assert caught.value.kind in {errors.INVALID, errors.NOT_FOUND}
    assert [row.repository for row in engine.images.list()] == ["app"]


def test_a_layer_that_somebody_made_a_link_is_not_followed(store: ImageStore, tmp_path: Path) -> None:
    """C8: the directory of a layer swapped for a link to the host's files."""
    found = make.add(store, "app", b"app")
    host = tmp_path / "host"
    host.mkdir()
    (host / "kept").write_text("kept")
    place = Path(store.root, "layers", store.chain_ids(found.id)[0].hex)
    (place / "diff").rename(tmp_path / "aside")
    (place / "diff").symlink_to(host)
    store.remove("app")
    assert (host / "kept").read_text() == "kept"
    assert not place.exists()


def test_only_root_can_look_into_the_store(engine: Engine, store: ImageStore) -> None:
    """C9: what images bring is nobody else's to read, setuid programs least of all."""
    make.add(store, "app", b"app")
    engine.images.prune()
    assert Path(store.root).stat().st_mode & 0o777 == 0o700
    assert Path(store.root, "hezi.db").stat().st_mode & 0o077 == 0


def test_the_image_of_a_container_that_is_being_started_is_in_use(store: ImageStore) -> None:
    found = make.add(store, "app", b"app")
    make.add_container(store, found, "restarting")
    with pytest.raises(errors.Error, match="being used by running container"):
        store.remove(found.id.short, force=True)
    with store.database.write() as connection:
        connection.execute("UPDATE containers SET state=?", (containers.CREATED,))
    assert store.remove(found.id.short, force=True).deleted
