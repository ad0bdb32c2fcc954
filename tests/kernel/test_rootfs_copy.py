"""``cp``: docker's rules, and classes E1 to E4 of known engine faults with their legal twins."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from hezi import errors
from hezi.engine.rootfs import copy
from hezi.engine.rootfs.copy import Options
from hezi.linux import fd as linux_fd
from hezi.volume import local
from tests.support import canary
from tests.support.containers import Box

pytestmark = pytest.mark.needs("root", "overlay")


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path / "box")
    made.create("c1")
    yield made
    made.close()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    directory = tmp_path / "out"
    directory.mkdir()
    return directory


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(errors.Error) as caught:
        call()
    return str(caught.value)


def archived(box: Box, path: str) -> dict[str, tarfile.TarInfo]:
    data = b"".join(bytes(part) for part in copy.archive_out(box.paths, "c1", path))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {member.name: member for member in tar}


def read(box: Box, path: str) -> bytes:
    data = b"".join(bytes(part) for part in copy.archive_out(box.paths, "c1", path))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        file = tar.extractfile(next(iter(tar)))
        assert file is not None
        return file.read()


# --- docker's rules ---------------------------------------------------------------------------------------------------


def test_a_file_out(box: Box, out: Path) -> None:
    done = copy.copy_out(box.paths, "c1", "/data/a", f"{out}/new")
    assert done == copy.Copied(2048, f"{out}/new")
    info = (out / "new").stat()
    assert (info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)) == (os.geteuid(), os.getegid(), 0o640)
    assert info.st_mtime_ns == 1_500_000_000_000_000_000
    copy.copy_out(box.paths, "c1", "data/b", str(out))
    copy.copy_out(box.paths, "c1", "/data/b", f"{out}/new")
    assert (out / "b").read_bytes() == (out / "new").read_bytes() == b"bb"


def test_owners_are_kept_with_archive(box: Box, out: Path) -> None:
    copy.copy_out(box.paths, "c1", "/data/a", str(out), Options(archive=True))
    assert ((out / "a").stat().st_uid, (out / "a").stat().st_gid) == (5, 6)
    copy.copy_in(box.paths, f"{out}/a", "c1", "/tmp/kept", Options(archive=True))
    copy.copy_in(box.paths, f"{out}/a", "c1", "/tmp/roots")
    assert (archived(box, "/tmp/kept")["kept"].uid, archived(box, "/tmp/roots")["roots"].uid) == (5, 0)


def test_a_directory_out(box: Box, out: Path) -> None:
    copy.copy_out(box.paths, "c1", "/data", str(out))
    assert sorted(os.listdir(out / "data")) == ["a", "b", "link", "sub"]
    assert os.readlink(out / "data/link") == "a"
    copy.copy_out(box.paths, "c1", "/data", f"{out}/renamed")
    assert (out / "renamed/sub/c").read_bytes() == b"c"
    copy.copy_out(box.paths, "c1", "/data/", f"{out}/slash/")
    assert (out / "slash/sub/c").read_bytes() == b"c"


def test_the_contents_of_a_directory(box: Box, out: Path) -> None:
    copy.copy_out(box.paths, "c1", "/data/.", str(out))
    assert sorted(os.listdir(out)) == ["a", "b", "link", "sub"]
    copy.copy_out(box.paths, "c1", "/data/.", f"{out}/fresh")
    assert (out / "fresh/sub/c").read_bytes() == b"c"
    copy.copy_in(box.paths, f"{out}/fresh/.", "c1", "/tmp")
    assert read(box, "/tmp/sub/c") == b"c"


def test_links(box: Box, out: Path) -> None:
    copy.copy_out(box.paths, "c1", "/etc/alias", str(out))
    assert os.readlink(out / "alias") == "/data/a"
    os.unlink(out / "alias")
    copy.copy_out(box.paths, "c1", "/etc/alias", str(out), Options(follow=True))
    assert (out / "alias").read_bytes() == b"aaa"
    # The way to a place goes through links of the container, in the container.
    copy.copy_in(box.paths, f"{out}/alias", "c1", "/var/run/")
    assert read(box, "/run/alias") == b"aaa"
    # A destination that is a link means what it leads to, there or not.
    os.symlink("/tmp/made", box.upper(box.create("c2")) / "link")
    copy.copy_in(box.paths, f"{out}/alias", "c2", "/link")
    assert b"".join(bytes(part) for part in copy.archive_out(box.paths, "c2", "/tmp/made"))


def test_links_that_lead_to_links_alone(box: Box, out: Path) -> None:
    """What is copied takes the place of one; followed on the way out it is the link itself."""
    (out / "file").write_bytes(b"new")
    for name, target in (("self", "self"), ("a", "b"), ("b", "a")):
        os.symlink(target, out / name)
        copy.copy_in(box.paths, str(out / name), "c1", "/")
    copy.copy_in(box.paths, str(out / "file"), "c1", "/self")
    copy.copy_in(box.paths, str(out / "file"), "c1", "/a")
    assert read(box, "/self") == read(box, "/a") == b"new"
    assert archived(box, "/b")["b"].issym()


def test_what_is_refused(box: Box, out: Path) -> None:
    (out / "file").write_bytes(b"x")
    (out / "dir/sub").mkdir(parents=True)
    source, paths = f"{out}/file", box.paths
    assert (
        refused(lambda: copy.copy_out(paths, "c1", "/nope", str(out)))
        == "Could not find the file /nope in container c1"
    )
    assert refused(lambda: copy.copy_out(paths, "nobody", "/x", str(out))) == "No such container: nobody"
    assert refused(lambda: copy.copy_in(paths, f"{out}/nope", "c1", "/tmp")).startswith(f"lstat {out}/nope: no such")
    assert (
        refused(lambda: copy.copy_in(paths, source, "c1", "/no/dir")) == "Could not find the file /no in container c1"
    )
    assert refused(lambda: copy.copy_in(paths, source, "c1", "/data/new/")) == "no such directory"
    assert refused(lambda: copy.copy_in(paths, f"{out}/dir", "c1", "/data/a")) == "cannot copy directory"
    assert refused(lambda: copy.copy_in(paths, source, "c1", "/data/a/")) == "no such directory"
    assert refused(lambda: copy.copy_in(paths, source, "c1", "/data/a/x")) == "extraction point is not a directory"
    assert refused(lambda: copy.copy_in(paths, source, "c1", "")) == "no such directory"
    assert refused(lambda: copy.copy_out(paths, "c1", "/data/a/", str(out))) == "lstat c1:/data/a/: not a directory"
    assert "unexpected EOF" in refused(lambda: copy.archive_in(paths, [b"junk"], "c1", "/data"))
    assert "invalid output path: directory" in refused(lambda: copy.copy_out(paths, "c1", "/data/a", f"{out}/n/x"))
    assert "must be a directory" in refused(lambda: copy.archive_in(paths, [b""], "c1", "/data/a"))
    (out / "sub").write_bytes(b"in the way")
    assert "cannot overwrite non-directory" in refused(lambda: copy.copy_out(paths, "c1", "/data/.", str(out)))
    (out / "dir/data").mkdir()
    (out / "dir/data/a").mkdir()
    assert "cannot overwrite directory" in refused(lambda: copy.copy_out(paths, "c1", "/data", f"{out}/dir"))


def test_special_files_links_holes_and_attributes(box: Box, out: Path) -> None:
    tree = out / "tree"
    tree.mkdir(mode=0o750)
    os.mkfifo(tree / "fifo", 0o620)
    os.mknod(tree / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    (tree / "first").write_bytes(b"linked")
    os.link(tree / "first", tree / "second")
    os.setxattr(tree / "first", "user.note", b"kept")
    os.chmod(tree / "first", 0o4755)
    with open(tree / "sparse", "wb") as file:
        file.write(b"begin")
        file.seek(50 << 20)
        file.write(b"end")
    copy.copy_in(box.paths, str(tree), "c1", "/tmp")
    copy.copy_out(box.paths, "c1", "/tmp/tree", f"{out}/back")
    back = out / "back"
    assert stat.S_ISFIFO((back / "fifo").stat().st_mode)
    assert (back / "null").stat().st_rdev == os.makedev(1, 3)
    assert (back / "first").stat().st_ino == (back / "second").stat().st_ino
    assert stat.S_IMODE((back / "first").stat().st_mode) == 0o4755
    assert os.getxattr(back / "first", "user.note") == b"kept"
    assert (back / "sparse").stat().st_blocks * 512 < 1 << 20
    assert (back / "sparse").read_bytes() == (tree / "sparse").read_bytes()
    assert stat.S_IMODE(back.stat().st_mode) == 0o750
    names = archived(box, "/tmp/tree")
    assert names["tree/second"].islnk()
    assert names["tree/sparse"].size == (50 << 20) + 3


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_archives_on_the_way_in(box: Box, mode: str) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:  # type: ignore[call-overload]
        for name in ("plain", "var/run/through-a-link", "new/dirs/are/made"):
            info = tarfile.TarInfo(name)
            info.size, info.uid = 4, 77
            tar.addfile(info, io.BytesIO(b"data"))
        link = tarfile.TarInfo("hard")
        link.type, link.linkname = tarfile.LNKTYPE, "/plain"
        tar.addfile(link)
    copy.archive_in(box.paths, [buffer.getvalue()], "c1", "/")
    assert read(box, "/run/through-a-link") == read(box, "/new/dirs/are/made") == read(box, "/hard") == b"data"
    assert archived(box, "/plain")["plain"].uid == 0
    copy.archive_in(box.paths, [buffer.getvalue()], "c1", "/", Options(archive=True))
    assert archived(box, "/plain")["plain"].uid == 77


def test_volumes_and_binds_of_a_stopped_container(box: Box, out: Path, tmp_path: Path) -> None:
    """What is mounted there when it runs is there; needs a kernel that mounts on detached mounts (6.15)."""
    if tuple(int(part) for part in os.uname().release.split(".")[:2]) < (6, 15):
        return
    volume = local.ensure(box.paths.volumes, "data", anonymous=False)
    (tmp_path / "bound").mkdir()
    points = (
        {"Type": "volume", "Name": "data", "Destination": "/volume", "RW": True},
        {"Type": "bind", "Source": str(tmp_path / "bound"), "Destination": "/tmp/bound", "RW": False},
        {"Type": "bind", "Source": str(tmp_path / "gone"), "Destination": "/tmp/gone", "RW": True},
        {"Type": "tmpfs", "Source": "", "Destination": "/tmp/memory", "RW": True},
    )
    box.create("mounted", mounts=points)
    (out / "f").write_bytes(b"x")
    copy.copy_in(box.paths, f"{out}/f", "mounted", "/volume")
    assert Path(volume.path, "f").read_bytes() == b"x"
    assert "mounted volume is marked read-only" in refused(
        lambda: copy.copy_in(box.paths, f"{out}/f", "mounted", "/tmp/bound/")
    )
    assert not (tmp_path / "bound/f").exists()


def test_a_read_only_container_takes_nothing(box: Box, out: Path) -> None:
    box.create("fixed", request={"read_only": True})
    (out / "f").write_bytes(b"x")
    text = refused(lambda: copy.copy_in(box.paths, f"{out}/f", "fixed", "/tmp"))
    assert text == "container rootfs is marked read-only"
    copy.copy_out(box.paths, "fixed", "/data/a", str(out))


def test_large_files(box: Box, out: Path) -> None:
    block = os.urandom(1 << 20)
    with open(out / "large", "wb") as file:
        file.writelines(block[number:] + block[:number] for number in range(64))
    copy.copy_in(box.paths, f"{out}/large", "c1", "/tmp/")
    copy.copy_out(box.paths, "c1", "/tmp/large", f"{out}/back")
    digests = []
    for name in ("large", "back"):
        with open(out / name, "rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").digest())
    assert digests[0] == digests[1]


def test_deep_trees(box: Box, out: Path) -> None:
    here = os.open(box.upper(box.create("deep")), os.O_RDONLY)
    for _ in range(600):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("end", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    copy.copy_out(box.paths, "deep", "/d", str(out))
    assert os.path.exists(out / ("d/" * 600) / "end")
    shutil.rmtree(out / "d")


# --- running, and hostile ---------------------------------------------------------------------------------------------


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    root = tmp_path / "inside"
    (root / "job").mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "busybox")
    return root


@pytest.mark.needs("busybox")
def test_a_running_container_is_seen_from_inside(box: Box, inside: Path, out: Path) -> None:
    child = box.pretend(box.create("live"), inside)
    (inside / "job/f").write_bytes(b"now")
    copy.copy_out(box.paths, "live", "/job/f", str(out))
    assert (out / "f").read_bytes() == b"now"
    copy.copy_in(box.paths, f"{out}/f", "live", "/job/g")
    assert (inside / "job/g").read_bytes() == b"now"
    child.kill()
    child.wait()
    box.end("live")
    # Without the process there is only what the disk has.
    assert "Could not find" in refused(lambda: copy.copy_out(box.paths, "live", "/job/f", str(out)))


@pytest.mark.needs("busybox")
def test_traps_lead_nowhere(box: Box, inside: Path, out: Path, tmp_path: Path) -> None:
    """E3, E4: links out, devices, FIFOs and magic links where files are expected."""
    guard = canary.plant(tmp_path / "canary")
    box.pretend(box.create("live"), inside)
    os.symlink(guard.path, inside / "absolute")
    os.symlink("../" * 20 + str(guard.path), inside / "relative")
    os.symlink("/proc/self/root", inside / "magic")
    os.mkfifo(inside / "fifo")
    (out / "f").write_bytes(b"attack")
    for name in ("absolute", "relative"):
        with pytest.raises(errors.Error):
            copy.copy_out(box.paths, "live", f"/{name}/file", f"{out}/got")
        with pytest.raises(errors.Error):
            copy.copy_in(box.paths, f"{out}/f", "live", f"/{name}/file")
        with pytest.raises(errors.Error):
            copy.copy_in(box.paths, f"{out}/f", "live", f"/{name}/new")
    for path in (f"/magic{guard.path}/file", f"/../../..{guard.path}/file"):
        with pytest.raises(errors.Error):
            copy.copy_out(box.paths, "live", path, f"{out}/got")
    copy.copy_out(box.paths, "live", "/fifo", f"{out}/fifo")  # as a FIFO; it is never opened
    assert stat.S_ISFIFO((out / "fifo").stat().st_mode)
    assert guard.unharmed()
    assert not (out / "got").exists()


class _Racer:
    """Exchanges two names in a directory as fast as it can."""

    def __init__(self, directory: Path, one: str, other: str) -> None:
        self._end = threading.Event()
        self.rounds = 0
        self._fd = os.open(directory, os.O_RDONLY)
        self._names = (one, other)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._end.is_set():
            linux_fd.renameat2(self._fd, self._names[0], self._fd, self._names[1], linux_fd.RENAME_EXCHANGE)
            self.rounds += 1

    def __enter__(self) -> _Racer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        os.close(self._fd)


@pytest.mark.needs("busybox")
@pytest.mark.parametrize("form", ["dir", "file", "contents"])
def test_swapping_paths_under_a_copy(box: Box, inside: Path, out: Path, tmp_path: Path, form: str) -> None:
    """E1: a directory and a link to the host's take each other's place all the time."""
    guard = canary.plant(tmp_path / "canary")
    box.pretend(box.create("live"), inside)
    (inside / "job/x/dir").mkdir(parents=True)
    (inside / "job/x/file").write_bytes(b"mine")
    (inside / "job/x/dir/inner").write_bytes(b"mine")
    os.symlink(guard.path, inside / "job/y")
    (out / "x/dir").mkdir(parents=True)
    (out / "x/file").write_bytes(b"attack")
    (out / "x/dir/inner").write_bytes(b"attack")
    path = {"dir": "/job/x", "file": "/job/x/file", "contents": "/job/x/."}[form]
    with _Racer(inside / "job", "x", "y") as racer:
        for count in range(150):
            with suppress(errors.Error):
                copy.copy_out(box.paths, "live", path, f"{out}/got{count}")
            with suppress(errors.Error):
                copy.copy_in(box.paths, f"{out}{path.removeprefix('/job')}", "live", path.replace("/.", "/"))
            with suppress(errors.Error):
                copy.copy_in(box.paths, f"{out}/x/.", "live", "/job/x")
    assert racer.rounds > 100
    assert guard.unharmed()
    for found in out.rglob("*"):
        if found.is_file() and not found.is_symlink() and not any(part.is_symlink() for part in found.parents):
            assert b"canary" not in found.read_bytes()


@pytest.mark.needs("busybox", "strace")
def test_nothing_of_the_container_is_executed_or_entered(box: Box, inside: Path, out: Path) -> None:
    """E2: no program, library or name service of the container, for the copy never enters its root."""
    import subprocess
    import sys

    box.pretend(box.create("live"), inside)
    script = f"""
from hezi.engine.paths import Paths
from hezi.engine.rootfs import commit, copy, diff, export
paths = Paths({box.paths.root!r}, {box.paths.runroot!r})
for _ in export.export(paths, "live"):
    pass
diff.diff(paths, "live")
commit.commit(paths, "live", commit.CommitOptions(pause=False))
copy.copy_out(Paths({box.paths.root!r}, {box.paths.runroot!r}), "live", "/busybox", {str(out)!r})
copy.copy_in(Paths({box.paths.root!r}, {box.paths.runroot!r}), "/etc/hostname", "live", "/job/")
"""
    log = out / "trace"
    calls = "trace=chroot,pivot_root,setns,unshare,fchdir,chdir,execve,execveat,clone,fork,vfork,clone3"
    command = ["strace", "-f", "-e", calls, "-o", str(log), sys.executable, "-c", script]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": "src"})
    lines = [line for line in log.read_text().splitlines() if "exited" not in line and "syscall_0x" not in line]
    assert len(lines) == 1, lines  # the interpreter's own execve
    assert (inside / "job/hostname").exists()
