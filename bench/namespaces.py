"""Programs in new namespaces, and lists of them: hezi and util-linux in one run.

    .venv/bin/python bench/namespaces.py [ROUNDS]

``hezi`` is the installed command's way to start (no site), linked under the tool's name, or called by its command where
it stands in for no tool; the library's clone() is beside Python's own way to the same, a fork of a process that calls
unshare(1). The floor is a bare interpreter. What is measured is processor time, which says something on a busy machine
too: these programs wait for nothing.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from _harness import REPOSITORY, alternate, describe_machine, options, report

from hezi.linux import namespaces

_PROGRAM = """#!{python} -IS
import sys
sys.path.insert(0, {source!r})
from hezi.front.cli.main import main
main()
"""
# Title -> the arguments of hezi, those of the tool
_TOOLS = {
    "unshare -Ur true": (("unshare", "-Ur", "true"), ("unshare", "-Ur", "true")),
    "unshare -muinpCf true": (("unshare", "-muinpCf", "true"), ("unshare", "-muinpCf", "true")),
    "nsenter -u true": (
        ("nsenter", "--uts=/proc/self/ns/uts", "true"),
        ("nsenter", "--uts=/proc/self/ns/uts", "true"),
    ),
    "lsns": (("lsns",), ("lsns",)),
    "lsns --output-all": (("lsns", "--output-all"), ("lsns", "--output-all")),
    "hezi ns ls, with what descriptors and files keep": (("hezi", "ns", "ls"), ("lsns",)),
    "findmnt -o TARGET,PROPAGATION": (
        ("hezi", "mount", "ls", "-o", "TARGET,PROPAGATION"),
        ("findmnt", "-o", "TARGET,PROPAGATION"),
    ),
}


def _run(argv: tuple[str, ...]) -> None:
    # lsns of util-linux fails when a process ends while it looks.
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=False)


def _spent(action: Callable[[], object]) -> Callable[[], float]:
    """Return a case that gives the processor time of ``action`` in seconds, children's too."""

    def now() -> float:
        found = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(one.ru_utime + one.ru_stime for one in found)

    def case() -> float:
        begin = now()
        action()
        return now() - begin

    return case


def _clone() -> None:
    flags = namespaces.CLONE_NEWUTS | namespaces.CLONE_NEWIPC | namespaces.CLONE_NEWPID
    with namespaces.clone(lambda: None, flags) as process:
        process.wait()


def main() -> None:
    """Measure and print."""
    rounds = options(sys.argv, rounds=20)
    describe_machine()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        for tool in ("unshare", "nsenter", "lsns", "hezi"):
            program = directory / tool
            program.write_text(_PROGRAM.format(python=sys.executable, source=str(REPOSITORY / "src")))
            program.chmod(0o755)
        for title, (ours, theirs) in _TOOLS.items():
            linked = (str(directory / ours[0]), *ours[1:])
            cases = {
                "hezi": _spent(lambda argv=linked: _run(argv)),
                "util-linux": _spent(lambda argv=theirs: _run(argv)),
                "a bare interpreter": _spent(lambda: _run((sys.executable, "-IS", "-c", ""))),
            }
            report(title, alternate(cases, rounds=rounds), reference="util-linux")
    cases = {
        "hezi": _spent(_clone),
        "subprocess of unshare -uipf": _spent(lambda: _run(("unshare", "-uipf", "true"))),
    }
    report("a function in new UTS, IPC and PID namespaces", alternate(cases, rounds=rounds))


if __name__ == "__main__":
    main()
