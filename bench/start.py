"""The start of a container, whole command: `run --rm --network none busybox true`.

hezi beside podman and docker, and crun and runc on a ready bundle as the floor for what is inside.

usage: python bench/start.py [ROUNDS]    (root)
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import _harness as harness
import _peers as peers

from tests.support import images, registry
from tests.support.needs import find_tool


def main() -> int:
    harness.describe_machine()
    rounds = harness.options(sys.argv, rounds=15)
    with peers.scratch_directory() as scratch, registry.running(scratch / "registry") as server:
        images.write_busybox(scratch / "layout")
        reference = registry.push(scratch / "layout", "latest", server, "busybox:latest")
        with peers.started(scratch, peers.Hezi, peers.Podman, peers.Docker) as engines:
            cases = {}
            for engine in [*engines, *_runtimes(scratch)]:
                if _prepare(engine, reference):
                    cases[engine.name] = harness.timed(lambda engine=engine: engine.run(reference, "true"))
            if "hezi" in cases:
                cases["hezi from Python"] = harness.timed(_from_python(scratch, reference))
            found = harness.alternate(cases, rounds=rounds, warm_up=2)
    harness.report("run --rm --network none busybox true", found)
    return _judge(found)


def _from_python(scratch: Path, reference: str) -> Callable[[], object]:
    """The same by the library, in this process: what is left when the interpreter and its imports are there already."""
    import hezi

    directory = scratch / "hezi"
    engine = hezi.Engine(root=str(directory / "root"), runroot=str(directory / "run"))
    return lambda: engine.run(reference, ["true"], network="none")


def _runtimes(scratch: Path) -> list[peers.Runtime]:
    rootfs = peers.rootfs(scratch)
    return [peers.Runtime(scratch, name, rootfs) for name in ("crun", "runc") if find_tool(name)]


def _prepare(engine: peers.Hezi | peers.Podman | peers.Docker | peers.Runtime, reference: str) -> bool:
    try:
        if not isinstance(engine, peers.Runtime):
            engine.pull(reference)
        engine.run(reference, "true")
    except peers.PeerError as error:
        print(f"{engine.name}: left out: {error}")
        return False
    return True


def _judge(found: dict[str, list[float]]) -> int:
    """Say whether the wanted ratios are met: half of podman's time, a third of docker's."""
    code = 0
    if not found.get("hezi"):
        return 1
    mine = statistics.median(found["hezi"])
    for name, share in (("podman", 2.0), ("docker", 3.0)):
        if found.get(name):
            ratio = statistics.median(found[name]) / mine
            met = ratio >= share
            code |= not met
            print(f"{name} / hezi: {ratio:.2f}; wanted: at least {share:g}: {'met' if met else 'MISSED'}")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
