"""Programs in new namespaces, and lists of them: hezi and util-linux in one run.

    .venv/bin/python bench/namespaces.py [ROUNDS]

``hezi`` is the installed command's way to start (no site), linked under the tool's name; the library's clone() is
beside Python's own way to the same, a fork of a process that calls unshare(1).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from _harness import REPOSITORY, alternate, report, timed

from hezi.linux import namespaces

_PROGRAM = """#!{python} -IS
import sys
sys.path.insert(0, {source!r})
from hezi.front.cli.main import main
main()
"""
_TOOLS = {
    "unshare -Ur true": ("unshare", "-Ur", "true"),
    "unshare -muinpCf true": ("unshare", "-muinpCf", "true"),
    "nsenter -t self -u true": ("nsenter", "--uts=/proc/self/ns/uts", "true"),
    "lsns": ("lsns",),
    "lsns --output-all": ("lsns", "--output-all"),
}


def _run(argv: tuple[str, ...]) -> None:
    # lsns of util-linux fails when a process ends while it looks.
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=False)


def _clone() -> None:
    flags = namespaces.CLONE_NEWUTS | namespaces.CLONE_NEWIPC | namespaces.CLONE_NEWPID
    with namespaces.clone(lambda: None, flags) as process:
        process.wait()


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        for tool in ("unshare", "nsenter", "lsns"):
            program = directory / tool
            program.write_text(_PROGRAM.format(python=sys.executable, source=str(REPOSITORY / "src")))
            program.chmod(0o755)
        for title, argv in _TOOLS.items():
            ours = (str(directory / argv[0]), *argv[1:])
            cases = {"hezi": timed(lambda ours=ours: _run(ours)), "util-linux": timed(lambda argv=argv: _run(argv))}
            report(title, alternate(cases, rounds=rounds), reference="util-linux")
    cases = {
        "hezi": timed(_clone),
        "subprocess of unshare -uipf": timed(lambda: _run(("unshare", "-uipf", "true"))),
    }
    report("a function in new UTS, IPC and PID namespaces", alternate(cases, rounds=rounds))


if __name__ == "__main__":
    main()
