"""Who the program is: every form of -u against passwd and group files of all kinds (class D3, D5, E3)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hezi import errors
from hezi.engine import accounts

_PASSWD = """\
root:x:0:0:root:/root:/bin/sh
ann:x:1000:1000:Ann:/home/ann:/bin/sh
bob:x:1001:100::/nohome:/bin/sh
1234:x:77:78::/h1234:/bin/sh
bad:x:foo:1::/bad:/bin/sh
badgid:x:1500:foo::/badgid:/bin/sh
neg:x:-1:-1::/neg:/bin/sh
huge:x:4294967295:1::/huge:/bin/sh
huger:x:99999999999999999999999:1::/huge:/bin/sh
short:x:1600:1600
nohome:x:1601:1601:::
empty:::
two:x:1700:1700::/first:/bin/sh
two:x:1701:1701::/second:/bin/sh
+nis:x:1800:1800::/nis:/bin/sh
#comment:x:1900:1900::/c:/bin/sh
blank uid:x: 5:5::/b:/bin/sh

 spaced:x:2000:2000::/spaced:/bin/sh
plus:x:+7:7::/plus:/bin/sh
hex:x:0x10:1::/hex:/bin/sh
"""
PASSWD = _PASSWD.split("\n")
_GROUP = """\
root:x:0:
ann:x:1000:
users:x:100:ann,bob
wheel:x:10:ann
empty:x:50:
555:x:556:
badgroup:x:foo:
bad-of-two:x::two
+nis:x:60:ann
almost:x:70:anna,xann,an n
1234s:x:90:1234
"""
GROUP = _GROUP.split("\n")

# user -> (uid, gid, groups, home)
GOOD = {
    "": (0, 0, (0,), "/root"),
    ":": (0, 0, (0,), "/root"),
    "root": (0, 0, (0,), "/root"),
    "root:": (0, 0, (0,), "/root"),
    "0": (0, 0, (0,), "/root"),
    "00": (0, 0, (0,), "/root"),
    "0:0": (0, 0, (0,), "/root"),
    "ann": (1000, 1000, (1000, 100, 10), "/home/ann"),
    "ann:": (1000, 1000, (1000, 100, 10), "/home/ann"),
    "1000": (1000, 1000, (1000, 100, 10), "/home/ann"),
    "01000": (1000, 1000, (1000, 100, 10), "/home/ann"),
    "ann:users": (1000, 100, (100,), "/home/ann"),
    "ann:100": (1000, 100, (100,), "/home/ann"),
    "ann:4000": (1000, 4000, (4000,), "/home/ann"),
    "1000:root": (1000, 0, (0,), "/home/ann"),
    "bob": (1001, 100, (100,), "/nohome"),
    "1001": (1001, 100, (100,), "/nohome"),
    "5000": (5000, 0, (0,), "/"),
    "5000:5000": (5000, 5000, (5000,), "/"),
    "5000:users": (5000, 100, (100,), "/"),
    ":100": (0, 100, (100,), "/root"),
    ":users": (0, 100, (100,), "/root"),
    # digits are a number, whatever passwd and group call somebody
    "1234": (1234, 0, (0,), "/"),
    "77": (77, 78, (78, 90), "/h1234"),
    "1234:555": (1234, 555, (555,), "/"),
    "ann:555": (1000, 555, (555,), "/home/ann"),
    "2147483647": (2147483647, 0, (0,), "/"),
    "0:2147483647": (0, 2147483647, (2147483647,), "/root"),
    "short": (1600, 1600, (1600,), "/"),
    "nohome": (1601, 1601, (1601,), "/"),
    "spaced": (2000, 2000, (2000,), "/spaced"),
    "1700": None,  # a member of a group whose id is damaged
    "1701": None,
}
_INVALID = """\
ann:nogroup nobody nobody:users ann:nobody 2147483648 0:2147483648 4294967295
4294967296 18446744073709551616 -1 -0 -4294967295
99999999999999999999999999 1000:-1 1000:4294967295 1000:99999999999999999999 ann:-5 a:b:c ann:users:x :::: ::
+5 0x10 1e3 1_000 1.0 ٣ ² ann:ann\x00 root\x00 +nis #comment ANN Root ann,bob ./ann /root ~ $USER * ? \" '
ann:+100 ann:0x64 ann:١ ann:USERS ann:+nis ann:#x"""
INVALID = _INVALID.split()
CORRUPT = ["bad", "badgid", "1500", "neg", "huge", "huger", "empty", "two", "blank uid", "plus", "hex", "ann:badgroup"]


@pytest.mark.parametrize("user", [user for user, expected in GOOD.items() if expected])
def test_user(user: str) -> None:
    assert tuple(accounts.resolve(user, [], PASSWD, GROUP)) == GOOD[user]


