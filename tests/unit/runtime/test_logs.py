"""The log's writer: exact for text, bounded, and never a reason to stop."""

from __future__ import annotations

import errno
import json
import os
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hezi.runtime import jsonlog, logfile, logpack, logs


def _read(path):
    with open(path, "rb") as file:
        return [json.loads(line) for line in file]


def _log(path, max_size=0, max_file=3, driver="json-file"):
    return logs.Log(logs.open_sink(driver, str(path), max_size, max_file))


@given(st.binary(max_size=300))
def test_whatever_is_written_is_readable(data):
    escaped = jsonlog.escape(data).replace(b"\n", b"\\n")
    assert json.loads(b'"' + escaped + b'"') == data.decode("utf-8", "replace")


@given(st.text(max_size=300))
def test_text_comes_back_as_it_was(text):
    data = text.encode(errors="replace")
    assert json.loads(b'"' + jsonlog.escape(data).replace(b"\n", b"\\n") + b'"') == data.decode()


def test_the_words_are_dockers():
    assert jsonlog.escape(b'<a href="x">\t\r\\\0&\xe2\x80\xa8') == (
        b'\\u003ca href=\\"x\\"\\u003e\\t\\r\\\\\\u0000\\u0026\\u2028'
    )


def test_a_record_is_what_docker_writes(tmp_path, monkeypatch):
    monkeypatch.setattr("time.time_ns", lambda: 1_767_323_045_123_456_789)
    log = _log(tmp_path / "log")
    log.feed(jsonlog.STDOUT, b"one\ntwo\n")
    log.feed(jsonlog.STDERR, b"no newline")
    log.close()
    time = '"time":"2026-01-02T03:04:05.123456789Z"}\n'
    assert (tmp_path / "log").read_text() == (
        '{"log":"one\\n","stream":"stdout",'
        + time
        + '{"log":"two\\n","stream":"stdout",'
        + time
        + '{"log":"no newline","stream":"stderr",'
        + time
    )


def test_a_long_line_is_cut_into_pieces_of_16_kib(tmp_path):
    log = _log(tmp_path / "log")
    line = b"x" * 40_000 + b"\nshort\n"
    for at in range(0, len(line), 7000):
        log.feed(jsonlog.STDOUT, line[at : at + 7000])
    log.close()
    pieces = [record["log"] for record in _read(tmp_path / "log")]
    assert [len(piece) for piece in pieces] == [16384, 16384, 40_000 - 32768 + 1, 6]
    assert "".join(pieces).encode() == line


def test_a_piece_never_ends_inside_a_character(tmp_path):
    log = _log(tmp_path / "log")
    text = "a" + "界" * 20_000
    log.feed(jsonlog.STDOUT, text.encode())
    log.close()
    assert "".join(record["log"] for record in _read(tmp_path / "log")) == text


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from([b"a", b"\n", b"b" * 9000, b"line\n", b"x\n" * 5000, b"y" * 16384]), max_size=12))
def test_pieces_put_together_are_what_was_written(tmp_path_factory, parts):
    path = tmp_path_factory.mktemp("log") / "log"
    log = _log(path)
    for part in parts:
        log.feed(jsonlog.STDOUT, part)
    log.close()
    records = [record["log"] for record in _read(path)]
    assert "".join(records).encode() == b"".join(parts)
    assert all(len(record) <= logs.MAX_LINE for record in records)
    assert all("\n" not in record[:-1] for record in records)


def test_files_are_bounded_in_size_and_number(tmp_path):
    log = _log(tmp_path / "log", max_size=1000, max_file=3)
    for number in range(500):
        log.feed(jsonlog.STDOUT, b"line %d\n" % number)
    log.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "log.1", "log.2"]
    assert all(path.stat().st_size <= 1000 + 120 for path in tmp_path.iterdir())
    records = [*_read(tmp_path / "log.2"), *_read(tmp_path / "log.1"), *_read(tmp_path / "log")]
    numbers = [int(record["log"].split()[1]) for record in records]
    assert numbers == list(range(numbers[0], 500))


