"""Side by side in one run: A B A B, medians, ratios.

A number without its peer's, measured in the same minute, says little.

Standard library only; run the benchmarks with the virtual environment's interpreter.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "src")]

Case = Callable[[], float | None]


def timed(action: Callable[[], object]) -> Callable[[], float]:
    """Return a case that gives the wall time of ``action`` in seconds."""

    def case() -> float:
        begin = time.perf_counter()
        action()
        return time.perf_counter() - begin

    return case


def alternate(cases: Mapping[str, Case], *, rounds: int, warm_up: int = 1) -> dict[str, list[float]]:
    """Run all cases once per round, in turns, so that a busy moment of the machine hits all of them.

    A case returns seconds; what it returns None for is not counted.
    """
    found: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(rounds + warm_up):
        for name, case in cases.items():
            seconds = case()
            if number >= warm_up and seconds is not None:
                found[name].append(seconds)
    return found


def report(
    title: str, found: Mapping[str, list[float]], *, reference: str = "hezi", unit: str = "ms", extra: str = ""
) -> None:
    """Print the medians, the spread and how many times longer than ``reference`` each one takes.

    :param unit: "ms" or "s".
    """
    factor = 1000.0 if unit == "ms" else 1.0
    base = statistics.median(found[reference]) if found.get(reference) else None
    print(f"\n{title}")
    print(f"  {'':34s}{'median':>10s}{'fastest':>10s}{'slowest':>10s}   {'times ' + reference:>12s}{extra:>14s}")
    for name, seconds in found.items():
        if not seconds:
            print(f"  {name:34s}  not measured")
            continue
        middle = statistics.median(seconds)
        ratio = f"{middle / base:11.2f}x" if base else ""
        numbers = "".join(f"{value * factor:10.1f}" for value in (middle, min(seconds), max(seconds)))
        print(f"  {name:34s}{numbers}   {ratio}  ({unit}, {len(seconds)} runs)")


def describe_machine() -> None:
    load = os.getloadavg()[0]
    print(f"Linux {platform.release()} {platform.machine()}, {os.cpu_count()} processors, load {load:.1f}")
    print(f"Python {platform.python_version()}")


def options(argv: list[str], *, rounds: int) -> int:
    """Return the number of rounds: the first argument, or ``rounds``."""
    return int(argv[1]) if len(argv) > 1 else rounds
