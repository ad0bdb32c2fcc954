"""Capabilities and resource limits on the real kernel, compared with what /proc says."""

from __future__ import annotations

import errno
import os
import re
import resource
from pathlib import Path

import pytest

from hezi.linux import caps, namespaces, pidfd, prctl, rlimits
from tests.support.in_child import in_child, only_child, raises

DOCKER = (
    "CAP_CHOWN CAP_DAC_OVERRIDE CAP_FSETID CAP_FOWNER CAP_MKNOD CAP_NET_RAW CAP_SETGID CAP_SETUID CAP_SETFCAP "
    "CAP_SETPCAP CAP_NET_BIND_SERVICE CAP_SYS_CHROOT CAP_KILL CAP_AUDIT_WRITE"
)
HEADER = Path("/usr/include/linux/capability.h")

USERNS = pytest.param("userns", marks=pytest.mark.needs("userns"))


# --- names -----------------------------------------------------------------------------------------------------------


def test_there_are_41_names():
    assert len(caps.CAPABILITIES) == 41
    assert caps.CAPABILITIES["CAP_CHOWN"] == 0
    assert caps.CAPABILITIES["CAP_SYS_ADMIN"] == 21
    assert caps.CAPABILITIES["CAP_CHECKPOINT_RESTORE"] == 40


@pytest.mark.needs("kernel-headers")
def test_names_are_the_kernels():
    theirs = dict(re.findall(r"^#define (CAP_[A-Z_]+)\s+(\d+)$", HEADER.read_text(), re.MULTILINE))
    assert {name: str(number) for name, number in caps.CAPABILITIES.items()} == theirs


def test_masks_and_names():
    # What docker run shows as CapBnd.
    assert caps.mask(DOCKER.split()) == 0x00000000A80425FB
    assert set(caps.names(0xA80425FB)) == set(DOCKER.split())
    assert caps.names(1 << 41 | 1) == ("CAP_CHOWN", "cap_41")
    with pytest.raises(KeyError, match="CAP_NONE"):
        caps.mask(["CAP_NONE"])


def test_last_cap_is_what_proc_says():
    assert caps.last_cap() == int(Path("/proc/sys/kernel/cap_last_cap").read_text())


# --- sets ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", [pytest.param("here", marks=pytest.mark.needs("root")), USERNS])
def test_apply_sets_all_five_as_proc_shows(where: str):
    def body() -> None:
        wanted = caps.mask(["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"])
        few = caps.mask(["CAP_KILL"])
        caps.apply(wanted, few, wanted, few, few)
        with open("/proc/self/status") as status:
            shown = {line[:6]: int(line.split()[1], 16) for line in status if line.startswith("Cap")}
        assert shown == {"CapBnd": wanted, "CapEff": few, "CapPrm": wanted, "CapInh": few, "CapAmb": few}
        assert (caps.capget(), caps.bounding_read(), caps.ambient_read()) == ((few, wanted, few), wanted, few)
        caps.ambient_clear()
        assert caps.ambient_read() == 0

    in_child(body, where=where)


@pytest.mark.needs("root")
def test_sets_survive_setuid_with_keepcaps():
    def body() -> None:
        wanted = caps.mask(["CAP_NET_BIND_SERVICE", "CAP_SETUID"])
        caps.apply_bounding(wanted)
        caps.set_keepcaps(True)
        os.setgroups([])
        os.setgid(1234)
        os.setuid(1234)
        caps.apply_sets(wanted, wanted, 0, 0)
        assert caps.capget() == (wanted, wanted, 0)
        assert caps.bounding_read() == wanted
        assert os.getresuid() == (1234, 1234, 1234)

    in_child(body)


@pytest.mark.needs("root")
def test_bits_the_kernel_does_not_know_are_nothing():
    def body() -> None:
        _, permitted, _ = caps.capget()
        more = permitted | 1 << 62
        caps.apply(more, more, more, 0, 1 << 62)
        assert caps.capget() == (permitted, permitted, 0)

    in_child(body)