def test_much_at_once_is_bounded_as_well(tmp_path):
    log = _log(tmp_path / "log", max_size=10_000, max_file=2)
    log.feed(jsonlog.STDOUT, b"0123456789\n" * 5000)
    log.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "log.1"]
    assert all(path.stat().st_size <= 10_100 for path in tmp_path.iterdir())


def test_one_file_is_emptied(tmp_path):
    log = _log(tmp_path / "log", max_size=1000, max_file=1)
    log.feed(jsonlog.STDOUT, b"line\n" * 100)
    log.close()
    assert os.listdir(tmp_path) == ["log"]
    assert (tmp_path / "log").stat().st_size <= 1100


def test_a_half_record_of_a_dead_writer_does_not_swallow_the_next(tmp_path):
    (tmp_path / "log").write_bytes(b'{"log":"half')
    log = _log(tmp_path / "log")
    log.feed(jsonlog.STDOUT, b"whole\n")
    log.close()
    assert json.loads((tmp_path / "log").read_bytes().splitlines()[1])["log"] == "whole\n"


class _Full:
    """A disk that is full after so many bytes."""

    def __init__(self, monkeypatch, room):
        self.room = room
        self._write = os.write
        monkeypatch.setattr(logfile.os, "write", self)

    def __call__(self, fd, data):
        if self.room <= 0:
            raise OSError(errno.ENOSPC, "full")
        done = self._write(fd, data[: self.room])
        self.room -= done
        return done


def test_a_full_disk_loses_whole_records_and_says_so_later(tmp_path, monkeypatch):
    log = _log(tmp_path / "log")
    log.feed(jsonlog.STDOUT, b"first\n")
    with monkeypatch.context() as patch:
        _Full(patch, 100)
        log.feed(jsonlog.STDOUT, b"second\nthird\nfourth\n")
        log.feed(jsonlog.STDOUT, b"fifth\n")
    assert [record["log"] for record in _read(tmp_path / "log")] == ["first\n", "second\n"]
    log.feed(jsonlog.STDOUT, b"sixth\n")
    log.close()
    records = [record["log"] for record in _read(tmp_path / "log")]
    assert records[2:] == ["hezi: 3 lines were not logged: No space left on device\n", "sixth\n"]


def test_a_file_that_cannot_be_made_is_tried_again(tmp_path, monkeypatch):
    log = _log(tmp_path / "log", max_size=100, max_file=2)
    log.feed(jsonlog.STDOUT, b"a" * 100 + b"\n")
    with monkeypatch.context() as patch:

        def refuse(*_):
            raise OSError(errno.ENOSPC, "full")

        patch.setattr(logfile.os, "open", refuse)
        log.feed(jsonlog.STDOUT, b"lost\n")
    log.feed(jsonlog.STDOUT, b"kept\n")
    log.close()
    texts = [record["log"] for name in ("log.1", "log") for record in _read(tmp_path / name)]
    assert texts[-1] == "kept\n"
    assert any(text.startswith("hezi: 1 lines") for text in texts)


def test_the_local_driver_keeps_bytes_exact(tmp_path):
    log = _log(tmp_path / "log", driver="local")
    data = bytes(range(256)) + b"\r\n\xff\n"
    log.feed(jsonlog.STDERR, data)
    log.close()
    raw, at, found = (tmp_path / "log").read_bytes(), 0, b""
    while at < len(raw):
        length = int.from_bytes(raw[at : at + 4], "little")
        assert raw[at + 4 + length : at + 8 + length] == raw[at : at + 4]
        assert raw[at + 4] == jsonlog.STDERR
        found += raw[at + 13 : at + 4 + length]
        at += length + 8
    assert found == data


def test_the_last_lines_are_at_hand(tmp_path):
    log = logs.Log()
    log.feed(jsonlog.STDOUT, b"".join(b"%d\n" % number for number in range(1000)))
    assert log.last_lines(3) == [b"997", b"998", b"999"]


