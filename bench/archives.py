"""save, load and push of a 1 GB image with 39,000 files, by hezi, podman and docker.

The image is that of bench/pull.py. Each engine pulls it, saves it to a file, pushes it to a registry that has nothing
of it, and loads its own file into a new, empty store; hezi loads docker's file as well. Nothing is deleted before all
of them are measured: ext4 makes files up to ten times slower for minutes after a mass deletion.

What is compared is the command, not the work: docker and podman keep no compressed layers and pack them for each push,
docker's archive has plain tars, hezi's the blobs as they are.

usage: python bench/archives.py [ROUNDS]    (root; needs about 9 GB of disk for each round)
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

import _harness as harness
import _peers as peers
import pull

from tests.support import registry

KINDS = (peers.Hezi, peers.Podman, peers.Docker)
TASKS = ("save", "push", "load")
FOREIGN = "hezi (docker's archive)"


def main() -> int:
    harness.describe_machine()
    rounds = harness.options(sys.argv, rounds=2)
    found: dict[str, dict[str, list[float]]] = {task: {kind.name: [] for kind in KINDS} for task in TASKS}
    found["load"][FOREIGN] = []
    with peers.scratch_directory() as scratch, registry.running(scratch / "registry") as server:
        reference = registry.push(pull.cached_image(), "latest", server, "big:latest")
        for number in range(rounds):
            _round(scratch / f"r{number}", reference, found)
    for task in TASKS:
        harness.report(f"{task} of {pull.SIZE / 1e6:.0f} MB in {pull.FILES} files", found[task], unit="s")
    return max(_judge(task, found[task]) for task in TASKS)


def _round(directory: Path, reference: str, found: dict[str, dict[str, list[float]]]) -> None:
    # Short names: podman takes no run root of more than 50 characters.
    directory.mkdir()
    with peers.started(directory / "a", *KINDS) as engines, registry.running(directory / "target") as target:
        for engine in engines:
            engine.pull(reference)
        for engine in engines:
            file = str(directory / f"{engine.name}.tar")
            pushed = f"{target.host}/{engine.name}/big:1"
            _run(engine, "tag", reference, pushed)
            _measure(found["save"][engine.name], engine, "save", "-o", file, pushed)
            insecure = ["--tls-verify=false"] if engine.name == "podman" else []
            _measure(found["push"][engine.name], engine, "push", *insecure, pushed)
    with peers.started(directory / "b", *KINDS) as engines:
        for engine in engines:
            _measure(found["load"][engine.name], engine, "load", "-q", "-i", str(directory / f"{engine.name}.tar"))
    with peers.started(directory / "c", peers.Hezi) as engines:
        for engine in engines:
            if (directory / "docker.tar").exists():
                _measure(found["load"][FOREIGN], engine, "load", "-q", "-i", str(directory / "docker.tar"))


def _measure(seconds: list[float], engine: peers.Hezi | peers.Podman | peers.Docker, *words: str) -> None:
    os.sync()
    try:
        seconds.append(harness.timed(lambda: _run(engine, *words))())
    except peers.PeerError as error:
        print(f"{engine.name}: {error}")


def _run(engine: peers.Hezi | peers.Podman | peers.Docker, *words: str) -> None:
    environment = engine.environment if isinstance(engine, peers.Hezi) else peers.ENVIRONMENT
    done = subprocess.run(
        engine.argv(*words), stdin=subprocess.DEVNULL, capture_output=True, env=environment, check=False
    )
    if done.returncode:
        raise peers.PeerError(f"{words[0]}: {done.stderr.decode(errors='replace').strip()[-300:]}")


def _judge(task: str, found: dict[str, list[float]]) -> int:
    others = [statistics.median(found[name]) for name in ("podman", "docker") if found[name]]
    if not found["hezi"] or not others:
        return int(not found["hezi"])
    ratio = min(others) / statistics.median(found["hezi"])
    print(f"{task}: the faster of the others / hezi: {ratio:.2f}; wanted: over 1: {'met' if ratio > 1 else 'MISSED'}")
    return int(ratio <= 1)


if __name__ == "__main__":
    raise SystemExit(main())
