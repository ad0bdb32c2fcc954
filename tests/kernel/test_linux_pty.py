"""Pseudo terminals on the real kernel."""

from __future__ import annotations

import errno
import os
import pty as library_pty
import signal
import termios
from collections.abc import Iterator

import pytest

from hezi.linux import mount, namespaces, pidfd, pty
from tests.support.in_child import in_child, listed, only_child, raises

WHERE = pytest.mark.parametrize(
    "where",
    [
        pytest.param("mounts", marks=pytest.mark.needs("root")),
        pytest.param("userns", marks=pytest.mark.needs("userns")),
    ],
)


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    master, slave = library_pty.openpty()
    yield master, slave
    os.close(master)
    os.close(slave)


@WHERE
def test_a_terminal_inside_a_detached_devpts(where: str):
    def body() -> None:
        devpts = mount.new_mount("devpts", [("ptmxmode", "0666"), ("mode", "0620"), ("max", "2")])
        master, slave = pty.open_in_devpts(devpts)
        assert not os.get_inheritable(master)
        assert not os.get_inheritable(slave)
        assert pty.number(master) == 0
        assert listed(devpts) == ["0", "ptmx"]
        assert os.path.samestat(os.fstat(slave), os.stat("0", dir_fd=devpts))
        os.write(master, b"typed\n")
        assert os.read(slave, 100) == b"typed\n"
        pty.set_winsize(master, 43, 132)
        assert pty.get_winsize(slave) == (43, 132)
        second = pty.open_in_devpts(devpts)
        with raises(errno.ENOSPC, "openat2", "ptmx"):
            pty.open_in_devpts(devpts)
        os.close(second[0])
        assert pty.number(master) == 0

    in_child(body, where=where)


@WHERE
def test_only_a_devpts_will_do(where: str):
    def body() -> None:
        other = mount.new_mount("tmpfs")
        os.symlink("/dev/ptmx", "ptmx", dir_fd=other)
        with raises(errno.EXDEV, "not a devpts", f"fd {other}"):
            pty.open_in_devpts(other)
        with raises(errno.EBADF, "fstatfs"):
            pty.open_in_devpts(99999)

    in_child(body, where=where)


@WHERE
def test_a_ptmx_that_was_mounted_over_is_refused(where: str):
    def body() -> None:
        os.chdir("/tmp")
        devpts = mount.new_mount("devpts", [("ptmxmode", "0666")])
        os.mkdir(f"hezi-pty-{os.getpid()}")
        try:
            place = f"/tmp/hezi-pty-{os.getpid()}"
            mount.move_mount(devpts, "", -100, place)
            mount.mount("/dev/null", f"{place}/ptmx", None, mount.MS_BIND)
            with raises(errno.EXDEV, "openat2", "ptmx"):
                pty.open_in_devpts(os.open(place, os.O_PATH))
            mount.umount2(place, mount.MNT_DETACH)
        finally:
            os.rmdir(f"/tmp/hezi-pty-{os.getpid()}")

    in_child(body, where=where)


@pytest.mark.needs("root")
def test_a_ptmx_that_others_may_not_open():
    def body() -> None:
        devpts = mount.new_mount("devpts", [("ptmxmode", "0600")])
        os.setuid(65534)
        with raises(errno.EACCES, "openat2", "ptmx"):
            pty.open_in_devpts(devpts)

    in_child(body)


@WHERE
def test_the_controlling_terminal(where: str):
    def body() -> None:
        master, slave = pty.open_in_devpts(mount.new_mount("devpts", [("ptmxmode", "0666")]))
        pid, file = namespaces.clone3()

        def child() -> None:
            with raises(errno.EPERM, "TIOCSCTTY", f"fd {slave}"):
                pty.make_controlling(slave)  # no session leader yet
            os.setsid()
            pty.make_controlling(slave)
            os.close(os.open("/dev/tty", os.O_RDWR))
            assert os.tcgetpgrp(slave) == os.getpid()
            seen = []
            signal.signal(signal.SIGWINCH, lambda *_: seen.append(1))
            pty.set_winsize(master, 5, 6)
            assert seen == [1]
            os.write(slave, b"ready")
            signal.pause()

        only_child(child, pid)
        assert os.read(master, 100) == b"ready"
        os.write(master, b"\x03")  # the terminal turns it into SIGINT
        _, status = pidfd.wait(file)
        # Python's handler raises KeyboardInterrupt, which ends the child with 1.
        assert os.WIFEXITED(status)
        assert os.WEXITSTATUS(status) == 1

    in_child(body, where=where)


def test_sizes(terminal: tuple[int, int]):
    master, slave = terminal
    for rows, cols in ((24, 80), (0, 0), (65535, 65535)):
        pty.set_winsize(master, rows, cols)
        assert pty.get_winsize(slave) == (rows, cols)
        assert os.get_terminal_size(slave) == (cols, rows)
    for rows, cols in ((-1, 80), (24, 65536)):
        with raises(errno.EINVAL, f"{rows} rows, {cols} columns"):
            pty.set_winsize(master, rows, cols)


def test_what_is_no_terminal():
    with open("/dev/null") as file:
        number = file.fileno()
        for call in (
            lambda: pty.set_winsize(number, 1, 1),
            lambda: pty.get_winsize(number),
            lambda: pty.make_controlling(number),
            lambda: pty.RawMode(number).__enter__(),
        ):
            with raises(errno.ENOTTY, f"fd {number}"):
                call()


def test_raw_mode_and_back(terminal: tuple[int, int]):
    master, slave = terminal
    before = termios.tcgetattr(slave)
    with pty.RawMode(slave) as raw:
        os.write(master, b"\x03\r\x1b")
        assert os.read(slave, 10) == b"\x03\r\x1b"
        os.write(slave, b"a\nb")
        assert os.read(master, 10) == b"a\nb"
    assert termios.tcgetattr(slave) == before
    raw.restore()


def test_raw_mode_ends_with_an_exception_too(terminal: tuple[int, int]):
    before = termios.tcgetattr(terminal[1])
    with pytest.raises(KeyError), pty.RawMode(terminal[1]):
        raise KeyError
    assert termios.tcgetattr(terminal[1]) == before


def test_raw_mode_of_a_terminal_that_went_away():
    master, slave = library_pty.openpty()
    raw = pty.RawMode(slave)
    with raw:
        os.close(master)
        os.close(slave)