@pytest.mark.needs("root")
def test_what_was_dropped_cannot_come_back():
    def body() -> None:
        caps.bounding_drop(caps.CAPABILITIES["CAP_SYS_TIME"])
        assert "CAP_SYS_TIME" not in caps.names(caps.bounding_read())
        with raises(errno.EINVAL, "PR_CAPBSET_DROP", "cap_63"):
            caps.bounding_drop(63)
        caps.capset(0, caps.mask(["CAP_CHOWN"]), 0)
        with raises(errno.EPERM, "capset: Operation not permitted (effective 0x2"):
            caps.capset(2, 2, 0)
        with raises(errno.EPERM, "PR_CAPBSET_DROP", "CAP_CHOWN"):
            caps.bounding_drop(0)
        with raises(errno.EPERM, "PR_CAP_AMBIENT_RAISE", "CAP_CHOWN"):
            caps.ambient_raise(0)

    in_child(body)


@pytest.mark.needs("root")
def test_nothing_to_drop_needs_no_privilege():
    def body() -> None:
        few = caps.mask(["CAP_CHOWN"])
        caps.apply(few, 0, 0, 0, 0)
        caps.apply_bounding(few)
        with raises(errno.EPERM, "PR_CAPBSET_DROP", "CAP_CHOWN"):
            caps.apply_bounding(0)
        assert caps.bounding_read() == few

    in_child(body)


def test_capget_of_others():
    assert caps.capget(os.getpid()) == caps.capget()
    with raises(errno.ESRCH, "capget: No such process"):
        caps.capget(4194304)


@pytest.mark.needs("root")
def test_no_new_privs_and_bounding_hold_over_exec():
    def body() -> None:
        pid, file = namespaces.clone3()

        def child() -> None:
            wanted = caps.mask(["CAP_KILL"])
            caps.apply(wanted, wanted, wanted, 0, 0)
            prctl.set_no_new_privs()
            os.execv("/bin/sh", ["sh", "-c", "grep -q '^CapEff:.0*20$' /proc/self/status"])

        only_child(child, pid)
        assert pidfd.wait(file) == (pid, 0)

    in_child(body)


# --- limits ----------------------------------------------------------------------------------------------------------


def test_limits_are_named_as_the_library_names_them():
    for name, number in rlimits.RLIMITS.items():
        assert getattr(resource, name, number) == number


@pytest.mark.parametrize("name", sorted(rlimits.RLIMITS))
def test_limits_read_as_the_library_reads_them(name: str):
    if hasattr(resource, name):
        assert rlimits.getrlimit(rlimits.RLIMITS[name]) == resource.getrlimit(getattr(resource, name))
    else:
        assert len(rlimits.getrlimit(rlimits.RLIMITS[name])) == 2


def test_limits_are_set():
    def body() -> None:
        files, core = rlimits.RLIMITS["RLIMIT_NOFILE"], rlimits.RLIMITS["RLIMIT_CORE"]
        rlimits.setrlimit(files, 100, 200)
        assert rlimits.getrlimit(files) == (100, 200)
        assert rlimits.prlimit(os.getpid(), files, (50, 200)) == (100, 200)
        assert rlimits.getrlimit(files, os.getpid()) == (50, 200)
        rlimits.setrlimit(core, 0, rlimits.getrlimit(core)[1])
        if rlimits.getrlimit(core)[1] == rlimits.RLIM_INFINITY:
            rlimits.setrlimit(core, -1, -1)
            assert rlimits.getrlimit(core) == (-1, -1)

    in_child(body)


@pytest.mark.needs("root")
def test_limits_that_may_not_be_set():
    def body() -> None:
        files = rlimits.RLIMITS["RLIMIT_NOFILE"]
        with raises(errno.EINVAL, "prlimit: Invalid argument: 'RLIMIT_NOFILE'"):
            rlimits.setrlimit(files, 10, 5)
        with raises(errno.EINVAL, "resource 99"):
            rlimits.getrlimit(99)
        with raises(errno.ESRCH, "prlimit"):
            rlimits.getrlimit(files, 4194304)
        rlimits.setrlimit(files, 100, 100)
        os.setuid(65534)
        with raises(errno.EPERM, "prlimit: Operation not permitted: 'RLIMIT_NOFILE'"):
            rlimits.setrlimit(files, 100, 200)

    in_child(body)
