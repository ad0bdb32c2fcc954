"""libcgroup's tools and hezi's, the same command lines from the same state: exit code, output and its order, whether
something is said on standard error, and what the groups look like afterwards."""

from __future__ import annotations

import contextlib
import functools
import os
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from hezi.linux.cgroup import survey, tree
from tests.conformance import cases_libcgroup as cases
from tests.support.harness import REPOSITORY

pytestmark = pytest.mark.needs("root", "cgget", "cgroup-v1")
GROUP = f"hezi-test-lc-{os.getpid()}"
BELOW = {
    "cpu": ("", "/a", "/a/b", "/c"),
    "memory": ("", "/m"),
    "pids": ("",),
    "freezer": ("",),
    "cpuset": ("",),
    "devices": ("",),
}
# What tells that a group is as it was left.
VALUES = ("cpu.shares", "cpu.cfs_quota_us", "memory.limit_in_bytes", "pids.max", "freezer.state", "cpuset.cpus")
_COMPLAINTS = ("Error: failed to ", "cgcreate wrong mode")
LINES = [line for line in cases.LINES.splitlines() if line]
FILES = {
    "one.conf": """# a comment
group {G}/one {{
    perm {{
        task {{ uid = daemon; gid = daemon; fperm = 660; }}
        admin {{ uid = root; gid = daemon; dperm = 750; fperm = 640; }}
    }}
    cpu {{
        cpu.shares = 500;
        cpu.cfs_quota_us = "40000";
    }}
    pids {{ pids.max = 9; }}
}}
template {G}/%u {{ cpu {{ }} }}
""",
    "two.conf": """group {G}/two/deep {{ cpu {{ }} }}
group "{G}/two" {{ pids {{ }} memory {{ memory.limit_in_bytes = 32M; }} }}
""",
    "some/x.conf": "group {G}/x {{ cpu {{ cpu.shares = 3; }} }}\n",
    "some/y.conf": "group {G}/y {{ cpu {{ cpu.shares = 4; }} }}\n",
    "some/z.txt": "nothing to be read",
    "value.conf": "group {G}/v {{ cpu {{ cpu.shares = abc; }} }}\n",
    "variable.conf": "group {G}/v {{ cpu {{ cpu.nope = 1; }} }}\n",
    "broken.conf": "group {{\n",
    "controller.conf": "group {G}/v {{ nope {{ }} }}\n",
    "empty": "",
    "names": "cpu.shares\ncpu.idle\n",
}


class Outcome(NamedTuple):
    code: int
    out: str
    said: bool
    state: dict[str, object]
    memberships: list[str]


@pytest.fixture(scope="module")
def links(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """hezi under the names of the tools."""
    directory = tmp_path_factory.mktemp("links")
    program = directory / "hezi"
    program.write_text(
        f"#!{sys.executable} -ISB\nimport sys\nsys.path.insert(0, {str(REPOSITORY / 'src')!r})\n"
        "from hezi.front.cli.main import main\nsys.exit(main())\n"
    )
    program.chmod(0o755)
    for name in {line.split()[0] for line in LINES}:
        (directory / name).symlink_to(program)
    return directory


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.format(G=GROUP))
    return tmp_path


@pytest.fixture(autouse=True)
def no_groups_left() -> Iterator[None]:
    if not all(survey.take().carrying(controller) for controller in BELOW):
        pytest.skip("a controller that the table uses is mounted nowhere")
    yield
    _clear()


@functools.cache
def _hierarchies():
    found = survey.take()
    return {name: found.carrying(name).hierarchy for name in BELOW}


def _clear() -> None:
    for hierarchy in _hierarchies().values():
        try:
            group = tree.open_node(hierarchy, GROUP)
        except FileNotFoundError:
            continue
        with group:
            if group.has("freezer.state"):
                group.thaw()
            group.kill()
            group.remove(recursive=True, timeout=10)


def _build() -> None:
    for controller, hierarchy in _hierarchies().items():
        for below in BELOW[controller]:
            with tree.make(hierarchy, GROUP + below, exist_ok=True) as group:
                if below == "/a":
                    group.set("cpu.shares", "512")