@pytest.mark.parametrize("user", [*sorted(INVALID), " ann", "ann ", "ann\n", "5 ", " 5", "١٢"])
def test_a_user_that_is_not_there_is_refused(user: str) -> None:
    with pytest.raises(errors.Error) as caught:
        accounts.resolve(user.replace("\\x00", "\0"), [], PASSWD, GROUP)
    assert caught.value.kind == errors.INVALID


@pytest.mark.parametrize("user", [*CORRUPT, "1700", "1701"])
def test_a_damaged_entry_is_refused_and_never_root(user: str) -> None:
    with pytest.raises(errors.Error) as caught:
        accounts.resolve(user, [], PASSWD, GROUP)
    assert caught.value.kind == errors.CORRUPT


@pytest.mark.parametrize("lines", [[], [""], ["garbage"], [":::::"], ["x:" * 10000], ["\udcff:x:1:1:::"], ["root"]])
def test_no_usable_passwd(lines: list[str]) -> None:
    assert accounts.resolve("", [], lines, lines) == accounts.Account(0, 0, (0,), "/")
    assert accounts.resolve("5", [], lines, lines) == accounts.Account(5, 0, (0,), "/")
    for name in ("root", "ann"):
        with pytest.raises(errors.Error, match=f"unable to find user {name}: no matching entries in passwd file"):
            accounts.resolve(name, [], lines, lines)


@pytest.mark.parametrize(
    ("user", "add", "groups"),
    [
        ("ann", ["777"], (1000, 100, 10, 777)),
        ("ann", ["users"], (1000, 100, 10)),
        ("ann", ["users", "777", "777", "root"], (1000, 100, 10, 777, 0)),
        ("ann:users", ["10"], (100, 10)),
        ("", ["555"], (0, 555)),
        ("5000", ["empty"], (0, 50)),
        ("bob", ["2147483647"], (100, 2147483647)),
    ],
)
def test_group_add(user: str, add: list[str], groups: tuple[int, ...]) -> None:
    assert accounts.resolve(user, add, PASSWD, GROUP).groups == groups


@pytest.mark.parametrize("name", ["nogroup", "", " ", "-1", "4294967295", "0x5", "+nis", "users:x", "us ers"])
def test_group_add_of_what_is_not_there(name: str) -> None:
    with pytest.raises(errors.Error):
        accounts.resolve("ann", [name], PASSWD, GROUP)


def test_a_group_of_too_many_is_refused() -> None:
    group = [f"g{n}:x:{n}:ann" for n in range(accounts.MAX_GROUPS + 1)]
    with pytest.raises(errors.Error, match="the limit is"):
        accounts.resolve("ann", [], PASSWD, group)


@pytest.fixture
def root_fd(tmp_path: Path) -> int:
    (tmp_path / "etc").mkdir()
    return os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)


def test_read_lines(root_fd: int, tmp_path: Path) -> None:
    (tmp_path / "etc/passwd").write_bytes(b"root:x:0:0::/root:/bin/sh\n\xff:x:1:1:::\n")
    assert accounts.read_lines(root_fd, "etc/passwd")[0].startswith("root:")
    assert accounts.read_lines(root_fd, "etc/group") == []
    assert accounts.read_lines(root_fd, "no/such") == []


def test_a_link_stays_in_the_image(root_fd: int, tmp_path: Path) -> None:
    (tmp_path / "etc/real").write_text("inside")
    (tmp_path / "etc/passwd").symlink_to("/etc/real")
    (tmp_path / "etc/group").symlink_to("../../../../../../etc/hostname")
    assert accounts.read_lines(root_fd, "etc/passwd") == ["inside"]
    assert accounts.read_lines(root_fd, "etc/group") == []


@pytest.mark.parametrize("kind", ["fifo", "directory", "sparse", "long", "lines", "magic", "loop", "socket"])
def test_passwd_that_is_no_small_file(root_fd: int, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "etc/passwd"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "sparse":
        with path.open("wb") as file:
            file.truncate(10 << 30)
    elif kind == "long":
        path.write_bytes(b"root:x:0:" + b"a," * (1 << 20))
    elif kind == "lines":
        path.write_bytes(b"\n" * 20_000)
    elif kind == "magic":
        (tmp_path / "etc/passwd").symlink_to("/proc/self/fd/0")
        assert accounts.read_lines(root_fd, "etc/passwd") == []
        return
    elif kind == "loop":
        path.symlink_to("passwd")
    else:
        import socket

        old = Path.cwd()
        os.chdir(path.parent)
        try:
            socket.socket(socket.AF_UNIX).bind("passwd")
        finally:
            os.chdir(old)
    with pytest.raises(errors.Error):
        accounts.read_lines(root_fd, "etc/passwd")
