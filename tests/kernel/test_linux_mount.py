"""hezi.linux.mount on the real kernel, as root and as root of a user namespace, in mount namespaces of its own."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from hezi.linux import fd, mount, mountinfo, namespaces, procfs, propagation
from tests.support.in_child import hide, in_child, listed, only_child, raises

WHERE = pytest.mark.parametrize(
    "where",
    [
        pytest.param("mounts", marks=pytest.mark.needs("root")),
        pytest.param("userns", marks=pytest.mark.needs("userns")),
    ],
)


@WHERE
def test_mount_and_umount(tmp_path: Path, where: str):
    def body(directory: str) -> None:
        mount.mount("none", directory, "tmpfs", mount.MS_NOSUID, "size=64k,mode=0751")
        assert os.stat(directory).st_mode & 0o777 == 0o751
        with open(f"{directory}/file", "w") as file, raises(errno.EBUSY, "umount2", directory):
            file.write("busy")
            mount.umount2(directory)
        mount.mount(None, directory, None, mount.MS_REMOUNT | mount.MS_RDONLY)
        with raises(errno.EROFS):
            os.mkdir(f"{directory}/x")
        mount.umount2(directory, mount.UMOUNT_NOFOLLOW)
        assert os.listdir(directory) == []

    in_child(body, str(tmp_path), where=where)


@WHERE
def test_mount_errors(tmp_path: Path, where: str):
    def body(directory: str) -> None:
        with raises(errno.ENOENT, "mount: No such file or directory", f"{directory}/missing"):
            mount.mount("none", f"{directory}/missing", "tmpfs")
        with raises(errno.ENODEV, "mount: No such device", directory):
            mount.mount("none", directory, "no-such-fs")
        with raises(errno.EINVAL, "umount2: Invalid argument", directory):
            mount.umount2(directory)
        os.symlink(directory, f"{directory}/link")
        mount.mount("none", directory, "tmpfs")
        with raises(errno.ENOENT, "link"):
            mount.umount2(f"{directory}/link", mount.UMOUNT_NOFOLLOW)

    in_child(body, str(tmp_path), where=where)


@pytest.mark.needs("root")
def test_mount_without_privileges(tmp_path: Path):
    def body(directory: str) -> None:
        os.setuid(65534)
        with raises(errno.EPERM, "mount: Operation not permitted", directory):
            mount.mount("none", directory, "tmpfs")
        with raises(errno.EPERM, "fsopen: Operation not permitted", "tmpfs"):
            mount.new_mount("tmpfs")
        with raises(errno.EPERM, "umount2"):
            mount.umount2("/proc")
        with raises(errno.EPERM, "pivot_root"):
            mount.pivot_root("/", "/")

    tmp_path.chmod(0o755)
    in_child(body, "/tmp")


@WHERE
def test_pivot_root_into_a_new_tree(tmp_path: Path, where: str):
    def body(directory: str) -> None:
        mount.mount("none", directory, "tmpfs")
        os.mkdir(f"{directory}/here")
        os.chdir(directory)
        mount.pivot_root(".", ".")
        mount.umount2(".", mount.MNT_DETACH)
        os.chdir("/")
        assert os.listdir("/") == ["here"]

    in_child(body, str(tmp_path), where=where)


@WHERE
def test_pivot_root_needs_a_mount_point(tmp_path: Path, where: str):
    def body(directory: str) -> None:
        mount.mount("none", directory, "tmpfs")
        os.mkdir(f"{directory}/plain")
        with raises(errno.EINVAL, "pivot_root: Invalid argument", f"{directory}/plain"):
            mount.pivot_root(f"{directory}/plain", f"{directory}/plain")

    in_child(body, str(tmp_path), where=where)


# --- the new mount API -----------------------------------------------------------------------------------------------


@WHERE
def test_new_mount_is_detached_until_moved(tmp_path: Path, where: str):
    def body(directory: str) -> None:
        options = [("size", "64k"), ("mode", "0711"), ("source", "mine")]
        tree = mount.new_mount("tmpfs", options, mount.MOUNT_ATTR_NODEV | mount.MOUNT_ATTR_NOEXEC)
        assert not os.get_inheritable(tree)
        assert directory not in [entry.mount_point for entry in mountinfo.list_mounts()]
        os.mkdir("inside", dir_fd=tree)
        mount.move_mount(tree, "", -100, directory)
        assert os.listdir(directory) == ["inside"]
        (entry,) = [entry for entry in mountinfo.list_mounts() if entry.mount_point == directory]
        assert entry.source == "mine"
        assert entry.options == "rw,nodev,noexec,relatime"
        assert "mode=711" in entry.super_options
        with raises(errno.EBUSY):
            mount.umount2(directory)  # the descriptor is the mount
        os.close(tree)
        mount.umount2(directory)

    in_child(body, str(tmp_path), where=where)


@WHERE
def test_closing_a_detached_mount_undoes_it(where: str):
    def body() -> None:
        before = len(mountinfo.list_mounts())
        os.close(mount.new_mount("tmpfs"))
        assert len(mountinfo.list_mounts()) == before

    in_child(body, where=where)


@WHERE
def test_the_file_systems_own_words_are_in_the_error(where: str):
    def body() -> None:
        descriptors = len(os.listdir("/proc/self/fd"))
        with raises(errno.EINVAL, "fsconfig: Invalid argument (tmpfs: Unknown parameter 'bogus'): 'bogus'"):
            mount.new_mount("tmpfs", [("bogus", "1")])
        with raises(errno.EINVAL, "tmpfs", "'size'"):
            mount.new_mount("tmpfs", [("size", "many")])
        with raises(errno.ENODEV, "fsopen: No such device: 'no-such-fs'"):
            mount.new_mount("no-such-fs")
        assert len(os.listdir("/proc/self/fd")) == descriptors

    in_child(body, where=where)


@WHERE
def test_flags_descriptors_and_lengths(where: str):
    def body() -> None:
        context = mount.fsopen("overlay")
        mount.fsconfig_set_flag(context, "ro")
        with raises(errno.EINVAL, "'bogus'"):
            mount.fsconfig_set_flag(context, "bogus")
        with raises(errno.EINVAL, "at most 255 bytes", "'upperdir'"):
            mount.fsconfig_set_string(context, "upperdir", "/" + "x" * 255)
        with raises(errno.EBADF, "fsconfig"):
            mount.fsconfig_set_fd(context, "lowerdir+", 99999)
        with raises(errno.EINVAL, "fsconfig"):
            mount.fsconfig_set_path(context, "bogus", "/tmp")
        with raises(errno.EINVAL, "fsconfig create"):
            mount.fsconfig_create(context)
        with raises(errno.EINVAL, "fsmount"):
            mount.fsmount(context)
        with raises(errno.EBADF, "fsconfig reconfigure"):
            mount.fsconfig_reconfigure(99999)

    in_child(body, where=where)


@WHERE
@pytest.mark.needs("overlay", "kernel:6.5")
def test_overlay_of_many_layers(tmp_path: Path, where: str):
    def body(directory: str) -> None:
        mount.mount("none", directory, "tmpfs")
        for name in ("upper", "work", "merged", *(f"layer-{number:03}-{'x' * 100}" for number in range(40))):
            os.mkdir(f"{directory}/{name}")
        lower = sorted(name for name in os.listdir(directory) if name.startswith("layer"))
        for name in lower:
            with open(f"{directory}/{name}/{name[:9]}", "w") as file:
                file.write(name)
        options: list[tuple[str, str | None]] = [("lowerdir+", f"{directory}/{name}") for name in lower]
        options += [("upperdir", f"{directory}/upper"), ("workdir", f"{directory}/work"), ("volatile", None)]
        tree = mount.new_mount("overlay", options)
        assert len(listed(tree)) == 40
        mount.move_mount(tree, "", -100, f"{directory}/merged", mount.MOVE_MOUNT_F_EMPTY_PATH)
        assert len(os.listdir(f"{directory}/merged")) == 40
        with raises(errno.ENOENT, "fsconfig", "'lowerdir+'"):
            mount.new_mount("overlay", [("lowerdir+", "/no/such/layer")])

    in_child(body, str(tmp_path), where=where)


@WHERE
def test_open_tree_clones_and_move_mount_attaches(tmp_path: Path, where: str):
    def body(directory: str) -> None:
        mount.mount("none", directory, "tmpfs")
        for name in ("source", "source/sub", "one", "all"):
            os.mkdir(f"{directory}/{name}")
        mount.mount("none", f"{directory}/source/sub", "tmpfs")
        os.mkdir(f"{directory}/source/sub/deep")
        one = mount.open_tree(-100, f"{directory}/source", mount.OPEN_TREE_CLONE)
        every = mount.open_tree(-100, f"{directory}/source", mount.OPEN_TREE_CLONE | mount.AT_RECURSIVE)
        mount.move_mount(one, "", -100, f"{directory}/one")
        target = os.open(f"{directory}/all", os.O_PATH)
        mount.move_mount(every, "", target, "")
        assert os.listdir(f"{directory}/one/sub") == []
        assert os.listdir(f"{directory}/all/sub") == ["deep"]

    in_child(body, str(tmp_path), where=where)


@WHERE
def test_open_tree_and_move_mount_errors(tmp_path: Path, where: str):
    def body(directory: str) -> None:
        with raises(errno.ENOENT, "open_tree", f"{directory}/missing"):
            mount.open_tree(-100, f"{directory}/missing")
        mount.mount("none", directory, "tmpfs")
        propagation.make(directory, propagation.UNBINDABLE)
        with raises(errno.EINVAL, "open_tree: Invalid argument", directory):
            mount.open_tree(-100, directory, mount.OPEN_TREE_CLONE)
        tree = mount.new_mount("tmpfs")
        with raises(errno.ENOENT, "move_mount", f"{directory}/missing"):
            mount.move_mount(tree, "", -100, f"{directory}/missing")
        with open(f"{directory}/file", "w"), raises(errno.EINVAL, f"{directory}/file"):
            mount.move_mount(tree, "", -100, f"{directory}/file")

    in_child(body, str(tmp_path), where=where)


@WHERE
@pytest.mark.needs("kernel:5.12")
def test_mount_setattr_recursively(tmp_path: Path, where: str):
    def body(directory: str) -> None:
        mount.mount("none", directory, "tmpfs")
        os.mkdir(f"{directory}/sub")
        mount.mount("none", f"{directory}/sub", "tmpfs")
        mount.mount_setattr(-100, directory, mount.AT_RECURSIVE, set=mount.MOUNT_ATTR_RDONLY)
        for path in (directory, f"{directory}/sub"):
            with raises(errno.EROFS):
                os.mkdir(f"{path}/x")
        file = os.open(directory, os.O_PATH)
        mount.mount_setattr(file, "", mount.AT_EMPTY_PATH, clr=mount.MOUNT_ATTR_RDONLY)
        os.mkdir(f"{directory}/x")
        mount.mount_setattr(file, "", mount.AT_EMPTY_PATH, set=mount.MOUNT_ATTR_NOATIME, clr=mount.MOUNT_ATTR__ATIME)
        assert mountinfo.entry_of(file).options == "rw,noatime"
        with raises(errno.EINVAL, "mount_setattr", f"{directory}/x"):
            mount.mount_setattr(-100, f"{directory}/x", set=mount.MOUNT_ATTR_RDONLY)
        with raises(errno.ENOENT, "mount_setattr", "missing"):
            mount.mount_setattr(-100, f"{directory}/missing", set=mount.MOUNT_ATTR_RDONLY)
        with raises(errno.EBADF, "mount_setattr"):
            mount.mount_setattr(-100, directory, userns_fd=99999)

    in_child(body, str(tmp_path), where=where)


@pytest.mark.needs("root", "kernel:6.3")
def test_idmapped_mount(tmp_path: Path):
    def body(directory: str) -> None:
        mount.mount("none", directory, "tmpfs")
        reader, writer = os.pipe()
        pid, pidfd = namespaces.clone3(namespaces.CLONE_NEWUSER)
        only_child(lambda: os.read(reader, 1), pid)
        with open(f"/proc/{pid}/uid_map", "w") as file:
            file.write("0 5000 10")
        with open(f"/proc/{pid}/gid_map", "w") as file:
            file.write("0 7000 10")
        users = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY)
        tree = mount.open_tree(-100, directory, mount.OPEN_TREE_CLONE)
        mount.mount_setattr(tree, "", mount.AT_EMPTY_PATH, userns_fd=users)
        status = os.stat(tree)
        assert (status.st_uid, status.st_gid) == (5000, 7000)
        os.write(writer, b"x")
        os.waitpid(pid, 0)
        os.close(pidfd)
        mount.move_mount(tree, "", -100, directory)
        assert mountinfo.read() == mountinfo.list_by_statmount()
        assert mountinfo.entry_of(tree).options == "rw,relatime,idmapped"

    in_child(body, str(tmp_path), where="mounts")


# --- a procfs of our own ---------------------------------------------------------------------------------------------


@pytest.mark.needs("root")
def test_private_procfs_shows_processes_only():
    def body() -> None:
        root = procfs.open_private()
        assert "1" in listed(root)
        assert "sys" not in listed(root)
        assert "sysrq-trigger" not in listed(root)
        # what is done to /proc afterwards changes nothing
        mount.mount("tmpfs", "/proc", "tmpfs")
        file = os.open("/", os.O_PATH)
        with raises(errno.EXDEV):
            fd.reopen(file, os.O_RDONLY)
        os.close(fd.reopen(file, os.O_RDONLY, root))
        assert mountinfo.read("self", root)[0].fstype

    in_child(body, where="mounts")


@pytest.mark.needs("root")
def test_without_privileges_the_systems_procfs_is_verified():
    def body() -> None:
        os.setuid(65534)
        root = procfs.open_private()
        assert "sys" in os.listdir(f"/proc/self/fd/{root}")
        os.close(root)

    in_child(body)


@pytest.mark.needs("root")
def test_without_any_procfs_it_is_refused():
    def body() -> None:
        hide("fsopen")
        mount.mount("tmpfs", "/proc", "tmpfs")
        with raises(errno.EXDEV, "no procfs", "/proc"):
            procfs.open_private()

    in_child(body, where="mounts")
