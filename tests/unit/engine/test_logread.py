"""Reading logs: what a reader must get whatever becomes of the files meanwhile."""

from __future__ import annotations

import os
import struct
import threading
from pathlib import Path

import pytest

from hezi import errors
from hezi.engine import logread
from hezi.engine.containers import filters
from hezi.engine.logread import STDERR, STDOUT, LogLine, Selection
from hezi.front.cli.verbs import logs
from hezi.runtime.logs import Log, open_sink

TIME = "2026-01-02T03:04:05.000000006Z"


def open_log(driver: str, path: str, max_size: int, max_file: int, *, compress: bool = False) -> Log:
    return Log(open_sink(driver, path, max_size, max_file, (), compress))


def record(text: str, stream: str = "stdout", time: str = TIME) -> str:
    return f'{{"log":"{text}","stream":"{stream}","time":"{time}"}}\n'


def read(path: Path, selection: Selection | None = None) -> list[LogLine]:
    batches = logread.read_files(str(path), selection or Selection(), lambda: False)
    return [line for batch in batches for line in batch]


def data(path: Path, selection: Selection | None = None) -> bytes:
    return b"".join(line.data for line in read(path, selection))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "id-json.log"


def test_a_plain_log(path: Path) -> None:
    path.write_text(record("one\\n") + record("two\\u0000\\u00e9\\n", "stderr"))
    assert read(path) == [LogLine(STDOUT, b"one\n", TIME), LogLine(STDERR, "two\0é\n".encode(), TIME)]


def test_no_log_at_all(path: Path) -> None:
    assert read(path) == []
    assert read(path, Selection(tail=3, follow=True)) == []


@pytest.mark.parametrize("driver", ["json-file", "local"])
@pytest.mark.parametrize("tail", [logread.ALL, 0, 1, 5, 700, 10_000])
def test_what_the_writer_writes_is_read_over_rotations(path: Path, driver: str, tail: int) -> None:
    log = open_log(driver, str(path), 10_000, 4)
    lines = [f"line {number} {'x' * (number % 50)}\n".encode() for number in range(900)]
    for line in lines:
        log.feed(STDOUT, line)
    log.close()
    kept = read(path)
    assert (path.parent / "id-json.log.3").exists()
    assert [line.data for line in kept] == lines[-len(kept) :]
    wanted = len(kept) if tail < 0 else min(tail, len(kept))
    assert read(path, Selection(tail=tail)) == kept[len(kept) - wanted :]


@pytest.mark.parametrize("driver", ["json-file", "local"])
@pytest.mark.parametrize("tail", [logread.ALL, 1, 700, 10_000])
def test_compressed_files_are_read_as_the_others(path: Path, driver: str, tail: int) -> None:
    log = open_log(driver, str(path), 10_000, 4, compress=True)
    lines = [f"line {number} {'x' * (number % 50)}\n".encode() for number in range(900)]
    for line in lines:
        log.feed(STDOUT, line)
    log.close()
    assert (path.parent / "id-json.log.3.gz").exists()
    kept = read(path)
    assert [line.data for line in kept] == lines[-len(kept) :]
    wanted = len(kept) if tail < 0 else min(tail, len(kept))
    assert read(path, Selection(tail=tail)) == kept[len(kept) - wanted :]


@pytest.mark.parametrize("driver", ["json-file", "local"])
def test_a_file_compressed_while_it_is_read_is_read_once(path: Path, driver: str) -> None:
    log = open_log(driver, str(path), 2000, 50, compress=True)
    lines = [f"line {number}\n".encode() for number in range(600)]
    log.feed(STDOUT, b"".join(lines[:5]))
    left = lines[5:]
    found: list[bytes] = []
    for batch in logread.read_files(str(path), Selection(follow=True), lambda: bool(left)):
        found += [line.data for line in batch]
        log.feed(STDOUT, b"".join(left[:95]))
        del left[:95]
    log.close()
    assert found == lines


def test_a_damaged_compressed_file_is_told_of(path: Path) -> None:
    path.with_name("id-json.log.1.gz").write_bytes(b"no gzip")
    path.write_text(record("one\\n"))
    with pytest.raises(errors.Error, match="cannot read the container's log"):
        read(path)


def test_long_lines_come_together_again(path: Path) -> None:
    log = open_log("json-file", str(path), 0, 1)
    long = bytes(range(32, 127)) * 2000 + b"\nnext\nno end"
    log.feed(STDOUT, long)
    log.close()
    assert data(path) == long


