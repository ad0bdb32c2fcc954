"""The tar reader: every format that writers use, and nothing else."""

from __future__ import annotations

import io
import random
import tarfile
import time
import tracemalloc
from collections.abc import Iterator

import pytest

from hezi import errors
from hezi.image import build, tarlayer, tarwrite
from hezi.image.build import FileSpec
from hezi.image.tarlayer import Entry, Limits, TarReader


def chunked(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def read(data: bytes, chunk: int = 1 << 20, limits: Limits = tarlayer.DEFAULT_LIMITS) -> list[tuple[Entry, bytes]]:
    reader = TarReader(chunked(data, chunk), limits)
    return [(entry, b"".join(reader.data())) for entry in reader]


def archive(members: list[tuple[tarfile.TarInfo, bytes]], form: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def member(name: str, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(info, key, value)
    return info


def refused(data: bytes, **keywords: object) -> str:
    with pytest.raises(errors.Error) as caught:
        read(data, **keywords)  # type: ignore[arg-type]
    assert caught.value.kind == errors.CORRUPT
    return caught.value.message


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("chunk", [1, 7, 512, 513, 1 << 20])
def test_formats(form: int, chunk: int) -> None:
    data = archive(
        [
            (member("d", type=tarfile.DIRTYPE, mode=0o1755, uid=3, gid=4), b""),
            (member("d/f", mode=0o4755, mtime=1_600_000_000, uid=1000), b"x" * 1500),
            (member("l", type=tarfile.SYMTYPE, linkname="d/f"), b""),
            (member("h", type=tarfile.LNKTYPE, linkname="d/f"), b""),
            (member("c", type=tarfile.CHRTYPE, devmajor=1, devminor=3), b""),
            (member("empty"), b""),
        ],
        form,
    )
    found = read(data, chunk)
    assert [(e.name.rstrip(b"/"), chr(e.kind), e.size) for e, _ in found] == [
        (b"d", "5", 0), (b"d/f", "0", 1500), (b"l", "2", 0), (b"h", "1", 0), (b"c", "3", 0), (b"empty", "0", 0),
    ]  # fmt: skip
    assert found[1][1] == b"x" * 1500
    assert (found[1][0].mode, found[1][0].uid, found[1][0].mtime_ns) == (0o4755, 1000, 1_600_000_000 * 10**9)
    assert (found[2][0].linkname, found[4][0].devmajor, found[4][0].devminor) == (b"d/f", 1, 3)


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_and_large_numbers(form: int) -> None:
    name, target = "n/" * 200 + "end", "t" * 300
    data = archive([(member(name, type=tarfile.SYMTYPE, linkname=target, uid=2**31, mtime=2**34), b"")], form)
    ((entry, _),) = read(data)
    assert (entry.name, entry.linkname) == (name.encode(), target.encode())
    assert (entry.uid, entry.mtime_ns) == (2**31, 2**34 * 10**9)


def test_ustar_prefix() -> None:
    name = "p" * 90 + "/" + "q" * 90
    assert read(archive([(member(name), b"")], tarfile.USTAR_FORMAT))[0][0].name == name.encode()


def test_v7_directory_by_slash() -> None:
    header = bytearray(build.layer([FileSpec(b"old/")])[:512])
    header[156] = 0
    header[257:265] = bytes(8)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    assert read(bytes(header) + bytes(1024))[0][0].kind == tarlayer.DIRECTORY


def test_pax_records() -> None:
    info = member("short", pax_headers={"SCHILY.xattr.user.a": "1", "LIBARCHIVE.xattr.user.b%25": "Mg", "mtime": "1.5"})
    ((entry, _),) = read(archive([(info, b"")], tarfile.PAX_FORMAT))
    assert dict(entry.xattrs) == {b"user.a": b"1", b"user.b%": b"2"}
    assert entry.mtime_ns == 1_500_000_000


def test_negative_time() -> None:
    assert read(build.layer([FileSpec(b"f", mtime_ns=-1_250_000_000)]))[0][0].mtime_ns == -1_250_000_000


def test_global_headers_are_read_and_do_not_apply() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"uid": "77"}) as tar:
        tar.addfile(member("f", uid=5))
    assert read(buffer.getvalue())[0][0].uid == 5


def sparse_member(*, pax: list[tuple[bytes, bytes]], data: bytes) -> bytes:
    records = b"".join(tarwrite.record(key, value) for key, value in pax)
    extension = FileSpec(b"x", 0x78, records)
    return build.layer([extension, FileSpec(b"GNUSparseFile.0/f", data=data)])


SPARSE_00 = [
    (b"GNU.sparse.size", b"100"), (b"GNU.sparse.numblocks", b"2"),
    (b"GNU.sparse.offset", b"10"), (b"GNU.sparse.numbytes", b"3"),
    (b"GNU.sparse.offset", b"50"), (b"GNU.sparse.numbytes", b"2"),
]  # fmt: skip
SPARSE_01 = [(b"GNU.sparse.size", b"100"), (b"GNU.sparse.map", b"10,3,50,2"), (b"GNU.sparse.name", b"f")]
SPARSE_10 = [
    (b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.name", b"f"),
    (b"GNU.sparse.realsize", b"100"),
]  # fmt: skip


def test_sparse_formats() -> None:
    for pax, data in (
        (SPARSE_00, b"abcde"),
        (SPARSE_01, b"abcde"),
        (SPARSE_10, b"2\n10\n3\n50\n2\n".ljust(512, b"\0") + b"abcde"),
    ):
        ((entry, stored),) = read(sparse_member(pax=pax, data=data), 100)
        assert (entry.size, entry.sparse, stored) == (100, ((10, 3), (50, 2)), b"abcde")


def test_old_gnu_sparse() -> None:
    header = bytearray(build.layer([FileSpec(b"f", data=b"abcde")])[:1024])
    header[156:157] = b"S"
    header[257:265] = b"ustar  \0"
    header[345:512] = bytes(167)
    header[386:434] = b"%011o\0%011o\0%011o\0%011o\0" % (10, 3, 50, 2)
    header[483:495] = b"%011o\0" % 100
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    ((entry, stored),) = read(bytes(header) + bytes(1024))
    assert (entry.name, entry.size, entry.sparse, stored) == (b"f", 100, ((10, 3), (50, 2)), b"abcde")


@pytest.mark.parametrize(
    "pax",
    [
        [(b"GNU.sparse.size", b"100"), (b"GNU.sparse.map", b"10,3,9,2")],  # overlaps
        [(b"GNU.sparse.size", b"12"), (b"GNU.sparse.map", b"10,5")],  # leaves the file
        [(b"GNU.sparse.size", b"100"), (b"GNU.sparse.map", b"10,4")],  # less than stored
        [(b"GNU.sparse.size", b"100"), (b"GNU.sparse.map", b"10")],  # odd
        [(b"GNU.sparse.size", b"-1"), (b"GNU.sparse.map", b"0,5")],
        [(b"GNU.sparse.size", b"99999999999999999999"), (b"GNU.sparse.map", b"0,5")],
    ],
)
def test_wrong_sparse_maps(pax: list[tuple[bytes, bytes]]) -> None:
    refused(sparse_member(pax=pax, data=b"abcde"))


def patched(offset: int, value: bytes) -> bytes:
    header = bytearray(build.layer([FileSpec(b"f", data=b"x" * 10)]))
    header[offset : offset + len(value)] = value
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    return bytes(header)


@pytest.mark.parametrize(
    ("offset", "value"),
    [
        (124, b"\xff" * 12),  # negative size (CVE-2025-8194: a loop that never ends)
        (124, b"\x80" + b"\x7f" * 11),  # beyond 64 bits
        (124, b"\x80\0\0\0\x7f" + b"\xff" * 7),  # 2**63 - 1
        (124, b"0_000000012\0"),
        (124, b"-0000000012\0"),
        (124, b"0x00000000a\0"),
        (124, b"00000000009\0"),
        (108, b"\xff" * 8),  # uid -1
        (156, b"Z"),
        (156, b"\xff"),
    ],
)
def test_wrong_headers(offset: int, value: bytes) -> None:
    refused(patched(offset, value))


def test_wrong_checksum() -> None:
    data = bytearray(build.layer([FileSpec(b"f")]))
    data[0] ^= 1
    assert "checksum" in refused(bytes(data))


@pytest.mark.parametrize(
    "records",
    [b"5 a=b\n", b"99 path=x\n",
     b"path=x\n", b"9 =value\n", b"-9 path=x\n", b"11 path=a\0b\n", b"0 \n", b"3 \n", b"12 uid=1_0000\n",
     b"10 uid=-1\n", b"13 mtime=nan\n", b"24 size=9999999999999999\n", b"31 LIBARCHIVE.xattr.user.a=AAAAA\n"],
)  # fmt: skip
def test_wrong_pax_records(records: bytes) -> None:
    refused(build.layer([FileSpec(b"x", 0x78, records), FileSpec(b"f")]))


def test_truncation_at_every_block_and_many_bytes() -> None:
    data = archive(
        [(member("a" * 150), b"x" * 3000), (member("d", type=tarfile.DIRTYPE), b""), (member("b"), b"y" * 700)],
        tarfile.PAX_FORMAT,
    )
    names = [entry.name for entry, _ in read(data)]
    cuts = {*range(0, len(data), 512), *random.Random(1).sample(range(len(data)), 500)}
    whole = 0
    for cut in cuts:
        found = names_or_none(data[:cut])
        if found is not None:
            # Only between two entries does an archive without its end read as a shorter one; the DiffID tells.
            padding = data[cut : -(-cut // 512) * 512]
            assert not padding.strip(b"\0")
            assert found == names[: len(found)]
            whole += found != names and not padding
    assert whole < 10


def test_the_padding_of_the_last_entry_may_be_missing() -> None:
    # So umoci 0.4 writes what it inserts, and Go's reader takes it.
    data = archive([(member("a"), b"x" * 700), (member("b"), b"y" * 700)], tarfile.PAX_FORMAT)
    end = data.rindex(b"y") + 1
    for cut in (end, end + 1, end + 200):
        assert [(entry.name, got) for entry, got in read(data[:cut])] == [(b"a", b"x" * 700), (b"b", b"y" * 700)]
    refused(data[: end - 1])


def names_or_none(data: bytes) -> list[bytes] | None:
    """The names; None for a typed error. Anything else is raised."""
    try:
        return [entry.name for entry, _ in read(data)]
    except errors.Error as error:
        return None if error.kind == errors.CORRUPT else [b"wrong kind"]


def test_a_lone_zero_block_is_refused() -> None:
    data = build.layer([FileSpec(b"a")])[:512] + bytes(512) + build.layer([FileSpec(b"b")])
    refused(data)


def test_what_follows_the_end_is_drained_not_read() -> None:
    consumed: list[int] = []

    def chunks() -> Iterator[bytes]:
        for chunk in (build.layer([FileSpec(b"a")]), b"rubbish" * 1000, b"more"):
            consumed.append(len(chunk))
            yield chunk

    assert [entry.name for entry in TarReader(chunks())] == [b"a"]
    assert len(consumed) == 3


def test_limits() -> None:
    many = build.layer(FileSpec(b"%d" % number) for number in range(20))
    assert "entries" in refused(many, limits=Limits(entries=19))
    assert len(read(many, limits=Limits(entries=20))) == 20
    assert "bytes" in refused(build.layer([FileSpec(b"n" * 300)]), limits=Limits(name_bytes=299))
    assert "header" in refused(build.layer([FileSpec(b"x", 0x78, b"x" * (1 << 20) + b"x"), FileSpec(b"f")]))


def test_a_gigabyte_of_header_is_refused_before_it_is_read() -> None:
    header = bytearray(build.layer([FileSpec(b"x", 0x78, b"")])[:512])
    header[124:136] = b"%011o\0" % (1 << 30)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)

    def endless() -> Iterator[bytes]:
        yield bytes(header)
        while True:
            yield bytes(1 << 20)

    tracemalloc.start()
    began = time.monotonic()
    with pytest.raises(errors.Error):
        list(TarReader(endless()))
    assert time.monotonic() - began < 5
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()


def test_rubbish_never_raises_anything_else() -> None:
    rng = random.Random(7)
    sample = build.layer(
        [FileSpec(b"n" * 200, data=b"d" * 600, xattrs=((b"user.a", b"b"),)), build.symlink(b"l", b"t")]
    )
    for _ in range(3000):
        data = bytearray(sample)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if rng.random() < 0.7:
            for at in range(0, len(data) - 1024, 512):  # give changed headers a right sum
                if data[at + 257 : at + 262] == b"ustar":
                    data[at + 148 : at + 156] = b" " * 8
                    data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])
        assert names_or_none(bytes(data)) != [b"wrong kind"]
