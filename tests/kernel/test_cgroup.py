"""A container's groups on the real kernel: v1 and v2 alike, with what limits do to real processes."""

from __future__ import annotations

import errno
import os
import signal
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hezi.engine import defaults
from hezi.linux import mount, namespaces
from hezi.linux.cgroup import ebpf, glance, layout, manager, view
from hezi.linux.cgroup.controllers import devices, pids
from hezi.linux.cgroup.layout import Layout
from hezi.linux.cgroup.manager import ContainerCgroup
from hezi.spec.runtime import DeviceRule, Resources
from tests.support.harness import wait_until
from tests.support.in_child import forked, in_child

pytestmark = pytest.mark.needs("root")

WHOLE = layout.detect()
PARENT = f"/hezi-test-{os.getpid()}"


def part(version: int) -> Layout:
    """This machine's layout, of one version only."""
    return Layout("v1" if version == 1 else "v2", tuple(h for h in WHOLE.hierarchies if h.version == version))


LAYOUTS = [
    pytest.param(WHOLE, id=WHOLE.kind, marks=pytest.mark.needs("cgroup")),
    pytest.param(part(1), id="v1", marks=pytest.mark.needs("cgroup-v1")),
    pytest.param(part(2), id="v2", marks=pytest.mark.needs("cgroup2")),
]


@pytest.fixture(params=LAYOUTS)
def group(request: pytest.FixtureRequest) -> Iterator[ContainerCgroup]:
    chosen: Layout = request.param
    made = manager.create(chosen, f"{PARENT}/one")
    try:
        yield made
    finally:
        made.kill()
        made.delete()
        made.close()
        _remove_parents()


def _remove_parents() -> None:
    for hierarchy in WHOLE.hierarchies:
        top = Path(hierarchy.mount_point + PARENT)
        if top.exists():
            top.rmdir()


