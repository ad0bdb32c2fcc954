"""What a user namespace of its own costs the start of a container: `run --rm --network none [--userns auto] true`.

hezi and podman, each with and without, in turns.

usage: python bench/userns.py [ROUNDS]    (root)
"""

from __future__ import annotations

import statistics
import sys

import _harness as harness
import _peers as peers

from tests.support import grants, images, registry

_SHARE = 2.0


def main() -> int:
    """Measure and print."""
    harness.describe_machine()
    rounds = harness.options(sys.argv, rounds=15)
    with peers.scratch_directory() as scratch, registry.running(scratch / "registry") as server:
        images.write_busybox(scratch / "layout")
        reference = registry.push(scratch / "layout", "latest", server, "busybox:latest")
        with grants.granted(scratch), peers.started(scratch, peers.Hezi, peers.Podman) as engines:
            cases = {}
            for engine in engines:
                engine.pull(reference)
                for name, more in (("", ()), (" --userns auto", ("--userns=auto",))):
                    words = (*more, reference, "true")
                    engine.run(*words)
                    cases[f"{engine.name}{name}"] = harness.timed(lambda engine=engine, words=words: engine.run(*words))
            found = harness.alternate(cases, rounds=rounds, warm_up=2)
    harness.report("run --rm --network none busybox true", found)
    return _judge(found)


def _judge(found: dict[str, list[float]]) -> int:
    """Say what it costs each, and whether it stays at half of podman's time."""
    medians = {name: statistics.median(seconds) for name, seconds in found.items() if seconds}
    for name in ("hezi", "podman"):
        if name in medians:
            without, own = medians[name], medians[f"{name} --userns auto"]
            print(f"{name}: --userns auto takes {own / without:.2f} times as long, {(own - without) * 1000:+.1f} ms")
    if "podman" not in medians:
        return 0
    ratio = medians["podman --userns auto"] / medians["hezi --userns auto"]
    met = ratio >= _SHARE
    print(f"podman / hezi with --userns auto: {ratio:.2f}; wanted: at least {_SHARE:g}: {'met' if met else 'MISSED'}")
    return int(not met)


if __name__ == "__main__":
    raise SystemExit(main())