def test_the_journal_is_refused_by_name_where_there_is_none(tmp_path):
    with pytest.raises(OSError, match="journald"):
        logs.Journal((), str(tmp_path / "socket"))


def test_the_journal_gets_fields_and_is_not_waited_for(tmp_path):
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "socket"))
        sink = logs.Journal((("CONTAINER_NAME", "it"),), str(tmp_path / "socket"))
        sink.write(jsonlog.STDERR, b"one\ntwo", 0)
        first, second = journal.recv(4096), journal.recv(4096)
        assert b"MESSAGE\n" + (3).to_bytes(8, "little") + b"one\n" in first
        assert b"CONTAINER_NAME\n" + (2).to_bytes(8, "little") + b"it\n" in first
        assert b"PRIORITY=3\n" in first
        assert b"CONTAINER_PARTIAL_MESSAGE=true\n" in second
        for _ in range(5000):
            sink.write(jsonlog.STDOUT, b"x" * 1000 + b"\n", 0)
        sink.close()


def _packed(path, max_size=1000, max_file=3, driver="json-file"):
    return logs.Log(logs.open_sink(driver, str(path), max_size, max_file, (), True))


def test_full_files_are_compressed_for_any_gunzip(tmp_path):
    log = _packed(tmp_path / "log")
    for number in range(500):
        log.feed(jsonlog.STDOUT, b"line %d\n" % number)
    log.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "log.1.gz", "log.2.gz"]
    records = []
    for name in ("log.2.gz", "log.1.gz"):
        plain = subprocess.run(["gzip", "-dc", str(tmp_path / name)], capture_output=True, check=True).stdout
        records += [json.loads(line) for line in plain.splitlines()]
    numbers = [int(record["log"].split()[1]) for record in [*records, *_read(tmp_path / "log")]]
    assert numbers == list(range(numbers[0], 500))


def test_what_a_dead_writer_left_half_compressed_is_done_again(tmp_path):
    (tmp_path / "log.packing").write_bytes(b"half")
    (tmp_path / "log.1").write_bytes(b"from before\n")
    (tmp_path / "log.1.gz").write_bytes(b"complete but its source not removed yet")
    log = _packed(tmp_path / "log", max_file=4)
    log.feed(jsonlog.STDOUT, b"0123456789\n" * 20)
    log.close()
    assert not (tmp_path / "log.packing").exists()
    assert {"log.1.gz", "log.2"} <= set(os.listdir(tmp_path))


def test_a_full_disk_leaves_the_file_uncompressed(tmp_path, monkeypatch):
    log = _packed(tmp_path / "log")
    (tmp_path / "log.packing").mkdir()
    log.feed(jsonlog.STDOUT, b"0123456789\n" * 20)
    log.close()
    assert {"log", "log.1"} <= set(os.listdir(tmp_path))
    (tmp_path / "log.packing").rmdir()
    log = _packed(tmp_path / "log")
    full = _Full(monkeypatch, 10**9)
    monkeypatch.setattr("hezi.runtime.logpack.os.write", full)
    packer = logpack.Packer(str(tmp_path / "log.1"), str(tmp_path / "log.packing"))
    full.room = 0
    packer.finish()
    log.close()
    assert (tmp_path / "log.1").exists()
    assert not (tmp_path / "log.packing").exists()


def test_attributes_are_in_each_record(tmp_path):
    fields = (("tag", 'a"b\n<'), ("é", "ü"))
    log = logs.Log(logs.open_sink("json-file", str(tmp_path / "log"), 0, 1, fields))
    log.feed(jsonlog.STDOUT, b"one\ntwo\n")
    log.feed(jsonlog.STDERR, b"three")
    log.close()
    assert [record["attrs"] for record in _read(tmp_path / "log")] == [dict(fields)] * 3
    assert list(_read(tmp_path / "log")[0]) == ["log", "stream", "attrs", "time"]