def child(work: Callable[[], Any], group: ContainerCgroup | None = None) -> tuple[int, str]:
    """Run ``work`` in a fork, inside ``group``; return its wait status and what it returned, as text."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            if group is not None:
                group.add(0)
            os.write(writing, repr(work()).encode())
            status = 0
        except BaseException as error:
            os.write(writing, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as file:
        text = file.read()
    return os.waitpid(pid, 0)[1], text


def sleeper(group: ContainerCgroup) -> int:
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    group.add(pid)
    return pid


def test_a_process_is_in_every_hierarchy(group: ContainerCgroup) -> None:
    pid = sleeper(group)
    membership = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    for hierarchy in (member.hierarchy for member in group._members):
        words = [*hierarchy.controllers, f"name={hierarchy.name}"] if hierarchy.version == 1 else [""]
        assert any(line.split(":")[1] in words and line.endswith(f"{PARENT}/one") for line in membership), hierarchy
    assert group.pids() == [pid]
    group.kill()
    assert group.pids() == []
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL


def test_pids_limit_stops_a_fork_bomb(group: ContainerCgroup) -> None:
    group.apply(Resources(pids_limit=5))
    carrier = group._carrying("pids")
    if carrier is None:
        assert len(group.warnings) == 1
        return
    assert pids.limit(carrier) == 5

    def bomb() -> int:
        made = 0
        while made < 20:
            try:
                if os.fork() == 0:
                    os.closerange(3, 256)  # the pipe that child() reads to its end
                    signal.pause()
            except BlockingIOError:
                break
            made += 1
        return made

    _, made = child(bomb, group)
    assert made == "4"
    assert pids.refused(carrier) == 1
    assert len(group.pids()) == 4
    group.kill()
    assert group.pids() == []


def test_a_limit_out_of_range_is_an_error_that_names_file_and_value(group: ContainerCgroup) -> None:
    if group._carrying("pids") is None:
        return
    with pytest.raises(OSError, match=r"pids\.max|99999999999") as caught:
        group.apply(Resources(pids_limit=99999999999))
    assert caught.value.errno == errno.EINVAL


def test_default_device_rules_bite(group: ContainerCgroup, tmp_path: Path) -> None:
    group.apply(Resources(devices=defaults.device_rules(False)))

    def probe() -> dict[str, str]:
        found = {}
        for name, kind, major, minor in [
            ("null", stat.S_IFCHR, 1, 3),
            ("urandom", stat.S_IFCHR, 1, 9),
            ("mem", stat.S_IFCHR, 1, 1),
            ("kmsg", stat.S_IFCHR, 1, 11),
            ("ram0", stat.S_IFBLK, 1, 0),
            ("disk", stat.S_IFBLK, 254, 0),
        ]:
            path = tmp_path / name
            os.mknod(path, kind | 0o600, os.makedev(major, minor))
            try:
                os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
                found[name] = "open"
            except OSError as error:
                found[name] = errno.errorcode[error.errno or 0]
        return found

    status, text = child(probe, group)
    assert status == 0, text
    assert eval(text) == {
        "null": "open",
        "urandom": "open",
        "mem": "EPERM",
        "kmsg": "EPERM",
        "ram0": "EPERM",
        "disk": "EPERM",
    }


def test_device_rules_are_replaced_without_adding_up(group: ContainerCgroup) -> None:
    def opens() -> str:
        return child(lambda: [os.access("/dev/null", os.R_OK), os.close(os.open("/dev/null", os.O_RDONLY))][0], group)[
            1
        ]

    for rules, expected in [
        ((DeviceRule(False),), "PermissionError"),
        ((DeviceRule(True),), "True"),
        ((DeviceRule(False), DeviceRule(True, "c", 1, 3, "r")), "True"),
        ((DeviceRule(False), DeviceRule(True, "c", 1, 3, "w")), "PermissionError"),
    ]:
        group.apply(Resources(devices=rules))
        assert opens().startswith(expected), rules


def test_freeze_and_thaw(group: ContainerCgroup) -> None:
    if group._v2() is None and group._carrying("freezer") is None:
        with pytest.raises(OSError, match="no freezer"):
            group.freeze()
        return
    beat = os.memfd_create("beat")
    pid = os.fork()
    if pid == 0:
        while True:
            os.pwrite(beat, str(time.monotonic()).encode().ljust(30), 0)
    group.add(pid)
    group.freeze()
    first = os.pread(beat, 30, 0)
    time.sleep(0.05)
    assert os.pread(beat, 30, 0) == first
    group.thaw()
    assert wait_until(lambda: os.pread(beat, 30, 0) != first, timeout=5)
    group.freeze()
    group.kill()  # frozen tasks are killed too
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL
    os.close(beat)


def test_kill_reaches_groups_made_inside_and_delete_removes_them(group: ContainerCgroup) -> None:
    inner = [Path(path) / "made/inside" for path in group.paths.values()]
    for path in inner:
        path.mkdir(parents=True)
        for name in ("cpuset.cpus", "cpuset.mems"):
            for level in (path.parent, path):
                if (level / name).exists():
                    (level / name).write_text((level.parent / name).read_text())
    pid = sleeper(group)
    for path in inner:
        (path / "cgroup.procs").write_text(str(pid))
    assert group.pids() == [pid]
    with pytest.raises(OSError, match="one") as caught:
        group.delete(timeout=0.01)
    assert caught.value.errno == errno.EBUSY
    group.kill()
    os.waitpid(pid, 0)
    group.delete()
    assert not any(Path(path).exists() for path in group.paths.values())
    group.delete()


def test_kill_without_cgroup_kill_outruns_forks(group: ContainerCgroup, monkeypatch: pytest.MonkeyPatch) -> None:
    """As before Linux 5.14 and on v1: freezer, list, pidfd, until nothing is left."""
    monkeypatch.setattr("hezi.linux.cgroup.group.Group.has", lambda self, name: name != "cgroup.kill" and "." in name)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(reader, 1)
        while True:  # each child goes on where its parent ends
            try:
                if os.fork():
                    os._exit(0)
            except OSError:
                time.sleep(0.001)
    group.add(pid)
    os.write(writer, b"x")
    time.sleep(0.02)
    group.kill()
    assert group.pids() == []
    os.waitpid(pid, 0)
    os.close(reader)
    os.close(writer)


def test_the_same_group_twice_and_nothing_left_of_the_second(group: ContainerCgroup) -> None:
    with pytest.raises(FileExistsError):
        manager.create(WHOLE, f"{PARENT}/one")
    again = manager.open_existing(WHOLE, f"{PARENT}/one")
    assert again is not None
    assert again.paths == group.paths
    again.close()


def test_sweep_takes_empty_groups_only(group: ContainerCgroup) -> None:
    stale = manager.create(WHOLE, f"{PARENT}/stale")
    stale.close()
    pid = sleeper(group)
    assert manager.sweep(WHOLE, PARENT) == ["stale"] or WHOLE.hierarchies != tuple(
        member.hierarchy for member in group._members
    )
    assert group.pids() == [pid]
    assert not any(Path(path).exists() for path in stale.paths.values())


def test_a_process_can_move_itself_without_waiting(group: ContainerCgroup) -> None:
    """v1 by the tasks file, v2 by being born there; in the end it is in all of them, as with add."""
    fds = group.join_fds(v2=False)
    before = len(os.listdir("/proc/self/fd"))
    assert group.join_fds(v2=False) == fds
    assert len(os.listdir("/proc/self/fd")) == before

    def work() -> list[int]:
        for fd in fds:
            os.write(fd, b"0")
        pid, pidfd = namespaces.clone3(0, cgroup_fd=group.cgroup_fd)
        if pid == 0:
            signal.pause()
        os.close(pidfd)
        found = [pid in member.group.pids() for member in group._members]
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return found

    assert child(work) == (0, repr([True] * len(group._members)))


def test_a_file_is_a_name_and_no_path_into_another_group(group: ContainerCgroup) -> None:
    one = group._members[0]
    with glance.Glances(Layout(WHOLE.kind, (one.hierarchy,))) as glances:
        seen = glances.v2(group.path) or glances.at((one.hierarchy.controllers or ("",))[0], group.path)
        for reader in filter(None, (one.group, seen)):
            assert reader.has("cgroup.procs")
            assert not reader.has("../cgroup.procs")
            with pytest.raises(OSError, match="Invalid argument"):
                reader.read("../cgroup.procs")
    with pytest.raises(OSError, match="Invalid argument"):
        one.group.write("../cgroup.procs", "0")


def test_values_of_many_groups_are_read_with_one_descriptor_for_each_hierarchy(group: ContainerCgroup) -> None:
    host = Layout(WHOLE.kind, tuple(member.hierarchy for member in group._members))
    carrier = next((name for name in ("pids", "memory") if group.carrying(name)), None)
    before = len(os.listdir("/proc/self/fd"))
    with glance.Glances(host) as glances:
        seen = glances.at(carrier, group.path) if carrier else glances.v2(group.path)
        assert seen is not None
        assert seen.read("cgroup.procs") == ""
        assert not seen.has("no.such")
        assert len(os.listdir("/proc/self/fd")) == before + 1
        # Another parent, and back: what was said first comes again, and no descriptor is left.
        other = glances.at(carrier, PARENT) if carrier else glances.v2(PARENT)
        assert other is not None
        assert other.path == os.path.dirname(seen.path)
        assert len(os.listdir("/proc/self/fd")) == before + 1
        again = glances.at(carrier, group.path) if carrier else glances.v2(group.path)
        assert again is not None
        assert again.path == seen.path
        gone = glances.at(carrier, f"{PARENT}/two") if carrier else glances.v2(f"{PARENT}/two")
        assert gone is not None
        with pytest.raises(FileNotFoundError):
            gone.read("cgroup.procs")
        assert glances.at("no-such", group.path) is None
        with pytest.raises(OSError, match="Invalid"):
            (glances.at(carrier, f"{PARENT}/../x") if carrier else glances.v2(f"{PARENT}/../x"))
    assert len(os.listdir("/proc/self/fd")) == before


def test_memory_counts_its_victims(group: ContainerCgroup) -> None:
    carrier = group._carrying("memory")
    if carrier is None:
        assert group.oom_kills() is None
        return
    limit = "memory.limit_in_bytes" if carrier.version == 1 else "memory.max"
    carrier.write(limit, str(8 << 20))
    for name, value in [("memory.memsw.limit_in_bytes", str(8 << 20)), ("memory.swap.max", "0")]:
        if carrier.has(name):
            carrier.write(name, value)
    assert group.oom_kills() == 0
    status, _ = child(lambda: bytearray(256 << 20), group)
    assert status == signal.SIGKILL
    assert group.oom_kills() == 1


@pytest.mark.needs("cgroup2")
def test_a_new_process_can_be_born_in_the_group() -> None:
    def body(parent: str) -> None:
        from hezi.linux.cgroup import layout, manager, tree

        v2 = layout.detect().v2
        group = manager.create(layout.Layout("v2", (v2,)), f"{parent}/one")
        try:
            assert forked(lambda: os._exit(not tree.membership()[""].endswith("/one")), cgroup_fd=group.cgroup_fd) == 0
        finally:
            group.delete()
            group.close()
            os.rmdir(v2.mount_point + parent)

    in_child(body, PARENT)


@pytest.mark.needs("cgroup2")
def test_v2_has_one_program_and_never_none_while_it_is_replaced() -> None:
    """No window without a program (BPF_F_REPLACE): a task that keeps trying never opens what both rules forbid."""
    group = manager.create(part(2), f"{PARENT}/one")
    deny = (DeviceRule(False), DeviceRule(True, "c", 1, 5, "r"))
    other = (DeviceRule(False), DeviceRule(True, "c", 1, 9, "r"))
    try:
        group.apply(Resources(devices=deny))
        (carrier,) = [member.group for member in group._members]
        ids = [ebpf.attached(carrier.fd)]
        pid = os.fork()
        if pid == 0:
            group.add(0)
            for _ in range(3000):
                try:
                    os.open("/dev/null", os.O_RDONLY)
                    os._exit(1)
                except PermissionError:
                    continue
            os._exit(0)
        while not os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            for rules in (other, deny):
                devices.apply(carrier, rules)
                ids.append(ebpf.attached(carrier.fd))
        assert os.waitpid(pid, 0)[1] == 0
        assert all(len(one) == 1 for one in ids)
        assert ids[0] != ids[-1]
    finally:
        group.kill()
        group.delete()
        group.close()
        _remove_parents()


def test_the_view_inside_shows_the_group_as_the_top_and_takes_no_write(group: ContainerCgroup, tmp_path: Path) -> None:
    """C6: mounted by type in a cgroup namespace of its own, every hierarchy is read-only and rooted in the group."""
    chosen = Layout(WHOLE.kind, tuple(member.hierarchy for member in group._members))

    def look() -> list[str]:
        namespaces.unshare(namespaces.CLONE_NEWCGROUP | namespaces.CLONE_NEWNS)
        mount.mount(None, "/", None, mount.MS_REC | mount.MS_PRIVATE, None)
        faults = []
        for shown in view.hierarchies(chosen, group.paths):
            place = tmp_path / (shown.name or "cgroup")
            place.mkdir()
            attributes = mount.MOUNT_ATTR_RDONLY | mount.MOUNT_ATTR_NOSUID | mount.MOUNT_ATTR_NODEV
            fd = mount.new_mount(shown.fstype, shown.options, attributes | mount.MOUNT_ATTR_NOEXEC)
            mount.move_mount(fd, "", -100, str(place), mount.MOVE_MOUNT_F_EMPTY_PATH)
            os.close(fd)
            if (place / "cgroup.procs").read_text().split() != [str(os.getpid())]:
                faults.append(f"{place}: not rooted in the group")
            if (place / "release_agent").exists():
                faults.append(f"{place}: release_agent")
            for attempt in [
                lambda place=place: (place / "escape").mkdir(),
                lambda place=place: (place / "cgroup.procs").write_text("0"),
            ]:
                try:
                    attempt()
                    faults.append(f"{place}: written to")
                except OSError as error:
                    if error.errno != errno.EROFS:
                        faults.append(f"{place}: {error}")
        return faults

    assert child(look, group) == (0, "[]")