def _state() -> dict[str, object]:
    found: dict[str, object] = {}
    for controller, hierarchy in _hierarchies().items():
        top = f"{hierarchy.mount_point}/{GROUP}"
        for path, _, names in os.walk(top):
            where = f"{controller}:{path[len(top) :]}"
            entries = [(name, os.stat(f"{path}/{name}")) for name in [".", *sorted(names)]]
            found[where] = [(name, stat.S_IMODE(one.st_mode), one.st_uid, one.st_gid) for name, one in entries]
            for name in VALUES:
                if name in names:
                    found[f"{where} {name}"] = Path(path, name).read_text()
    return found


@contextlib.contextmanager
def _sleeper(line: str) -> Iterator[int]:
    """A process in cpu:a and memory:m, for lines that move processes."""
    if not ("{P}" in line or line.startswith("cgdelete")):
        yield os.getpid()
        return
    sleeper = subprocess.Popen(["sleep", "1000"])
    try:
        for controller, below in (("cpu", "/a"), ("memory", "/m")):
            with tree.open_node(_hierarchies()[controller], GROUP + below) as group:
                group.add_thread(sleeper.pid)
        yield sleeper.pid
    finally:
        sleeper.kill()
        sleeper.wait()


def _memberships(pid: int) -> list[str]:
    found = tree.membership(pid)
    return [f"{name}:{found[name]}" for name in BELOW if name in found]


def _run(line: str, files: Path, directory: str) -> Outcome:
    """Run one line from the beginning state; the tools are those of ``directory``, "" for libcgroup's."""
    _build()
    with _sleeper(line) as pid:
        words = shlex.split(line.format(G=GROUP, P=pid, T=files))
        if directory:
            words[0] = f"{directory}/{words[0]}"
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        state, memberships = _state(), _memberships(pid)
    _clear()
    out = done.stdout.replace(str(pid), "PID")
    # libcgroup's tools complain on standard output now and then.
    complaints = [line for line in out.splitlines(keepends=True) if line.startswith(_COMPLAINTS)]
    out = "".join(line for line in out.splitlines(keepends=True) if line not in complaints)
    return Outcome(done.returncode, _own(out), bool(complaints or done.stderr.strip()), state, memberships)


def _own(text: str) -> str:
    """Without the groups of whoever else works on this machine, where all are listed."""
    if "Configuration file generated" not in text:
        return text
    blocks = text.split("\n\n")
    return "\n\n".join(
        block for block in blocks if not block.startswith("group ") or block.startswith(f"group {GROUP}")
    )


@pytest.mark.parametrize("line", LINES)
def test_the_same_line_does_the_same(line: str, links: Path, files: Path):
    # libcgroup's cgsnapshot cuts its output short when a group goes meanwhile, whosever it is.
    tries = 5 if line.startswith("cgsnapshot") else 1
    for attempt in range(tries):
        theirs = _run(line, files, "")
        ours = _run(line, files, str(links))
        found = list(_differences(ours, theirs))
        if not found:
            return
        assert attempt + 1 < tries, found


def _differences(ours: Outcome, theirs: Outcome) -> Iterator[str]:
    for name in ("code", "out", "said", "memberships"):
        one, other = getattr(ours, name), getattr(theirs, name)
        if one != other:
            yield f"{name}: {one!r}, libcgroup's: {other!r}"
    for key in sorted(ours.state.keys() | theirs.state.keys()):
        one, other = ours.state.get(key), theirs.state.get(key)
        if isinstance(one, list) and isinstance(other, list):
            one, other = sorted(set(one) - set(other)), sorted(set(other) - set(one))
        if one != other:
            yield f"{key}: {one!r}, libcgroup's: {other!r}"


@pytest.mark.parametrize("line", cases.KNOWN)
def test_where_hezi_means_to_differ(line: str, links: Path, files: Path):
    code, reason = cases.KNOWN[line]
    ours = _run(line, files, str(links))
    assert ours.code == code, reason
    assert ours.said == (code != 0), reason
