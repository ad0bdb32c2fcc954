"""What the kernel grants an ordinary user, with ids granted in /etc/subuid and without: user_namespaces(7)."""

from __future__ import annotations

import errno
import inspect
import os
import signal
import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from hezi.linux import idmap, mount, namespaces, propagation
from tests.conformance import util_linux
from tests.support.in_child import raises

_TOP = Path(__file__).resolve().parents[2]
_PRELUDE = f"""
import errno, os, signal, sys
sys.path[:0] = {[str(_TOP / "src"), str(_TOP)]!r}
from hezi.linux import idmap, mount, namespaces, propagation
from tests.support.in_child import raises
"""
# Files bound over those of the machine, in a mount namespace of the test's own.
_GRANTED = """
mount --bind "$FILES/subuid" /etc/subuid || { touch /etc/subuid && mount --bind "$FILES/subuid" /etc/subuid; }
mount --bind "$FILES/subgid" /etc/subgid || { touch /etc/subgid && mount --bind "$FILES/subgid" /etc/subgid; }
exec "$@"
"""
NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")


@pytest.fixture(scope="module", autouse=True)
def _reachable() -> None:
    if util_linux.interpreter_of_others() is None:
        pytest.skip("the interpreter is out of reach of other users")


@pytest.fixture
def granted(tmp_path: Path) -> tuple[str, ...]:
    """A prefix under which nobody was granted 65,536 ids."""
    for name in ("subuid", "subgid"):
        (tmp_path / name).write_text("nobody:100000:65536\n")
    return ("unshare", "-m", "env", f"FILES={tmp_path}", "sh", "-c", _GRANTED, "sh")


def as_nobody(body: Callable[[], None], prefix: tuple[str, ...] = ()) -> None:
    """Run a function's source as user 65534."""
    program = _PRELUDE + textwrap.dedent(inspect.getsource(body)) + f"\n{body.__name__}()\n"
    argv = [*prefix, *NOBODY, str(util_linux.interpreter_of_others()), "-I", "-S", "-B", "-c", program]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, cwd="/", check=False)
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}{done.stderr}"


@pytest.mark.needs("root", "setpriv")
def test_a_user_is_root_of_a_namespace_and_nobody_outside():
    def body() -> None:
        def inside() -> int:
            assert (os.getuid(), os.getgid()) == (0, 0)
            assert idmap.read() == (idmap.Range(0, 65534),)
            with open("/proc/self/setgroups") as file:
                assert file.read() == "deny\n"
            mount.mount("t", "/mnt", "tmpfs")  # in the mount namespace that is ours
            open("/mnt/mine", "w").close()
            assert os.stat("/mnt/mine").st_uid == 0
            namespaces.sethostname("mine")
            with raises(errno.EPERM):
                os.setgroups([])
            with raises(errno.EINVAL):
                os.chown("/mnt/mine", 1, 0)  # no such user here
            return 0

        flags = namespaces.CLONE_NEWUSER | namespaces.CLONE_NEWNS | namespaces.CLONE_NEWUTS
        maps = {"uid_map": idmap.own_map(0), "gid_map": idmap.own_map(0, "gid")}
        with namespaces.clone(inside, flags, **maps) as process:
            assert process.wait() == 0
        assert not os.path.exists("/mnt/mine")

    as_nobody(body)


@pytest.mark.needs("root", "setpriv")
def test_unshare_alone_gives_a_user_no_ids_but_all_rights_over_what_is_made_with_it():
    def body() -> None:
        uid = os.getuid()
        namespaces.unshare(namespaces.CLONE_NEWUSER | namespaces.CLONE_NEWUTS | namespaces.CLONE_NEWNS)
        assert os.getuid() == 65534  # the overflow id
        namespaces.sethostname("box")
        propagation.make("/", "private", recursive=True)
        idmap.set_setgroups("self", allow=False)
        idmap.write("self", "gid", [idmap.Range(7, 65534)])
        idmap.write("self", "uid", [idmap.Range(5, uid)])
        assert (os.getuid(), os.getgid()) == (5, 7)

    as_nobody(body)


