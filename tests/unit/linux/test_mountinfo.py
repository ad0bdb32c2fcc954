"""Reading the text of mountinfo."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hezi.linux import mountinfo


def test_the_line_of_the_man_page():
    line = b"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue"
    assert mountinfo.parse_line(line) == mountinfo.MountEntry(
        id=36,
        parent=35,
        major=98,
        minor=0,
        root="/mnt1",
        mount_point="/mnt2",
        options="rw,noatime",
        peer_group=0,
        master=1,
        propagate_from=0,
        unbindable=False,
        fstype="ext3",
        source="/dev/root",
        super_options="rw,errors=continue",
    )


@pytest.mark.parametrize(
    ("tags", "state"),
    [
        (b"", "private"),
        (b"shared:7 ", "shared"),
        (b"master:7 ", "slave"),
        (b"shared:7 master:8 propagate_from:2 ", "shared-and-slave"),
        (b"unbindable ", "unbindable"),
        (b"something:new ", "private"),
    ],
)
def test_states(tags: bytes, state: str):
    line = b"36 35 98:0 / / rw " + tags + b"- ext3 /dev/root rw"
    assert mountinfo.parse_line(line).propagation == state


def test_an_empty_source_and_a_dash_in_names():
    entry = mountinfo.parse_line(b"1 2 0:5 / /- rw,- shared:1 - tmpfs  rw,a=- -")
    assert (entry.mount_point, entry.source, entry.super_options) == ("/-", "", "rw,a=- -")


def test_subtype():
    assert mountinfo.parse_line(b"1 2 0:5 / /mnt rw - fuse.sshfs host: rw").fstype == "fuse.sshfs"


@pytest.mark.parametrize("line", [b"", b"1 2 3", b"a b c:d / / rw - t s r", b"1 2 0:5 / / rw tmpfs s rw"])
def test_other_lines_are_refused(line: bytes):
    with pytest.raises(ValueError, match=r".*"):
        mountinfo.parse_line(line)


@pytest.mark.parametrize(
    ("escaped", "plain"),
    [
        (rb"a\040b", "a b"),
        (rb"\134040", r"\040"),
        (rb"\011\012\043", "\t\n#"),
        (rb"tail\0", r"tail\0"),
        (rb"no\999", r"no\999"),
        (rb"\\", "\\\\"),
        (b"\xff", "\udcff"),
    ],
)
def test_unescape(escaped: bytes, plain: str):
    assert mountinfo.unescape(escaped) == plain


@given(st.binary(max_size=30))
def test_unescape_undoes_the_kernels_escaping(raw: bytes):
    escaped = b"".join(b"\\%03o" % byte if byte in b" \t\n\\#" else bytes((byte,)) for byte in raw)
    assert mountinfo.unescape(escaped).encode(errors="surrogateescape") == raw
