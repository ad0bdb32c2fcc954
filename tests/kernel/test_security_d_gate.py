"""The gate for the whole command: of a poisoned image hezi opens two files, for the user's ids, and executes nothing.

What counts as of the image: every openat2 with RESOLVE_IN_ROOT, as rule 1 wants all names in a container's tree to be
resolved, and whatever a process does after its pivot_root until it becomes the program.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.kernel.test_security_d import POISON, _calls_inside
from tests.support import images, layout, registry
from tests.support.harness import COMMAND
from tests.support.layout import Entry

pytestmark = pytest.mark.needs("root", "overlay", "busybox", "strace", "docker-registry", "skopeo")

_OPENED = re.compile(r'openat2\([^"]*"([^"]*)", \{flags=([^,}]*).*RESOLVE_IN_ROOT.*= \d+')
_LOOK = re.compile(r'(newfstatat|stat|statx)\([^"]*"/[a-z/]*/sh"')
READ_BY_THE_ENGINE = {"etc/passwd", "/etc/passwd", "etc/group", "/etc/group"}


@pytest.fixture(scope="module")
def poisoned_image(registry_server, tmp_path_factory) -> str:
    directory = tmp_path_factory.mktemp("poisoned")
    entries = images.busybox_entries()
    made = {entry.name.rstrip("/") for entry in entries}
    for name in POISON:
        for parent in [str(path) for path in reversed(Path(name).parents) if str(path) != "."]:
            if parent not in made:
                made.add(parent)
                entries.append(Entry(f"{parent}/", "dir", mode=0o755))
        entries.append(Entry(name, data=b"poison", mode=0o755))
    layout.write(directory, "latest", [entries])
    return registry.push(directory, "latest", registry_server, "poisoned:latest")


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--init", "--user", "ann:audio", "-w", "/made/here"),
        ("--read-only", "--tmpfs", "/run", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    ],
)
def test_nothing_of_the_image_is_opened_or_executed(hezi_env, poisoned_image, tmp_path, options):
    hezi_env.run("pull", "-q", poisoned_image, check=True)
    trace = tmp_path / "trace"
    prefix = ("strace", "-ff", "-qq", "-s", "300", "-o", str(trace), "-e", "trace=%file,%process,pivot_root,fchdir")
    done = hezi_env.run(
        *("run", "--rm", "--network", "none", *options, poisoned_image, "sh", "-c", "exit 9"), prefix=prefix
    )
    assert done.code == 9, done.stderr
    opened = set()
    executed = []
    entered = 0
    for file in tmp_path.glob("trace.*"):
        lines = file.read_text().splitlines()
        inside = _calls_inside(lines, str(hezi_env.directory))
        entered += any(name == "umount2" for name, _ in inside)
        # An empty path is a descriptor. A candidate of PATH that was not executed is looked at, to say why.
        acts = [line for name, line in inside if name not in _HARMLESS and ', "", ' not in line]
        assert [line for line in acts if not _LOOK.match(line)] == []
        for line in lines:
            if (match := _OPENED.search(line)) and "O_PATH" not in match[2]:
                opened.add(match[1])
            if line.startswith("execve(") and line.endswith("= 0"):
                executed.append(line.split('"')[1])
    assert entered == 1
    assert opened <= READ_BY_THE_ENGINE
    # The command itself, stage 1 in its sealed interpreter, and the program.
    assert {name for name in executed if not name.startswith("/proc/self/fd/")} == {COMMAND[0], "/bin/sh"}


_HARMLESS = {"umount2", "chdir", "execve", "getcwd", "exit_group", "clone", "fork", "vfork", "wait4", "kill"}
