"""Containers that live: start and stop, exec, start in the background and removal, lists, and what a monitor weighs.

hezi beside podman and docker.

usage: python bench/lifecycle.py [ROUNDS]    (root)
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import _harness as harness
import _peers as peers

from tests.support import images, registry

_STOPPED = 500
_NETWORK = ("--network", "none")
_LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
Peer = peers.Hezi | peers.Podman | peers.Docker


def main() -> int:
    harness.describe_machine()
    rounds = harness.options(sys.argv, rounds=11)
    missed = 0
    with peers.scratch_directory() as scratch, registry.running(scratch / "registry") as server:
        images.write_busybox(scratch / "layout")
        reference = registry.push(scratch / "layout", "latest", server, "busybox:latest")
        with peers.started(scratch, peers.Hezi, peers.Podman, peers.Docker) as engines:
            ready = [engine for engine in engines if _prepare(engine, reference)]
            missed |= _measure(ready, reference, rounds)
            missed |= _weigh(ready)
            for engine in ready:
                _call(engine, "rm", "-f", "bench-run", "bench-stopped")
        missed |= _lists(scratch, reference, rounds)
    return missed


def _call(engine: Peer, *args: str) -> None:
    environment = engine.environment if isinstance(engine, peers.Hezi) else None
    peers.check(engine.argv(*args), environment)


def _new(engine: Peer, verb: tuple[str, ...], name: str, reference: str) -> tuple[str, ...]:
    limits = _LIMITS if engine.name == "podman" else ()
    return (*verb, *_NETWORK, *limits, "--name", name, reference, "sleep", "100000")


def _prepare(engine: Peer, reference: str) -> bool:
    try:
        engine.pull(reference)
        _call(engine, *_new(engine, ("run", "-d"), "bench-run", reference))
        _call(engine, *_new(engine, ("create",), "bench-stopped", reference))
        _call(engine, "exec", "bench-run", "true")
    except peers.PeerError as error:
        print(f"{engine.name}: left out: {error}")
        return False
    return True


def _measure(ready: list[Peer], reference: str, rounds: int) -> int:
    def start_stop(engine: Peer) -> None:
        _call(engine, "start", "bench-stopped")
        _call(engine, "stop", "-t", "0", "bench-stopped")

    def run_remove(engine: Peer) -> None:
        _call(engine, *_new(engine, ("run", "-d"), "bench-one", reference))
        _call(engine, "rm", "-f", "bench-one")

    missed = 0
    for title, action, wanted in (
        ("start + stop -t 0", start_stop, 1.0),
        ("run -d + rm -f", run_remove, 1.0),
        ("exec true", lambda engine: _call(engine, "exec", "bench-run", "true"), 3.0),
    ):
        cases = {engine.name: harness.timed(lambda engine=engine, action=action: action(engine)) for engine in ready}
        if title.startswith("exec"):
            cases["hezi from Python"] = harness.timed(_exec_from_python(ready))
        found = harness.alternate(cases, rounds=rounds)
        harness.report(title, found)
        if found.get("docker"):
            ratio = statistics.median(found["docker"]) / statistics.median(found["hezi"])
            missed |= ratio < wanted
            print(
                f"  docker / hezi: {ratio:.2f}; wanted: at least {wanted:g}: {'met' if ratio >= wanted else 'MISSED'}"
            )
    return missed


def _exec_from_python(ready: list[Peer]) -> Callable[[], object]:
    import hezi

    mine = next(engine for engine in ready if isinstance(engine, peers.Hezi))
    engine = hezi.Engine(mine.environment["HEZI_ROOT"], mine.environment["HEZI_RUNROOT"])
    container = engine.containers.get("bench-run")
    return lambda: container.exec(["true"])


def _weigh(ready: list[Peer]) -> int:
    """Proportional set sizes of what stays beside one idle container, in kB."""
    sizes = {}
    for engine in ready:
        title = {"hezi": "hezi-monitor bench-run", "docker": "containerd-shim", "podman": "conmon"}[engine.name]
        found = [size for line, size in _processes() if title in line]
        if found:
            sizes[engine.name] = min(found)
    print("\nmemory beside an idle detached container (PSS)")
    for name, size in sizes.items():
        print(f"  {name:34s}{size / 1024:10.1f} MB")
    if "docker" not in sizes or "hezi" not in sizes:
        return 0
    met = sizes["hezi"] <= sizes["docker"]
    print(f"  wanted: no more than containerd-shim's: {'met' if met else 'MISSED'}")
    return not met


def _processes() -> list[tuple[str, int]]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            sizes = (entry / "smaps_rollup").read_text()
        except OSError:
            continue
        pss = next((int(row.split()[1]) for row in sizes.splitlines() if row.startswith("Pss:")), 0)
        found.append((line, pss))
    return found


def _lists(scratch: Path, reference: str, rounds: int) -> int:
    """`ps -a` with many stopped containers beside the cheapest command there is."""
    import hezi

    mine = peers.Hezi(scratch / "many")
    mine.pull(reference)
    engine = hezi.Engine(mine.environment["HEZI_ROOT"], mine.environment["HEZI_RUNROOT"])
    for _ in range(_STOPPED):
        engine.containers.create(reference, ["true"], network="none")
    quiet = {**os.environ, **mine.environment}

    def call(*args: str) -> None:
        subprocess.run(mine.argv(*args), env=quiet, stdout=subprocess.DEVNULL, check=True)

    cases = {"hezi version": lambda: call("version"), f"hezi ps -a of {_STOPPED}": lambda: call("ps", "-a")}
    found = harness.alternate({name: harness.timed(case) for name, case in cases.items()}, rounds=rounds)
    harness.report("lists", found, reference="hezi version")
    ratio = statistics.median(found[f"hezi ps -a of {_STOPPED}"]) / statistics.median(found["hezi version"])
    print(f"  wanted: at most 1.5x: {'met' if ratio <= 1.5 else 'MISSED'}")
    return ratio > 1.5


if __name__ == "__main__":
    raise SystemExit(main())
