"""`lscgroup` with thousands of groups beside libcgroup's; a container's groups made, limited, filled and removed beside
what crun spends on them in a start; `stats` of many containers beside a bare start.

usage: python bench/cgroup.py [ROUNDS] [GROUPS] [CONTAINERS]    (root)

hezi's tools run as they are installed, with the interpreter's start in the time.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

import _harness as harness
import _peers as peers

from hezi.linux import nscalls
from hezi.linux.cgroup import layout, manager, survey, tree
from hezi.spec.runtime import Cpu, Memory, Resources
from tests.support import images, registry
from tests.support.needs import find_tool

GROUP = f"/hezi-bench-{os.getpid()}"
_NETWORK = ("--network", "none")
# The same limits for both.
_LIMITS = Resources(pids_limit=100, cpu=Cpu(shares=512), memory=Memory(limit=64 << 20, swap=128 << 20))
_OCI = {"pids": {"limit": 100}, "cpu": {"shares": 512}, "memory": {"limit": 64 << 20, "swap": 128 << 20}}


def main() -> int:
    harness.describe_machine()
    rounds = harness.options(sys.argv, rounds=9)
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 5000
    containers = int(sys.argv[3]) if len(sys.argv) > 3 else 200
    missed = _list(rounds, count)
    with peers.scratch_directory() as scratch:
        missed |= _groups(scratch, rounds)
        if containers:
            missed |= _stats(scratch, rounds, containers)
    return missed


# --- lscgroup -------------------------------------------------------------------------------------------------------


def _list(rounds: int, count: int) -> int:
    place = survey.take().carrying("pids")
    if place is None:
        print("the pids controller is mounted nowhere")
        return 1
    top = f"{place.hierarchy.mount_point}{GROUP}"
    os.mkdir(top)
    try:
        for number in range(count):
            # In tens, as containers' groups with some of their own are.
            os.makedirs(f"{top}/{number // 10}/{number % 10}", exist_ok=True)
        return _listed(rounds, count)
    finally:
        with tree.open_node(place.hierarchy, GROUP) as group:
            group.remove(recursive=True)


def _listed(rounds: int, count: int) -> int:
    program = "import sys; from hezi.front.cli.main import main; sys.exit(main(['lscgroup', *sys.argv[1:]]))"
    python = [sys.executable, "-ISc", f"import sys; sys.path.insert(0, {str(harness.REPOSITORY / 'src')!r}); {program}"]
    wanted = f"pids:{GROUP}"
    cases = {
        "hezi": harness.timed(lambda: _run([*python, wanted])),
        "libcgroup 2.0.2": harness.timed(lambda: _run(["lscgroup", wanted])),
    }
    found = harness.alternate(cases, rounds=rounds)
    harness.report(f"lscgroup, {count} groups", found)
    same = _run([*python, wanted]) == _run(["lscgroup", wanted])
    print(f"  the same output: {'yes' if same else 'NO'}")
    faster = statistics.median(found["hezi"]) < statistics.median(found["libcgroup 2.0.2"])
    print(f"  faster than libcgroup: {'met' if faster else 'MISSED'}")
    return not (faster and same)


def _run(argv: list[str]) -> bytes:
    return subprocess.run(argv, capture_output=True, check=True).stdout


# --- a container's groups -------------------------------------------------------------------------------------------


def _groups(scratch: Path, rounds: int) -> int:
    """The share of both is what a process takes longer with groups than without."""
    cases = {"hezi": harness.timed(_life), "hezi, the process alone": harness.timed(_bare)}
    if find_tool("crun"):
        rootfs = peers.rootfs(scratch)
        with_groups = peers.Runtime(scratch / "with", "crun", rootfs, resources=_OCI, path=f"{GROUP}/crun")
        without = peers.Runtime(scratch / "without", "crun", rootfs, options=("--cgroup-manager=disabled",))
        cases["crun run with them"] = harness.timed(with_groups.run)
        cases["crun run without"] = harness.timed(without.run)
    try:
        found = harness.alternate(cases, rounds=rounds * 5)
    except peers.PeerError as error:
        print(f"crun: left out: {error}")
        found = harness.alternate({name: case for name, case in cases.items() if "crun" not in name}, rounds=rounds * 5)
    finally:
        _remove_groups()
    harness.report("a container's groups in every hierarchy: create, limit, attach, destroy", found)
    middle = {name: statistics.median(seconds) for name, seconds in found.items()}
    mine = middle["hezi"] - middle["hezi, the process alone"]
    print(f"  hezi's share: {mine * 1000:.1f} ms")
    if "crun run without" not in middle:
        return 0
    share = middle["crun run with them"] - middle["crun run without"]
    print(f"  crun's share of its start: {share * 1000:.1f} ms; hezi / crun: {mine / share:.2f}")
    print(f"  no more than crun's: {'met' if mine <= share else 'MISSED'}")
    return mine > share


def _life() -> None:
    """As a start does it: the process is born in the v2 group and puts itself into the others."""
    with manager.create(layout.detect(), f"{GROUP}/one") as made:
        made.apply(_LIMITS)
        joins = made.join_fds(v2=made.cgroup_fd is None)
        _process(made.cgroup_fd, joins)
        made.delete()


def _bare() -> None:
    _process(None, [])


def _process(group: int | None, joins: list[int]) -> None:
    child, _ = nscalls.clone3(cgroup_fd=group, want_pidfd=False)
    if not child:
        for fd in joins:
            os.write(fd, b"0")
        os._exit(0)
    os.waitpid(child, 0)


def _remove_groups() -> None:
    for one in survey.take().hierarchies:
        try:
            group = tree.open_node(one.hierarchy, GROUP)
        except FileNotFoundError:
            continue
        with group:
            group.remove(recursive=True, timeout=5)


# --- stats ----------------------------------------------------------------------------------------------------------


def _stats(scratch: Path, rounds: int, count: int) -> int:
    import hezi

    with registry.running(scratch / "registry") as server, peers.started(scratch, peers.Hezi) as engines:
        images.write_busybox(scratch / "layout")
        reference = registry.push(scratch / "layout", "latest", server, "busybox:latest")
        mine = next(engine for engine in engines if isinstance(engine, peers.Hezi))
        mine.pull(reference)
        engine = hezi.Engine(mine.environment["HEZI_ROOT"], mine.environment["HEZI_RUNROOT"])
        names = [f"bench-{number}" for number in range(count)]
        try:
            for name in names:
                peers.check(
                    mine.argv("run", "-d", *_NETWORK, "--name", name, reference, "sleep", "100000"), mine.environment
                )
            stats = mine.argv("stats", "--no-stream")
            cases = {
                "hezi run --rm true": harness.timed(lambda: mine.run(reference, "true")),
                f"hezi stats of {count}": harness.timed(lambda: peers.check(stats, mine.environment)),
                # The command lets 0.2 s pass between its two looks at the processor time.
                "from Python, without the waiting": harness.timed(lambda: engine.containers.stats(interval=0)),
            }
            found = harness.alternate(cases, rounds=rounds)
        finally:
            for container in engine.containers.list(all=True):
                engine.containers.get(container.id).remove(force=True)
    harness.report("stats --no-stream", found, reference="hezi run --rm true")
    ratio = statistics.median(found[f"hezi stats of {count}"]) / statistics.median(found["hezi run --rm true"])
    print(f"  wanted: at most 1.5x: {'met' if ratio <= 1.5 else 'MISSED'}")
    return ratio > 1.5


if __name__ == "__main__":
    sys.exit(main())
