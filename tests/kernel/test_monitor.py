"""A container under its monitor: what it writes, how it ends, what is left, whoever dies."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import threading
import time
from contextlib import suppress

import pytest

import hezi
from hezi import errors
from hezi.linux import caps, pidfd
from hezi.runtime import attach, protocol, spawn
from hezi.runtime import exec as joining
from hezi.runtime.monitor_start import LogConfig, RestartPolicy
from tests.kernel import boxes, monitored
from tests.kernel.monitored import OUTPUT, alive, collect, wait_until

pytestmark = pytest.mark.needs("root", "overlay", "busybox")


@pytest.fixture
def held(tmp_path):
    one = monitored.Held(tmp_path)
    yield one
    one.close()


# --- how it ends --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "code", "number"), [("exit 0", 0, None), ("exit 42", 42, None), ("sleep 0.1; exit 255", 255, None)]
)
def test_exit_codes(held, script, code, number):
    one = held.shell(script, client=OUTPUT)
    _, _, record = collect(one.client)
    assert (record["ExitCode"], record["Signal"]) == (code, number)
    assert one.client.wait_gone(5)
    assert held.exit() == record
    assert held.state()["status"] == "exited"
    assert held.state()["exit_code"] == code
    assert held.groups() == []
    assert not os.path.exists(f"{held.runtime}/{protocol.SOCKET}")


def test_a_signal_from_the_host_is_told_from_a_stop(held):
    one = held.start("sleep", "60")
    os.kill(one.pid, signal.SIGKILL)
    record = one.client.wait(10)
    assert (record["ExitCode"], record["Signal"], record["stopped_by"]) == (137, 9, "")
    assert record["OOMKilled"] is False


def test_a_program_that_is_not_there_leaves_nothing(held):
    with pytest.raises(errors.Error) as caught:
        held.start("nothing-of-this-name")
    assert caught.value.kind == errors.COMMAND_NOT_FOUND
    assert os.listdir(held.runtime) == []
    assert not (held.persistent / "exit.json").exists()


def test_a_refused_operation_names_itself(held):
    with pytest.raises(errors.Error, match=r"ChangeDirectory|MakeDirectory"):
        held.start("true", process={"cwd": "/etc/passwd"})


def test_a_log_that_cannot_be_opened_is_refused_by_name(held):
    with pytest.raises(errors.Error, match="journald"):
        held.start("true", log=LogConfig("journald"))


def test_the_monitor_is_nobodys_child_and_nothing_of_it_is_ours(held):
    one = held.start("sleep", "60")
    for pid in (one.monitor_pid, one.pid):
        # Of the children that the test run has anyway (a registry) nothing is taken.
        with pytest.raises(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
    with open(f"/proc/{one.monitor_pid}/status") as file:
        status = file.read()
    assert f"PPid:\t{os.getpid()}\n" not in status
    assert "Threads:\t1\n" in status
    with open(f"/proc/{one.pid}/status") as file:
        assert f"PPid:\t{one.monitor_pid}\n" in file.read()
    if caps.capget()[0] & caps.mask(("CAP_SYS_RESOURCE",)):
        with open(f"/proc/{one.monitor_pid}/oom_score_adj") as file:
            assert file.read().strip() == "-999"
    with open(f"/proc/{one.pid}/oom_score_adj") as file, open("/proc/self/oom_score_adj") as own:
        assert file.read() == own.read()


def test_the_program_has_no_descriptors_but_its_streams(held):
    one = held.shell("ls /proc/1/fd; cat /proc/self/oom_score_adj", client=OUTPUT)
    out, _, _ = collect(one.client)
    assert out.split()[:3] == [b"0", b"1", b"2"]
    # 3 is the shell's own, while it looks.
    assert len(out.split()) == 4


def test_the_idle_monitor_is_small(held):
    one = held.start("sleep", "60")
    time.sleep(0.1)
    with open(f"/proc/{one.monitor_pid}/smaps_rollup") as file:
        sizes = {line.split()[0].rstrip(":"): int(line.split()[1]) for line in file if " kB" in line}
    # containerd-shim-runc-v2 has some 11 MB resident.
    assert sizes["Pss"] < 8000
    assert sizes["Private_Dirty"] < 7000


# --- what it writes -----------------------------------------------------------------------------------------------


def test_output_reaches_the_client_and_the_log(held):
    one = held.shell("echo out; echo err >&2; printf 'a\\0b\\n'; printf 'no newline'", client=OUTPUT)
    out, err, _ = collect(one.client)
    assert (out, err) == (b"out\na\0b\nno newline", b"err\n")
    log = held.log()
    assert "".join(text for stream, text in log if stream == "stdout") == "out\na\0b\nno newline"
    assert ("stderr", "err\n") in log


def test_a_line_of_5_mb_is_logged_in_pieces(held):
    log = LogConfig(path=str(held.log_path), max_size=0)
    one = held.shell("head -c 5000000 /dev/zero | tr '\\0' x", log=log)
    assert one.client.wait(20)["ExitCode"] == 0
    one.client.wait_gone(5)
    texts = [text for _, text in held.log()]
    assert {len(text) for text in texts[:-1]} == {16384}
    assert "".join(texts) == "x" * 5_000_000


def test_the_log_is_bounded_and_its_last_lines_are_evidence(held):
    log = LogConfig(path=str(held.log_path), max_size=20_000, max_file=2)
    one = held.shell("seq 1 20000", log=log)
    record = one.client.wait(20)
    assert record["evidence"]["log"][-1] == "20000"
    names = sorted(name for name in os.listdir(held.persistent) if "log" in name)
    assert names == ["it-json.log", "it-json.log.1"]
    numbers = [int(text) for name in reversed(names) for _, text in held.log(held.persistent / name)]
    assert numbers == list(range(numbers[0], 20_001))


def test_a_client_that_does_not_read_does_not_stop_the_container(held):
    one = held.shell("head -c 20000000 /dev/zero | tr '\\0' '\\n'; exit 5", client=OUTPUT)
    with held.connect() as other:
        assert other.wait(30)["ExitCode"] == 5
    kinds = set()
    with suppress(attach.Gone):
        while True:
            kinds.add(one.client.next(5)[0])
    assert {protocol.LAGGED, protocol.EXIT} <= kinds


def test_a_foreground_client_holds_the_container_back_and_gets_everything(held):
    script = "i=0; while [ $i -lt 40 ]; do head -c 100000 /dev/zero; i=$((i+1)); echo $i >&2; done"
    one = held.shell(script, client=OUTPUT | protocol.BACKPRESSURE)
    time.sleep(0.5)
    assert held.state()["status"] == "running"
    out, _, record = collect(one.client)
    assert len(out) == 4_000_000
    assert record["ExitCode"] == 0


def test_a_foreground_client_that_vanishes_does_not(held):
    one = held.shell("head -c 20000000 /dev/zero; exit 6", client=OUTPUT | protocol.BACKPRESSURE)
    with held.connect() as other:
        time.sleep(0.3)
        one.client.close()
        assert other.wait(20)["ExitCode"] == 6


def test_a_foreground_client_whose_reader_is_gone_lets_the_program_know(held):
    one = held.start("yes", client=OUTPUT | protocol.BACKPRESSURE, log=LogConfig("none"))
    while one.client.next(5)[0] != protocol.STDOUT:
        continue
    one.client.close_output(protocol.STDOUT)
    # busybox as process 1 has no default action for SIGPIPE, but an error.
    assert collect(one.client)[2]["ExitCode"] != 0


def test_the_last_bytes_of_short_programs(held):
    for number in range(20):
        one = held.shell(f"echo {number}", client=OUTPUT)
        assert collect(one.client)[0] == b"%d\n" % number
        one.client.wait_gone(5)


# --- what it reads ------------------------------------------------------------------------------------------------


def _feed(client, data):
    """Write all input, as credit comes, reading output meanwhile; gives what was read and the exit record."""
    view, out, record = memoryview(data), [], None
    ended = False
    while record is None:
        while view and client.credit:
            view = view[client.send_stdin(view) :]
        if not view and not ended:
            client.send_eof()
            ended = True
        event = client.next(20)
        assert event is not None
        if event[0] == protocol.STDOUT:
            out.append(event[1])
        elif event[0] == protocol.EXIT:
            record = json.loads(event[1])
    return b"".join(out), record


ALL = OUTPUT | protocol.WANT_STDIN | protocol.BACKPRESSURE
QUIET = LogConfig("none")


@pytest.mark.parametrize("size", [50_000_000, pytest.param(500_000_000, marks=pytest.mark.slow)])
def test_much_goes_through_and_comes_back_the_same(held, size):
    data = os.urandom(1_000_000) * (size // 1_000_000)
    one = held.start("cat", client=ALL, stdin=True, stdin_once=True, log=QUIET)
    out, record = _feed(one.client, data)
    assert record["ExitCode"] == 0
    assert hashlib.sha256(out).digest() == hashlib.sha256(data).digest()


def test_half_closed_input_still_gets_its_output(held):
    one = held.shell("cat >/dev/null; sleep 0.3; echo done", client=ALL, stdin=True, stdin_once=True)
    out, _ = _feed(one.client, b"something\n")
    assert out == b"done\n"


def test_input_that_nobody_reads_does_not_stop_signals(held):
    one = held.start("sleep", "60", client=ALL, stdin=True, stdin_once=True)
    one.client.next(5)
    view = memoryview(bytes(1 << 20))
    one.client.next(5)
    while one.client.credit:
        view = view[one.client.send_stdin(view) :]
    one.client.signal(9)
    assert one.client.wait(10)["Signal"] == 9


def test_a_closed_input_is_told(held):
    one = held.shell("exec <&-; sleep 60", client=ALL, stdin=True, stdin_once=True)
    while one.client.next(5)[0] != protocol.INPUT_CLOSED:
        continue
    one.client.signal(9)


def test_the_input_of_a_vanished_client_ends_but_not_after_detach(held):
    one = held.shell("cat; exit 3", client=ALL, stdin=True, stdin_once=True)
    one.client.close()
    wait_until(lambda: held.state()["exit_code"] == 3)
    wait_until(lambda: not alive(one.monitor_pid, one.monitor_start_time))
    one = held.shell("cat; exit 3", client=ALL, stdin=True, stdin_once=True)
    with held.connect() as other:
        one.client.detach()
        assert other.wait(0.5) is None
        other.signal(9)


def test_a_second_client_sees_the_output_too(held):
    one = held.start("cat", client=ALL, stdin=True)
    with held.connect() as other:
        other.hello(OUTPUT)
        one.client.next(5)
        one.client.next(5)
        one.client.send_stdin(b"both\n")
        assert other.next(5) == (protocol.STDOUT, b"both\n")
        other.signal(9)


def test_a_terminal(held):
    process = {"terminal": True, "console_size": boxes.rt.ConsoleSize(30, 100)}
    script = "stty size; trap 'stty size; exit 4' WINCH; while :; do sleep 0.05; done"
    one = held.shell(script, client=ALL, stdin=True, process=process)
    out = b""
    while b"30 100" not in out:
        kind, data = one.client.next(5)
        out += data if kind == protocol.STDOUT else b""
    time.sleep(0.2)
    one.client.resize(50, 120)
    rest, _, record = collect(one.client)
    assert b"50 120" in rest
    assert record["ExitCode"] == 4


# --- stop, kill, pause ---------------------------------------------------------------------------------------------


def test_stop_by_signal(held):
    one = held.shell("trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done", client=OUTPUT)
    while one.client.next(5)[0] != protocol.STDOUT:
        continue
    one.client.stop()
    record = one.client.wait(10)
    assert (record["ExitCode"], record["stopped_by"], record["stop_signal"]) == (5, "stop", 15)


def test_stop_by_force(held):
    one = held.start("sleep", "60")
    before = time.monotonic()
    one.client.stop(timeout=0.3)
    record = one.client.wait(10)
    assert 0.2 < time.monotonic() - before < 2
    assert (record["ExitCode"], record["stopped_by"]) == (137, "stop timeout")


def test_stop_without_patience_and_without_end(held):
    one = held.start("sleep", "60")
    one.client.stop(timeout=-1)
    assert one.client.wait(0.5) is None
    with held.connect() as other:
        other.stop(timeout=0)
        assert other.wait(5)["Signal"] == 9


def test_sigterm_to_the_monitor_stops_the_container(held):
    one = held.start("sleep", "60", stop_timeout=0.2)
    os.kill(one.monitor_pid, signal.SIGTERM)
    assert one.client.wait(10)["stopped_by"] == "monitor timeout"
    assert one.client.wait_gone(5)


def test_paused_only_as_long_as_somebody_is_there(held):
    held.start("sleep", "60")
    with held.connect() as other:
        other.pause(while_here=True)
        assert held.state()["status"] == "paused"
    wait_until(lambda: held.state()["status"] == "running")


def test_pause_and_unpause_and_stop_of_a_paused_one(held):
    one = held.shell("while :; do echo x; sleep 0.01; done", client=OUTPUT)
    with held.connect() as other:
        other.pause()
        assert held.state()["status"] == "paused"
        with pytest.raises(errors.Error, match="already paused"):
            other.pause()
        while one.client.next(0.2):
            continue
        other.unpause()
        assert held.state()["status"] == "running"
        assert one.client.next(5)
        other.pause()
        other.stop(timeout=0.1)
        assert other.wait(10)["ExitCode"] == 137


def test_processes_left_behind_go_with_the_first_one(held):
    one = held.shell("sleep 1000 & sleep 1001 & exit 0", client=OUTPUT)
    before = time.monotonic()
    assert collect(one.client)[2]["ExitCode"] == 0
    assert time.monotonic() - before < 2


def test_a_cgroup_with_room_for_one_process(held):
    def one_process(cgroup):
        for member in cgroup._members:
            if "pids" in member.hierarchy.controllers:
                member.group.write("pids.max", "1")

    one = held.shell("sleep 1 & echo not reached", client=OUTPUT, limits=one_process, join_late=True)
    out, err, record = collect(one.client)
    assert b"not reached" not in out
    assert b"fork" in err
    assert record["ExitCode"] != 0
    assert record["evidence"]["pids_limit"] == 1
    assert record["evidence"]["pids_refused"] >= 1


def test_with_the_hosts_process_namespace_nothing_is_left_either(held):
    kinds = tuple(boxes.rt.Namespace(kind) for kind in boxes.NAMESPACES if kind != "pid")
    held.spec_members = {"linux": {"namespaces": kinds}}
    one = held.shell("sleep 1000 & (sleep 1001 &) ; sleep 0.2; exit 4", client=OUTPUT)
    with joining.start(held.runtime, joining.plan(boxes.spec("sleep", "1002").process)) as other:
        assert collect(one.client)[2]["ExitCode"] == 4
        assert other.wait(5).signal == 9
    assert one.client.wait_gone(5)
    assert held.groups() == []


# --- restarts ------------------------------------------------------------------------------------------------------


def test_on_failure_is_tried_so_often(held):
    one = held.shell(
        "echo $(( $(cat /n 2>/dev/null || echo 0) + 1 )) > /n; cat /n; exit 7",
        restart=RestartPolicy("on-failure", 3),
        remountable=True,
        events=str(held.directory / "events"),
    )
    record = one.client.wait(20)
    assert record["ExitCode"] == 7
    assert record["restart_count"] == 3
    one.client.wait_gone(5)
    assert [text for _, text in held.log()] == ["1\n", "2\n", "3\n", "4\n"]
    events = [json.loads(line)["action"] for line in (held.directory / "events").read_text().splitlines()]
    assert events == ["start", "die"] * 4
    assert held.state()["restart_count"] == 3
    assert held.groups() == []


def test_a_stop_ends_always(held):
    one = held.start("sleep", "0.1", restart=RestartPolicy("always"), remountable=True)
    wait_until(lambda: held.state()["restart_count"] >= 2)
    one.client.stop(timeout=0)
    assert one.client.wait(10) is not None
    assert one.client.wait_gone(5)
    assert held.state()["status"] == "exited"


def test_a_foreign_kill_does_not_end_always_but_ours_does(held):
    one = held.start("sleep", "60", restart=RestartPolicy("always"), remountable=True)
    os.kill(one.pid, signal.SIGKILL)
    wait_until(lambda: held.state()["restart_count"] == 1 and held.state()["status"] == "running")
    assert held.state()["pid"] != one.pid
    one.client.signal(9)
    assert one.client.wait(10)["stopped_by"] == "kill"
    assert one.client.wait_gone(5)


def test_an_update_takes_the_policy_away(held):
    one = held.start("sleep", "60", restart=RestartPolicy("always"), remountable=True)
    one.client.update("no")
    os.kill(one.pid, signal.SIGKILL)
    assert one.client.wait_gone(10)
    assert held.state()["restart_policy"]["Name"] == "no"


def test_rm_takes_everything_away(held):
    one = held.shell("exit 3", remove=True)
    assert one.client.wait(10)["ExitCode"] == 3
    assert not held.persistent.exists()
    assert held.state()["status"] == "removed"
    assert held.state()["exit_code"] == 3


# --- memory --------------------------------------------------------------------------------------------------------

_EAT = "head -c 100000000 /dev/zero | tail >/dev/null"


def _64_mb(cgroup):
    for member in cgroup._members:
        if "memory" in member.hierarchy.controllers:
            name = "memory.limit_in_bytes" if member.group.version == 1 else "memory.max"
            member.group.write(name, str(32 << 20))


def test_out_of_memory_of_a_child_is_seen_while_it_runs(held):
    one = held.shell(f"{_EAT}; sleep 60", limits=_64_mb, events=str(held.directory / "events"))
    wait_until(lambda: held.state()["oom_killed"])
    assert held.state()["status"] == "running"
    one.client.signal(9)
    record = one.client.wait(10)
    assert record["OOMKilled"] is True
    assert record["evidence"]["memory_limit"] == 32 << 20
    assert "oom" in (held.directory / "events").read_text()


def test_out_of_memory_of_the_program_itself(held):
    one = held.start("sh", "-c", "exec tail -c 90000000 /dev/zero", limits=_64_mb)
    record = one.client.wait(20)
    assert (record["ExitCode"], record["OOMKilled"], record["stopped_by"]) == (137, True, "")
    assert record["evidence"]["oom_kills"] >= 1


# --- who dies ------------------------------------------------------------------------------------------------------


def test_a_killed_monitor_takes_the_container_with_it(held):
    one = held.start("sleep", "60")
    os.kill(one.monitor_pid, signal.SIGKILL)
    with pytest.raises(attach.Gone):
        one.client.next(5)
    wait_until(lambda: not alive(one.pid, one.start_time))
    with pytest.raises(errors.Error) as caught:
        held.connect()
    assert caught.value.kind == errors.NOT_FOUND
    assert not (held.persistent / "exit.json").exists()


@pytest.mark.parametrize("delay", [0, 0.01, 0.02, 0.05])
def test_a_monitor_killed_while_it_stops_or_restarts_leaves_no_process(held, delay):
    one = held.start("sleep", "0.02", restart=RestartPolicy("always"), remountable=True)
    one.client.stop(timeout=0.03) if delay else None
    time.sleep(delay)
    pidfd.send_signal_to(one.monitor_pid, signal.SIGKILL, started=one.monitor_start_time)
    wait_until(lambda: not alive(one.monitor_pid, one.monitor_start_time))
    time.sleep(0.1)
    for path in held.groups():
        with open(f"{path}/cgroup.procs") as file:
            assert file.read() == ""
    assert held.state()["status"] in {"running", "restarting", "exited"}


def test_the_monitor_does_not_hold_the_directory_of_its_starter(held):
    one = held.start("sleep", "60")
    assert os.readlink(f"/proc/{one.monitor_pid}/cwd") == "/"


def test_the_container_outlives_its_starter(held):
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            one = held.shell("sleep 0.5; echo still here; exit 8", client=OUTPUT)
            os.write(writing, b"%d %d" % (one.pid, one.start_time))
            time.sleep(60)
        finally:
            os._exit(1)
    held._cgroups.append(f"{monitored.PARENT}/{pid}-0")
    started = os.read(reading, 100).split()
    os.close(reading)
    os.close(writing)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert alive(*map(int, started))
    with held.connect() as client:
        assert client.wait(10)["ExitCode"] == 8
        client.wait_gone(5)
    assert held.log() == [("stdout", "still here\n")]


def test_a_starter_that_dies_before_it_asked_leaves_no_monitor(held):
    stage = spawn.spawn(monitored=True)
    stage.channel.receive()
    with open(f"/proc/{os.getpid()}/task/{os.getpid()}/children") as file:
        assert str(stage.pid) in file.read()
    assert _monitors() != []
    stage.close()
    wait_until(lambda: _monitors() == [])


def _monitors() -> list[str]:
    """Interpreters of this tree that wait for something to hold; others may be tested beside it."""
    ending = f"\0{os.path.dirname(os.path.dirname(hezi.__file__))}\0003\0monitor\0".encode()
    found = []
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                if file.read().endswith(ending):
                    found.append(name)
        except OSError:
            continue
    return found


@pytest.mark.parametrize("delay", [0, 0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.1])
def test_a_starter_killed_anywhere_leaves_nothing_or_a_container(held, delay):
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            held.shell("sleep 0.2; exit 8")
            time.sleep(60)
        finally:
            os._exit(1)
    held._cgroups.append(f"{monitored.PARENT}/{pid}-0")
    time.sleep(delay)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    time.sleep(0.1)
    with suppress(errors.Error), held.connect() as client:
        client.wait(10)
        client.wait_gone(5)
    wait_until(lambda: _monitors() == [])
    if (held.persistent / "exit.json").exists():
        assert held.exit()["ExitCode"] == 8
    for path in held.groups():
        with open(f"{path}/cgroup.procs") as file:
            assert file.read() == ""


def test_a_number_used_again_is_nobody_of_ours(held):
    one = held.start("sleep", "60")
    with pytest.raises(errors.Error) as caught:
        joining.open_target(one.pid, one.start_time + 1)
    assert caught.value.kind == errors.NOT_FOUND
    assert not pidfd.send_signal_to(one.pid, signal.SIGKILL, started=one.start_time + 1)
    with joining.open_target(one.pid, one.start_time) as target:
        assert os.stat("bin/busybox", dir_fd=target.root)


def test_garbage_on_the_socket_ends_that_connection_only(held):
    one = held.start("sleep", "60")
    for garbage in (b"\xff" * 100, protocol.frame(99), protocol.frame(protocol.RESIZE, b"x"), b"\1\0"):
        with held.connect() as other:
            other._socket.send(garbage)
            other._socket.shutdown(1)
            with suppress(attach.Gone):
                while other.next(1):
                    continue
    assert one.client.state()["status"] == "running"


def test_many_clients_at_once(held):
    one = held.shell("sleep 0.5; echo all; exit 2")
    found = []

    def look():
        with held.connect() as client:
            client.hello(OUTPUT)
            found.append(collect(client))

    threads = [threading.Thread(target=look) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [(out, record["ExitCode"]) for out, _, record in found] == [(b"all\n", 2)] * 20
    assert one.client.wait(5) is not None


def test_a_full_disk_does_not_hide_the_end(held, tmp_path):
    from hezi.linux import mount

    mount.mount("tmpfs", str(held.persistent), "tmpfs", 0, "size=64k")
    try:
        one = held.shell("head -c 500000 /dev/zero | tr '\\0' '\\n'; exit 6")
        record = one.client.wait(20)
        assert record["ExitCode"] == 6
        assert one.client.wait_gone(5)
        assert held.state()["exit_code"] == 6
    finally:
        mount.umount2(str(held.persistent), mount.MNT_DETACH)


def test_imports_of_a_monitor_are_few():
    import subprocess
    import sys

    from tests.lint._tree import SOURCE

    program = (
        "import sys; sys.path.append(sys.argv[1]); import hezi.runtime.stage1, hezi.runtime.monitor;"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(SOURCE)], capture_output=True, text=True, check=True
    )
    assert not set(done.stdout.split()) & {"typing", "json", "re", "enum", "collections", "functools", "contextlib"}