@pytest.mark.needs("root", "setpriv")
def test_what_the_kernel_forbids_a_user_is_said_with_the_way_out():
    def body() -> None:
        with raises(errno.EPERM, "needs CAP_SYS_ADMIN; an ordinary user makes a user namespace with it"):
            namespaces.unshare(namespaces.CLONE_NEWNS)
        with raises(errno.EPERM, "joining net of /proc/self/ns/net needs CAP_SYS_ADMIN"):
            namespaces.setns("/proc/self/ns/net")
        namespaces.unshare(namespaces.CLONE_NEWUSER)
        with raises(errno.EPERM, "more than the own user is mapped: newuidmap and a line in /etc/subuid allow more"):
            idmap.write("self", "uid", [idmap.Range(0, 0, 10)])
        with raises(errno.EPERM, "setgroups is still allowed"):
            idmap.write("self", "gid", [idmap.Range(0, 65534)])

    as_nobody(body)


@pytest.mark.needs("root", "setpriv", "newuidmap")
def test_without_a_line_in_subuid_ranges_are_refused_and_no_child_is_left():
    def body() -> None:
        ranges = [idmap.Range(0, 65534), idmap.Range(1, 100000, 65536)]
        with raises(errno.EPERM, "newuidmap"):
            namespaces.clone(signal.pause, namespaces.CLONE_NEWUSER, uid_map=ranges)
        with raises(errno.ECHILD):
            os.waitpid(-1, 0)

    as_nobody(body)


@pytest.mark.needs("root", "setpriv", "newuidmap")
def test_with_a_line_in_subuid_a_user_has_a_range(granted: tuple[str, ...]):
    def body() -> None:
        def inside() -> int:
            mount.mount("t", "/mnt", "tmpfs")
            for uid in (0, 1, 65536):
                open(f"/mnt/{uid}", "w").close()
                os.chown(f"/mnt/{uid}", uid, uid)
                assert os.stat(f"/mnt/{uid}").st_uid == uid
            with raises(errno.EINVAL):
                os.chown("/mnt/0", 65537, 0)
            os.setgroups([])  # the helper leaves it allowed for granted groups
            return 0

        ranges = [idmap.Range(0, 65534), idmap.Range(1, 100000, 65536)]
        assert idmap.granted("uid") == (idmap.SubRange(100000, 65536),)
        flags = namespaces.CLONE_NEWUSER | namespaces.CLONE_NEWNS
        with namespaces.clone(inside, flags, uid_map=ranges, gid_map=ranges) as process:
            assert process.wait() == 0

    as_nobody(body, granted)


CASES = [
    "@unshare --map-auto cat /proc/self/uid_map /proc/self/gid_map",
    "@unshare -r --map-auto cat /proc/self/uid_map /proc/self/gid_map",
    "@unshare --map-users=auto --map-user=5 cat /proc/self/uid_map",
    "@unshare --map-users=100000,0,10 cat /proc/self/uid_map",
    "@unshare -r --map-users=100000,0,10 --map-groups=100000,0,10 cat /proc/self/uid_map /proc/self/gid_map",
    "@unshare --map-user=3 --map-users=100000,0,10 cat /proc/self/uid_map",
    "~@unshare --map-users=100000,10,5 --map-users=100100,20,5 true",
    "~@unshare --map-users=1,0,10 true",
    "~@unshare --map-users=100000,0,99999 true",
    "@unshare -r --map-auto -f sh -c 'cat /proc/self/gid_map; exit 3'",
    "@unshare -c --map-auto id -u",
]


@pytest.mark.needs("root", "setpriv", "newuidmap", "unshare")
@pytest.mark.parametrize("line", [*CASES[:4], *(pytest.param(line, marks=pytest.mark.slow) for line in CASES[4:])])
def test_ranges_as_unshare_maps_them(granted: tuple[str, ...], line: str):
    with util_linux.linked("unshare") as programs:
        assert not util_linux.differences(line, programs, prefix=(*granted, *NOBODY))


@pytest.mark.needs("root", "setpriv", "newuidmap")
def test_the_new_order_of_map_users_is_the_reverse(granted: tuple[str, ...]):
    """util-linux has ``outer,inner,count`` up to 2.38 and ``inner:outer:count`` since."""
    with util_linux.linked("unshare") as programs:
        for words in ("100000,7,10", "7:100000:10"):
            argv = [*granted, *NOBODY, str(programs / "unshare"), f"--map-users={words}", "cat", "/proc/self/uid_map"]
            done = subprocess.run(argv, capture_output=True, text=True, check=True)
            assert done.stdout.split() == ["7", "100000", "10"]