@pytest.mark.parametrize(
    "damage",
    [
        "\0" * 4096,
        '{"log":"torn',
        '{"log":"torn","stream":"std' + "\0" * 100,
        "rubbish\n",
        "[]\n",
        "7\n",
        '{"log":7,"stream":"stdout","time":"x"}\n',
        '{"log":"x","stream":"another","time":"x"}\n',
        "[" * 100_000 + "\n",
    ],
)
def test_damage_costs_what_is_damaged(path: Path, damage: str) -> None:
    path.write_text(record("before\\n") + damage + record("after\\n") + record("last\\n"))
    assert data(path) == b"before\nafter\nlast\n"


def test_a_record_without_end_is_left_out(path: Path) -> None:
    path.write_text(record("whole\\n") + record("half\\n")[:-20])
    assert data(path) == b"whole\n"


def test_a_line_without_measure_takes_no_memory(path: Path) -> None:
    with open(path, "w") as file:
        file.write(record("before\\n"))
        file.truncate(200 << 20)
    with open(path, "a") as file:
        file.write("\n" + record("after\\n"))
    assert data(path) == b"before\nafter\n"


def test_damaged_frames(path: Path) -> None:
    log = open_log("local", str(path), 0, 1)
    log.feed(STDOUT, b"\xff\x00 one\n")
    log.close()
    whole = path.read_bytes()
    path.write_bytes(whole + b"\0\1\2" * 100 + whole + struct.pack("<IB", 500, 1))
    assert [line.data for line in read(path)] == [b"\xff\x00 one\n"] * 2


def test_since_and_until(path: Path) -> None:
    path.write_text("".join(record(f"{n}\\n", time=f"2026-01-02T03:04:0{n}Z") for n in range(6)))
    moment = filters.until
    chosen = Selection(since=moment("2026-01-02T03:04:02Z"), until=moment("2026-01-02T03:04:04Z"))
    assert data(path, chosen) == b"2\n3\n4\n"
    assert data(path, Selection(since=moment("2026-01-02T03:04:02Z"), tail=2)) == b"4\n5\n"
    assert data(path, Selection(since=moment("1h"))) == b""
    assert data(path, Selection(since=moment("1767323045"))) == b"5\n"
    assert moment("2026-01-02T03:04") == moment("2026-01-02T03:04:00Z") == moment("2026-01-02T05:04+02:00")
    assert moment("2026-01-02T03") == moment("2026-01-02T03:00:00Z")
    assert moment("-1h") > moment("0s") > moment("1h")
    for wrong in ("yesterday", "2026-01-02T03:4", "--1h", "-"):
        with pytest.raises(errors.Error, match="failed to parse value"):
            moment(wrong)


@pytest.mark.parametrize("max_file", [1, 3])
@pytest.mark.parametrize("driver", ["json-file", "local"])
def test_following_over_rotations(path: Path, driver: str, max_file: int) -> None:
    writing = threading.Event()
    writing.set()
    lines = [f"{number}\n".encode() for number in range(400)]

    def write() -> None:
        log = open_log(driver, str(path), 0 if max_file == 1 else 4000, max_file)
        for number, line in enumerate(lines):
            log.feed(STDOUT, line)
            if number % 20 == 0:
                threading.Event().wait(0.06)
        log.close()
        writing.clear()

    thread = threading.Thread(target=write)
    thread.start()
    found = [
        line.data for batch in logread.read_files(str(path), Selection(follow=True), writing.is_set) for line in batch
    ]
    thread.join()
    assert found == lines


def test_following_a_log_that_is_emptied(path: Path) -> None:
    path.write_text(record("one\\n") * 50)
    turns = iter([True, True, False])

    def writing() -> bool:
        more = next(turns, False)
        if more and path.stat().st_size > 1000:
            path.write_text(record("two\\n"))
        return more

    batches = logread.read_files(str(path), Selection(follow=True, tail=1), writing)
    assert b"two\n" in b"".join(line.data for batch in batches for line in batch)


def test_times_and_details_stand_before_whole_lines(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    writer = logs._Writer(timestamps=True, details=True)
    writer.write(
        [
            LogLine(STDOUT, b"begin ", "2026-01-02T03:04:05.5Z"),
            LogLine(STDERR, b"other\n", "2026-01-02T03:04:05Z", (("b", "2"), ("a", "1"))),
            LogLine(STDOUT, b"end\n", TIME),
            LogLine(STDOUT, b"next\n", TIME),
        ]
    )
    out, err = capfdbinary.readouterr()
    assert out == b"2026-01-02T03:04:05.500000000Z  begin end\n" + f"{TIME}  next\n".encode()
    assert err == b"2026-01-02T03:04:05.000000000Z a=1,b=2 other\n"


def test_links_in_place_of_a_log_are_not_followed(path: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(record("secret\\n"))
    os.symlink("secret", path)
    with pytest.raises(errors.Error):
        read(path)
