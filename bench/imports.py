"""`import hezi` over a bare interpreter, and what the command line's first step and its run verb cost.

usage: python bench/imports.py [ROUNDS]
"""

from __future__ import annotations

import statistics
import subprocess
import sys

import _harness as harness

# Each in a fresh interpreter of its own: -I keeps the environment out, the path is given as pip would install it.
STATEMENTS = {
    "bare python": "",
    "import hezi": "import hezi",
    "from hezi import Engine": "from hezi import Engine",
    "hezi.front.cli.main": "import hezi.front.cli.main",
    "peer: import argparse": "import argparse",
    "peer: import subprocess": "import subprocess",
    "peer: import urllib3": "import urllib3",
}
LIMIT_MS = 3.0


def main() -> int:
    harness.describe_machine()
    rounds = harness.options(sys.argv, rounds=40)
    source = str(harness.REPOSITORY / "src")
    cases = {
        name: harness.timed(
            lambda statement=statement: _python(f"import sys; sys.path.insert(0, {source!r}); {statement}")
        )
        for name, statement in STATEMENTS.items()
    }
    found = harness.alternate(cases, rounds=rounds, warm_up=2)
    harness.report("whole interpreter, start to exit", found, reference="bare python")
    bare = statistics.median(found["bare python"])
    print("\nover bare python")
    for name, seconds in found.items():
        if name != "bare python":
            print(f"  {name:34s}{(statistics.median(seconds) - bare) * 1000:8.2f} ms")
    over = (statistics.median(found["import hezi"]) - bare) * 1000
    verdict = "met" if over < LIMIT_MS else "MISSED"
    print(f"\nimport hezi: {over:.2f} ms over bare python; wanted: under {LIMIT_MS:g} ms: {verdict}")
    return 0 if over < LIMIT_MS else 1


def _python(program: str) -> None:
    subprocess.run([sys.executable, "-I", "-c", program], check=True)


if __name__ == "__main__":
    raise SystemExit(main())
