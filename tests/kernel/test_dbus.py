"""The wire format against a real bus, and systemd's part in the making of a scope, played by the test."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hezi.linux import dbus
from hezi.linux.cgroup import systemd

BUS = dbus.Target("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><listen>unix:path=%s</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>
"""


@pytest.fixture
def real(tmp_path: Path) -> Iterator[str]:
    """A bus of our own."""
    path, config = str(tmp_path / "bus"), tmp_path / "bus.conf"
    config.write_text(CONFIG % path)
    command = ["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address=1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as daemon:
        try:
            assert daemon.stdout is not None
            assert daemon.stdout.readline()
            yield path
        finally:
            daemon.terminate()


@pytest.mark.needs("dbus-daemon")
def test_a_real_bus_understands_us_and_we_it(real: str) -> None:
    with dbus.connect(real, timeout=20) as bus:
        (names,) = bus.call(BUS, "ListNames")
        assert "org.freedesktop.DBus" in names
        (mine,) = [name for name in names if name.startswith(":")]
        assert bus.call(BUS, "GetConnectionUnixUser", "s", (mine,)) == (os.geteuid(),)
        (credentials,) = bus.call(BUS, "GetConnectionCredentials", "s", (mine,))
        assert ("ProcessID", ("u", os.getpid())) in credentials
        assert bus.call(BUS, "NameHasOwner", "s", ("org.example.none",)) == (False,)
        with pytest.raises(dbus.CallError) as caught:
            bus.call(BUS, "GetNameOwner", "s", ("org.example.none",))
        assert caught.value.name == "org.freedesktop.DBus.Error.NameHasNoOwner"
        dbus.listen(bus, "type='signal',member='NameOwnerChanged'")
        assert bus.call(BUS, "RequestName", "su", ("org.example.ours", 0)) == (1,)
        assert bus.wait_signal("NameOwnerChanged", first=("org.example.ours",)).values[2] == mine


def test_values_come_back_as_they_went() -> None:
    signature = "ybnqiuxtdsoga(sv)a{su}as(uu)"
    values = (
        7,
        True,
        -2,
        3,
        -4,
        5,
        -6,
        1 << 63,
        0.5,
        "grün",
        "/a/b",
        "a(sv)",
        [("x", ("au", [1, 2]))],
        [("k", 1)],
        [],
        (1, 2),
    )
    assert dbus.unmarshal(signature, dbus.marshal(signature, values)) == values


@pytest.mark.parametrize("data", [b"", b"\xff\xff\xff\x7f", b"\x02\0\0\0\xff\xff\0"])
def test_what_is_no_answer_is_an_error(data: bytes) -> None:
    with pytest.raises(OSError, match="an answer that is not"):
        dbus.unmarshal("s", data)


class FakeSystemd(threading.Thread):
    """Answers as the bus and as systemd: each StartTransientUnit as ``results`` has it."""

    def __init__(self, path: str, results: list[str]) -> None:
        super().__init__(daemon=True)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(path)
        self.listener.listen()
        self.results = results
        self.asked: list[tuple[Any, ...]] = []

    def run(self) -> None:
        line, _ = self.listener.accept()
        with line, line.makefile("rb") as reading:
            assert reading.readline() == b"\0AUTH EXTERNAL " + str(os.geteuid()).encode().hex().encode() + b"\r\n"
            line.sendall(b"OK 0123456789abcdef0123456789abcdef\r\n")
            assert reading.readline() == b"BEGIN\r\n"
            while head := reading.read(16):
                length, serial, fields_length = struct.unpack_from("<III", head, 4)
                rest = reading.read((fields_length + 7) // 8 * 8 + length)
                (pairs,) = dbus.unmarshal("a(yv)", head[12:16] + b"\0" * 4 + rest[:fields_length])
                fields = {code: value for code, (_, value) in pairs}
                body = rest[len(rest) - length :] if length else b""
                self.answer(line, serial, fields, dbus.unmarshal(fields.get(8, ""), body))

    def answer(self, line: socket.socket, serial: int, fields: dict[int, Any], values: tuple[Any, ...]) -> None:
        if fields[3] != "StartTransientUnit":
            line.sendall(reply(2, serial, "s", (":1.1",)))
            return
        self.asked.append(values)
        result = self.results.pop(0)
        if "." in result:
            line.sendall(reply(3, serial, "s", ("it says no",), error=result))
            return
        job = f"/org/freedesktop/systemd1/job/{len(self.asked)}"
        # The signal may well come first, and there are those of others.
        signal = ("JobRemoved", "uoss", (1, "/org/freedesktop/systemd1/job/77", "other.scope", "failed"))
        line.sendall(reply(4, 0, signal[1], signal[2], member=signal[0]))
        line.sendall(reply(4, 0, "uoss", (2, job, values[0], result), member="JobRemoved"))
        line.sendall(reply(2, serial, "o", (job,)))


def reply(
    kind: int, serial: int, signature: str, values: tuple[Any, ...], *, error: str = "", member: str = ""
) -> bytes:
    body = dbus.marshal(signature, values)
    fields: list[tuple[int, tuple[str, Any]]] = [(8, ("g", signature))]
    fields += [(4, ("s", error))] if error else []
    fields += [(5, ("u", serial))] if serial else []
    fields += [(3, ("s", member)), (1, ("o", "/org/freedesktop/systemd1"))] if member else []
    array = dbus.marshal("a(yv)", (fields,))
    head = struct.pack("<cBBBII", b"l", kind, 0, 1, len(body), 9) + array[:4] + array[8:]
    return head + b"\0" * (-len(head) % 8) + body


def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *results: str) -> list[tuple[Any, ...]]:
    path = str(tmp_path / "bus")
    fake = FakeSystemd(path, list(results))
    fake.start()
    real_connect = dbus.connect
    monkeypatch.setattr(dbus, "connect", lambda: real_connect(path, timeout=10))
    try:
        systemd.start_scope("/a.slice/a-b.slice/hezi-4f.scope/container", 4711, "one")
    finally:
        fake.join(10)
        fake.listener.close()
    return fake.asked


def test_a_scope_is_asked_for_with_its_slice_and_its_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ((unit, mode, properties, more),) = start(tmp_path, monkeypatch, "done")
    assert (unit, mode, more) == ("hezi-4f.scope", "fail", [])
    found = dict(properties)
    assert found["Slice"] == ("s", "a-b.slice")
    assert found["PIDs"] == ("au", [4711])
    assert found["Delegate"] == ("b", True)


def test_the_name_of_the_run_before_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exists = "org.freedesktop.systemd1.UnitExists"
    assert len(start(tmp_path, monkeypatch, exists, exists, "done")) == 3


def test_no_scope_is_an_error_with_systemds_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(dbus.CallError, match="AccessDenied: it says no"):
        start(tmp_path, monkeypatch, "org.freedesktop.DBus.Error.AccessDenied")


def test_a_job_that_fails_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError, match="the scope was not started: canceled"):
        start(tmp_path, monkeypatch, "canceled")


def test_the_slice_at_the_top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert systemd.container_path("-.slice", "4f") == "/hezi-4f.scope/container"
