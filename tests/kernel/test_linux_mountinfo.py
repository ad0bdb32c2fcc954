"""Both ways of listing mounts give the same, and the same as findmnt(8); propagation states on the real kernel."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from pathlib import Path

import pytest

from hezi.linux import mount, mountinfo, propagation
from tests.support.in_child import hide, in_child, raises

WHERE = pytest.mark.parametrize(
    "where",
    [
        pytest.param("mounts", marks=pytest.mark.needs("root")),
        pytest.param("userns", marks=pytest.mark.needs("userns")),
    ],
)
_COLUMNS = "ID,PARENT,MAJ:MIN,FSROOT,TARGET,VFS-OPTIONS,FS-OPTIONS,FSTYPE,SOURCE,PROPAGATION"
_WORDS = {
    "private": "private",
    "shared": "shared",
    "private,slave": "slave",
    "shared,slave": "shared-and-slave",
    "private,unbindable": "unbindable",
    "unbindable": "unbindable",
}


@pytest.mark.needs("kernel:6.13")
def test_both_ways_agree_on_this_machine():
    assert mountinfo.list_by_statmount() == mountinfo.read()


@pytest.mark.needs("tool:findmnt")
def test_findmnt_agrees():
    argv = ["findmnt", "--json", "--list", "--nofsroot", "--kernel", "-o", _COLUMNS]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
    theirs = {row["id"]: row for row in json.loads(done.stdout)["filesystems"]}
    ours = {each.id: each for each in mountinfo.list_mounts()}
    # Others mount and unmount on this machine meanwhile.
    common = theirs.keys() & ours.keys()
    assert len(common) >= 5
    for number in common:
        row, mine = theirs[number], ours[number]
        assert (row["parent"], row["target"], row["fsroot"]) == (mine.parent, mine.mount_point, mine.root)
        assert row["maj:min"] == f"{mine.major}:{mine.minor}"
        assert (row["fstype"], row["source"]) == (mine.fstype, mine.source)
        assert row["vfs-options"] == mine.options
        assert row["fs-options"] == mine.super_options
        assert _WORDS[row["propagation"]] == mine.propagation


@WHERE
@pytest.mark.needs("kernel:6.13")
def test_both_ways_agree_on_strange_mounts(tmp_path: Path, where: str):
    def body(directory: str) -> None:
        mount.mount("none", directory, "tmpfs")
        for name in ("a b", "tab\ttab", "new\nline", "back\\slash", "back\\040", "#hash", "com,ma=x", "深", "\udcff"):
            point = f"{directory}/{name}"
            os.mkdir(point)
            mount.mount(f"src {name}", point, "tmpfs", mount.MS_NODEV | mount.MS_NOATIME, "size=64k")
        for name in ("lower:1", "upper,2", "work 3", "merged"):
            os.mkdir(f"{directory}/{name}")
        layers = [("lowerdir+", f"{directory}/lower:1"), ("upperdir", f"{directory}/upper,2")]
        tree = mount.new_mount("overlay", [*layers, ("workdir", f"{directory}/work 3")])
        mount.move_mount(tree, "", -100, f"{directory}/merged")
        for name, flags in (
            ("ro", mount.MS_RDONLY | mount.MS_NOSUID | mount.MS_NOEXEC),
            ("dirs", mount.MS_NODIRATIME | mount.MS_STRICTATIME | mount.MS_NODEV),
            ("links", mount.MS_NOSYMFOLLOW | mount.MS_RELATIME),
            ("sync", mount.MS_SYNCHRONOUS | mount.MS_DIRSYNC | mount.MS_LAZYTIME),
        ):
            os.mkdir(f"{directory}/{name}")
            mount.mount("", f"{directory}/{name}", "tmpfs", flags)
        os.mkdir(f"{directory}/nameless")
        mount.move_mount(mount.new_mount("tmpfs"), "", -100, f"{directory}/nameless")
        mount.mount(f"{directory}/a b", f"{directory}/sync", None, mount.MS_BIND)
        for state in propagation.STATES:
            os.mkdir(f"{directory}/{state}")
            mount.mount("none", f"{directory}/{state}", "tmpfs")
            propagation.make(f"{directory}/{state}", propagation.SHARED)
            mount.mount(f"{directory}/{state}", f"{directory}/{state}", None, mount.MS_BIND)
            propagation.make(f"{directory}/{state}", state)
        parsed = mountinfo.read()
        assert mountinfo.list_by_statmount() == parsed
        points = [each.mount_point for each in parsed]
        assert f"{directory}/new\nline" in points
        assert f"{directory}/back\\040" in points
        assert f"{directory}/\udcff" in points
        assert {each.propagation for each in parsed} >= set(propagation.STATES)

    in_child(body, str(tmp_path), where=where)


@pytest.mark.needs("userns")
@pytest.mark.needs("kernel:6.13")
def test_more_mounts_than_one_answer_holds(tmp_path: Path):
    def body(directory: str) -> None:
        mount.mount("none", directory, "tmpfs")
        for number in range(1100):
            mount.mount(f"number {number}", directory, "tmpfs")
        listed = mountinfo.list_by_statmount()
        assert listed == mountinfo.read()
        assert len(listed) > 1100

    in_child(body, str(tmp_path), where="userns")


@pytest.mark.needs("userns")
@pytest.mark.needs("kernel:6.13", "overlay")
def test_strings_longer_than_the_first_buffer(tmp_path: Path):
    def body(directory: str) -> None:
        mount.mount("none", directory, "tmpfs")
        # fsconfig(2) takes 255 bytes; the directory's name has the length that the test run gave it.
        width = 250 - len(os.fsencode(directory))
        names = [f"{directory}/{number:03}{'x' * (width - 4)}" for number in range(100)]
        for name in (f"{directory}/merged", *names):
            os.mkdir(name)
        tree = mount.new_mount("overlay", [("lowerdir+", name) for name in names])
        mount.move_mount(tree, "", -100, f"{directory}/merged")
        listed = mountinfo.list_by_statmount()
        assert listed == mountinfo.read()
        assert max(len(each.super_options) for each in listed) > 16384

    in_child(body, str(tmp_path), where="userns")


@pytest.mark.needs("userns")
def test_without_statmount_mountinfo_answers():
    def body() -> None:
        before = mountinfo.list_mounts()
        hide("statmount", "listmount")
        assert mountinfo.list_mounts() == before
        with raises(errno.ENOSYS, "listmount: Function not implemented"):
            mountinfo.list_by_statmount()

    in_child(body, where="userns")


def test_reading_the_mounts_of_a_process_that_is_none():
    with raises(errno.ENOENT, "/proc/4194304/mountinfo"):
        mountinfo.read(4194304)


@WHERE
def test_entry_of_a_descriptor(tmp_path: Path, where: str):
    def body(directory: str) -> None:
        tree = mount.new_mount("tmpfs")
        with raises(errno.ENOENT, "not attached"):
            mountinfo.entry_of(tree)
        mount.move_mount(tree, "", -100, directory)
        assert mountinfo.entry_of(tree).mount_point == directory

    in_child(body, str(tmp_path), where=where)


# --- propagation -----------------------------------------------------------------------------------------------------


@WHERE
@pytest.mark.parametrize("old", [False, True], ids=["mount_setattr", "mount"])
@pytest.mark.parametrize("state", propagation.STATES)
def test_each_state_by_path_and_by_descriptor(tmp_path: Path, where: str, state: str, old: bool):
    def body(directory: str, state: str, old: bool) -> None:
        if old:
            hide("mount_setattr")
        for name in ("by-path", "by-fd", "peers"):
            point = f"{directory}/{name}"
            os.mkdir(point)
            mount.mount("none", point, "tmpfs")
            propagation.make(point, propagation.SHARED)
            # A second member in the group, for the slave to have a master.
            os.mkdir(f"{directory}/{name}-peer")
            mount.mount(point, f"{directory}/{name}-peer", None, mount.MS_BIND)
        propagation.make(f"{directory}/by-path", state)
        file = os.open(f"{directory}/by-fd", os.O_PATH)
        propagation.make(file, state)
        assert propagation.read(f"{directory}/by-path") == state
        assert propagation.read(file) == state
        assert propagation.read(f"{directory}/peers") == "shared"

    in_child(body, str(tmp_path), state, old, where=where)


@WHERE
@pytest.mark.parametrize("old", [False, True], ids=["mount_setattr", "mount"])
def test_recursively_or_not(tmp_path: Path, where: str, old: bool):
    def body(directory: str, old: bool) -> None:
        if old:
            hide("mount_setattr")
        mount.mount("none", directory, "tmpfs")
        os.mkdir(f"{directory}/sub")
        mount.mount("none", f"{directory}/sub", "tmpfs")
        propagation.make(directory, propagation.SHARED)
        assert propagation.read(f"{directory}/sub") == "private"
        propagation.make(directory, propagation.SHARED, recursive=True)
        assert propagation.read(f"{directory}/sub") == "shared"
        assert propagation.read(f"{directory}/sub/.") == "shared"

    in_child(body, str(tmp_path), old, where=where)


@WHERE
@pytest.mark.parametrize("old", [False, True], ids=["mount_setattr", "mount"])
def test_what_cannot_be_made(tmp_path: Path, where: str, old: bool):
    def body(directory: str, old: bool) -> None:
        call = "mount_setattr"
        if old:
            hide("mount_setattr")
            call = "mount"
        with raises(errno.EINVAL, f"{call}: Invalid argument", directory):
            propagation.make(directory, propagation.SHARED)
        with raises(errno.ENOENT, call, "missing"):
            propagation.make(f"{directory}/missing", propagation.SHARED)
        mount.mount("none", directory, "tmpfs")
        propagation.make(directory, propagation.SHARED)
        # alone in its group: nobody to be slave of
        propagation.make(directory, propagation.SLAVE)
        assert propagation.read(directory) == "private"
        with raises(errno.ENOENT, "missing"):
            propagation.read(f"{directory}/missing")

    in_child(body, str(tmp_path), old, where=where)


def test_a_state_that_is_none():
    with pytest.raises(ValueError, match=r"no state of mount propagation: 'rshared'; there are shared, slave"):
        propagation.make("/", "rshared")
