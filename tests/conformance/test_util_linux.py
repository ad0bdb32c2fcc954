"""hezi linked as unshare, nsenter and lsns does what they do, and hezi mount what findmnt and mount --make-* do.

Compared are exit code, output, its order, and the words of complaints but for hints.

Where hezi differs on purpose it is not in the cases: ``unshare -f`` of a program that dies of SIGKILL (exit code 1
there, 137 here), ``unshare -r --setgroups deny`` (EPERM there), a signal by its number for ``--kill-child`` (refused
there), ranges for root without a line in /etc/subuid (root needs none here), ids of more than 32 bits (cut off there),
the id -1 (no id there), ``lsns --tree=process -l`` and ``lsns 0`` (half a tree there), ``findmnt --tree`` with a mount
point (nothing there), ``findmnt -i`` with a mount point and ``--shadowed -l`` (all there), findmnt's columns of labels
and of fstab, and ``--list`` there, which changes the order of ``-R``.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance import cases_util_linux as cases
from tests.conformance import cases_util_linux_mounts as mount_cases
from tests.conformance import cases_util_linux_spaces as space_cases
from tests.conformance import util_linux
from tests.support.harness import wait_until

# So many of each tool are always run; all of them with the long suites.
_ALWAYS = 32


def _cases(*blocks: str) -> list:
    found = [line for block in blocks for line in cases.lines(block)]
    return [
        line if number < _ALWAYS else pytest.param(line, marks=pytest.mark.slow) for number, line in enumerate(found)
    ]


@pytest.fixture(scope="module")
def programs() -> Iterator[Path]:
    with util_linux.linked("unshare", "nsenter", "lsns", "findmnt", "mount") as directory:
        yield directory


@pytest.fixture(scope="module")
def others() -> bool:
    return util_linux.interpreter_of_others() is not None


@pytest.fixture(scope="module")
def sleepers() -> Iterator[dict[str, str]]:
    """A process in namespaces of its own, and one as root of its own user namespace."""
    lines = {
        "Q": ["unshare", "-muinpCTf", "--kill-child", "--mount-proc", "sleep", "86411"],
        "R": ["unshare", "-Ur", "sleep", "86412"],
    }
    started = {name: subprocess.Popen(argv, stdin=subprocess.DEVNULL) for name, argv in lines.items()}
    try:
        found = {}
        for name, process in started.items():

            def sleeping(pid: int = process.pid) -> list[int]:
                pids = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
                return [one for one in pids if Path(f"/proc/{one}/cmdline").read_bytes().startswith(b"sleep\0")]

            assert wait_until(sleeping, timeout=30)
            found[name] = str(sleeping()[0])
        yield found
    finally:
        for process in started.values():
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def world() -> Iterator[int]:
    with util_linux.world() as first:
        yield first


@pytest.mark.needs("root", "unshare", "setpriv")
@pytest.mark.parametrize("line", _cases(cases.UNSHARE, space_cases.UNSHARE))
def test_same_as_unshare(programs: Path, others: bool, line: str):
    if line.lstrip("~").startswith("setpriv") and not others:
        pytest.skip("the interpreter is out of reach of other users")
    assert not util_linux.differences(line, programs)


@pytest.mark.needs("root", "unshare", "setpriv")
@pytest.mark.parametrize("line", _cases(cases.NSENTER, space_cases.NSENTER))
def test_same_as_nsenter(programs: Path, sleepers: dict[str, str], others: bool, line: str):
    if line.lstrip("~").startswith("setpriv") and not others:
        pytest.skip("the interpreter is out of reach of other users")
    assert not util_linux.differences(line, programs, env=sleepers)


@pytest.mark.needs("root", "unshare")
@pytest.mark.parametrize("line", _cases(cases.LSNS, space_cases.LSNS))
def test_same_as_lsns(programs: Path, world: int, others: bool, line: str):
    if line.lstrip("~").startswith("setpriv") and not others:
        pytest.skip("the interpreter is out of reach of other users")
    enter = ("nsenter", "-t", str(world), "-p", "-m", "--")
    number = str(Path("/proc/self/ns/user").stat().st_ino)

    def without_own_number(text: str) -> str:
        return re.sub(r"\b2[0-9]{4}\b", "OTHER", text)

    assert not util_linux.differences(line, programs, prefix=enter, env={"U": number}, normal=without_own_number)


@pytest.fixture(scope="module")
def mounts() -> Iterator[int]:
    """A process in a mount namespace with mounts in all states."""
    with util_linux.mounts() as holder:
        yield holder


@pytest.mark.needs("root", "unshare")
@pytest.mark.parametrize("line", _cases(cases.FINDMNT, mount_cases.FINDMNT))
def test_same_as_findmnt(programs: Path, mounts: int, line: str):
    enter = ("nsenter", "-t", str(mounts), "-m", "--")
    assert not util_linux.differences(line, programs, prefix=enter, env={"P": str(mounts)})


@pytest.mark.needs("root", "unshare", "setpriv")
@pytest.mark.parametrize("line", _cases(cases.MOUNT, mount_cases.MOUNT))
def test_same_as_mount(programs: Path, others: bool, line: str):
    if line.lstrip("~").startswith("setpriv") and not others:
        pytest.skip("the interpreter is out of reach of other users")
    assert not util_linux.differences(line, programs, around=(util_linux.SOME_MOUNTS, util_linux.TELL))
