"""Run the body of a test in an interpreter of its own, which may lose privileges, namespaces and system calls.

The body is a function of the test's own; its source is sent to a bare interpreter, where the modules of ``hezi.linux``
and the helpers below are imported::

    def test_unshare_needs_privileges():
        def body() -> None:
            os.setuid(65534)
            with raises(errno.EPERM, "unshare: "):
                namespaces.unshare(namespaces.CLONE_NEWNET)

        in_child(body)

Mounts made there disappear with its mount namespace, so nothing is to be cleaned up.
"""

from __future__ import annotations

import contextlib
import errno
import inspect
import os
import struct
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

_TOP = Path(__file__).parents[2]
# Where a body may run: with the privileges at hand, in a mount namespace of its own, or as root of a user namespace.
_WRAPPERS: dict[str, tuple[str, ...]] = {
    "here": (),
    "mounts": ("unshare", "--mount", "--propagation", "private"),
    "userns": ("unshare", "--user", "--map-root-user", "--mount", "--propagation", "private"),
}
_PRELUDE = """
import _socket, errno, os, signal, struct, sys
sys.path[:0] = {path!r}
from hezi.linux import (
    abi, caps, fd, features, idmap, mount, mountinfo, namespaces, nsobject, pidfd, prctl, procfs,
    propagation, pty, rlimits,
)
from tests.support.in_child import forked, hide, listed, only_child, raises
"""


def in_child(body: Callable[..., None], *args: object, where: str = "here", timeout: float = 60.0) -> str:
    """Run ``body(*args)``; the test fails as it does. Give what it printed.

    :param args: values whose ``repr`` is Python.
    :param where: "here", "mounts" or "userns".
    """
    program = _PRELUDE.format(path=[str(_TOP / "src"), str(_TOP)])
    program += textwrap.dedent(inspect.getsource(body)) + f"\n{body.__name__}(*{args!r})\n"
    argv = [*_WRAPPERS[where], sys.executable, "-I", "-S", "-B", "-c", program]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@contextlib.contextmanager
def raises(number: int, *texts: str) -> Iterator[None]:
    """Expect an OSError with this errno, and with all of ``texts`` in what people get to read."""
    caught: OSError | None = None
    try:
        yield
    except OSError as error:
        caught = error
    assert caught is not None, f"no OSError; {errno.errorcode[number]} expected"
    assert caught.errno == number, f"{errno.errorcode.get(caught.errno or 0)}: {caught}"
    for text in texts:
        assert text in str(caught), f"{text!r} is not in {caught}"


def listed(file: int) -> list[str]:
    """List a directory by an O_PATH descriptor, as those of detached mounts are."""
    readable = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=file)
    try:
        return sorted(os.listdir(readable))
    finally:
        os.close(readable)


def only_child(body: Callable[[], object], pid: int) -> None:
    """Behind a call that returns twice: run ``body`` in the child, which ends there, with 0 if nothing was raised."""
    if pid != 0:
        return
    code = 1
    try:
        body()
        code = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def forked(body: Callable[[], object], *, cgroup_fd: int | None = None) -> int:
    """Run ``body`` in a child, born in a group of cgroup v2 if one is given; return its exit code, 0 if it did well."""
    from hezi.linux import nscalls

    pid, _ = nscalls.clone3(cgroup_fd=cgroup_fd, want_pidfd=False)
    only_child(body, pid)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def hide(*calls: str) -> None:
    """Make system calls answer ENOSYS to this process from now on: an old kernel, simulated with seccomp."""
    from hezi.linux import abi, prctl

    numbers = {
        "clone3": 435,
        "fchmodat2": 452,
        "listmount": 458,
        "mount_setattr": 442,
        "openat2": 437,
        "setxattrat": 463,
        "statmount": 457,
        "fsopen": 430,
    }
    load_number = struct.pack("=HBBI", 0x20, 0, 0, 0)
    allow = struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF0000)
    refuse = struct.pack("=HBBI", 0x06, 0, 0, 0x00050000 | errno.ENOSYS)
    program = load_number
    for call in calls:
        program += struct.pack("=HBBI", 0x15, 0, 1, numbers[call]) + refuse
    prctl.set_no_new_privs()
    abi.seccomp_filter(program + allow)
