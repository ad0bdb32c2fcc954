"""`image ls` of 1,000 images over `hezi version`, and the removal of images beside docker's.

usage: python bench/images.py [ROUNDS]    (root)

The store is filled by what a pull does once the bytes are here; docker gets the same images from a registry.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

import _harness as harness
import _peers as peers

from hezi.engine.engine import Engine
from hezi.store.images import ImageStore
from tests.support import dockerd, images, registry
from tests.support import image_store as make
from tests.support.needs import find_tool

COUNT = 1000
LIMIT = 1.5
PRUNED = 300


def main() -> int:
    harness.describe_machine()
    rounds = harness.options(sys.argv, rounds=25)
    with peers.scratch_directory() as scratch:
        ratio = _listing(scratch / "list", rounds)
        _prune(scratch / "prune", max(rounds // 8, 2))
        if find_tool("dockerd"):
            _remove(scratch / "remove", max(rounds // 5, 3))
    verdict = "met" if ratio < LIMIT else "MISSED"
    print(f"\nimage ls of {COUNT}: {ratio:.2f} x version; wanted: under {LIMIT:g}: {verdict}")
    return 0 if ratio < LIMIT else 1


def _environment(directory: Path) -> dict[str, str]:
    found = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**found, "HEZI_ROOT": str(directory / "root"), "HEZI_RUNROOT": str(directory / "run")}


def _fill(engine: Engine, count: int) -> None:
    engine.paths.make()
    with ImageStore(engine.paths.root) as store:
        for number in range(count):
            name, day = f"example.org/team/app-{number % 50}:{number}", number % 28 + 1
            make.add(store, name, b"shared" * 100, b"%d" % number, created=f"2024-01-{day:02d}T00:00:00Z")


def _listing(directory: Path, rounds: int) -> float:
    _fill(Engine(str(directory / "root"), str(directory / "run")), COUNT)
    environment = _environment(directory)
    program = Path(sys.executable).with_name("hezi")

    def hezi(*words: str) -> None:
        subprocess.run([program, *words], env=environment, stdout=subprocess.DEVNULL, check=True)

    cases = {
        "hezi version": harness.timed(lambda: hezi("version")),
        f"hezi image ls ({COUNT})": harness.timed(lambda: hezi("image", "ls")),
        f"hezi image ls -q ({COUNT})": harness.timed(lambda: hezi("image", "ls", "-q")),
    }
    found = harness.alternate(cases, rounds=rounds, warm_up=3)
    harness.report(f"whole command, {COUNT} images in the store", found, reference="hezi version")
    return statistics.median(found[f"hezi image ls ({COUNT})"]) / statistics.median(found["hezi version"])


def _prune(directory: Path, rounds: int) -> None:
    """All in one transaction, beside one command of removal for each."""
    engine = Engine(str(directory / "root"), str(directory / "run"))

    def prune() -> float:
        _fill(engine, PRUNED)
        return harness.timed(lambda: engine.images.prune(all=True))()

    def remove() -> float:
        _fill(engine, PRUNED)
        names = [f"{row.repository}:{row.tag}" for row in engine.images.list()]
        return harness.timed(lambda: [engine.images.remove(name) for name in names])()

    found = harness.alternate({"hezi": prune, "one by one": remove}, rounds=rounds, warm_up=0)
    harness.report(f"image prune -a of {PRUNED} images", found)


def _remove(directory: Path, rounds: int) -> None:
    with registry.running(directory / "registry") as server, dockerd.running(directory / "docker") as docker:
        images.write_debian(directory / "layout")
        reference = registry.push(directory / "layout", "bookworm", server, "debian:bookworm")
        environment = _environment(directory)
        program = (str(Path(sys.executable).with_name("hezi")),)

        def case(command: tuple[str, ...], env: dict[str, str]) -> float:
            subprocess.run([*command, "pull", "-q", reference], env=env, stdout=subprocess.DEVNULL, check=True)
            os.sync()
            words = [*command, "rmi", reference]
            return harness.timed(lambda: subprocess.run(words, env=env, stdout=subprocess.DEVNULL, check=True))()

        cases = {
            "hezi": lambda: case(program, environment),
            "docker": lambda: case(docker, dict(dockerd.ENVIRONMENT)),
        }
        found = harness.alternate(cases, rounds=rounds, warm_up=0)
        harness.report("rmi of a Debian (one layer of some thousand files)", found)


if __name__ == "__main__":
    raise SystemExit(main())
