"""`lscgroup` with thousands of groups beside libcgroup's, and a container's groups made, limited and removed.

usage: python bench/cgroup.py [ROUNDS] [GROUPS]

hezi's tools run as they are installed, with the interpreter's start in the time.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

import _harness as harness

from hezi.linux.cgroup import layout, manager, survey, tree
from hezi.spec.runtime import Cpu, Memory, Resources

GROUP = f"/hezi-bench-{os.getpid()}"


def main() -> int:
    harness.describe_machine()
    rounds = harness.options(sys.argv, rounds=9)
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 5000
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
        return _list(rounds, count)
    finally:
        with tree.open_node(place.hierarchy, GROUP) as group:
            group.remove(recursive=True)


def _list(rounds: int, count: int) -> int:
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
    print(f"\nthe same output: {'yes' if same else 'NO'}")
    life = harness.alternate({"create, limit, delete": harness.timed(_life)}, rounds=rounds)
    harness.report("a container's groups in every hierarchy", life, reference="create, limit, delete")
    faster = statistics.median(found["hezi"]) < statistics.median(found["libcgroup 2.0.2"])
    print(f"\nfaster than libcgroup: {'met' if faster else 'MISSED'}")
    return 0 if faster and same else 1


def _run(argv: list[str]) -> bytes:
    return subprocess.run(argv, capture_output=True, check=True).stdout


def _life() -> None:
    resources = Resources(pids_limit=100, cpu=Cpu(shares=512), memory=Memory(limit=64 << 20, swap=128 << 20))
    with manager.create(layout.detect(), f"{GROUP}/one") as made:
        made.apply(resources)
        made.delete()
    for one in survey.take().hierarchies:
        path = f"{one.hierarchy.mount_point}{GROUP}"
        if "pids" not in one.hierarchy.controllers and os.path.isdir(path):
            os.rmdir(path)


if __name__ == "__main__":
    sys.exit(main())
