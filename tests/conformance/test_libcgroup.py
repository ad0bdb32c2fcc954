"""libcgroup's tools and hezi's, the same command lines from the same state: exit code, output and its order, whether
something is said on standard error, and what the groups look like afterwards."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shlex
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from hezi.front.cli.main import main
from hezi.linux.cgroup import survey, tree
from tests.conformance import cases_libcgroup as cases
from tests.conformance import lines_libcgroup
from tests.support.harness import linked

pytestmark = pytest.mark.needs("root", "cgget", "cgroup-v1")
GROUP = f"hezi-test-lc-{os.getpid()}"
FORKED = "/nowhere"
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
_COMPLAINTS = ("Error: failed to ", "Error: Unsupported option", "cgcreate wrong mode", "cgconfigparser wrong mode")
LINES = [line for line in cases.LINES.splitlines() if line]
MORE = [line for line in cases.MORE.splitlines() if line]
# The others are for `make test-slow`.
_EACH = 5
SHARE = [
    line if number % _EACH == 0 else pytest.param(line, marks=pytest.mark.slow) for number, line in enumerate(MORE)
]
# What the kernel has put by for a group of memory, a moment more or less.
_USAGE = re.compile(r"^(memory\.(?:memsw\.)?usage_in_bytes: )\d+$", re.MULTILINE)
_ANY_NUMBER = re.compile(r"^()\d+$", re.MULTILINE)
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
    "good/x.conf": "group {G}/x {{ cpu {{ cpu.shares = 3; }} }}\n",
    "template.conf": "template {G}/%u/%g {{ perm {{ task {{ uid = daemon; }} }} cpu {{ cpu.shares = 7; }} }}\n",
    "default.conf": (
        "default {{ perm {{ task {{ uid = daemon; gid = daemon; fperm = 664; "
        "}} admin {{ uid = daemon; gid = root; fperm = 744; dperm = 755; "
        "}} }} }}\ngroup {G}/d {{ cpu {{ }} }}\n"
    ),
    "quotes.conf": 'group "{G}/q space" {{ cpu {{ cpu.shares = "77"; }} }}\n',
    "nested.conf": "group {G}/n/e/s/t {{ cpu {{ cpu.shares = 77; }} }}\n",
    "twice.conf": "group {G}/t {{ cpu {{ cpu.shares = 77; }} }}\ngroup {G}/t {{ cpu {{ cpu.shares = 88; }} }}\n",
    "order.conf": (
        "group {G}/o {{ cpu {{ cpu.cfs_quota_us = 30000; cpu.cfs_period_us = 60000; "
        "cpu.shares = 44; }} memory {{ memory.limit_in_bytes = 64M; "
        "memory.memsw.limit_in_bytes = 64M; }} }}\n"
    ),
    "root.conf": "group . {{ cpu {{ }} }}\n",
    "comment.conf": "# one\n  # two\ngroup {G}/k {{\n# three\n cpu {{\n # four\n cpu.shares = 9;\n }}\n}}\n#end",
    "nosemi.conf": "group {G}/s {{ cpu {{ cpu.shares = 9 }} }}\n",
    "noend.conf": "group {G}/s {{ cpu {{ cpu.shares = 9; }}\n",
    "nouser.conf": "group {G}/s {{ perm {{ task {{ uid = no-such; gid = daemon; }} }} cpu {{ }} }}\n",
    "number.conf": (
        "group {G}/s {{ perm {{ task {{ uid = 1; gid = 1; }} admin {{ uid = 1; gid = 1; }} }} cpu {{ }} }}\n"
    ),
    "emptyval.conf": 'group {G}/s {{ cpu {{ cpu.shares = ""; }} }}\n',
    "emptygroup.conf": "group {G}/s {{ }}\n",
    "wordval.conf": "group {G}/s {{ freezer {{ freezer.state = FROZEN; }} }}\n",
    "oneline.conf": "group {G}/s {{cpu{{cpu.shares=9;}}pids{{pids.max=max;}}}}\n",
    "devices.conf": 'group {G}/s {{ devices {{ devices.deny = a; devices.allow = "c 1:3 rwm"; }} }}\n',
    "cpuset.conf": "group {G}/s {{ cpuset {{ cpuset.cpus = 0; cpuset.mems = 0; }} }}\n",
    "permtwice.conf": (
        "group {G}/s {{ perm {{ task {{ uid = daemon; gid = daemon; "
        "}} }} perm {{ admin {{ uid = daemon; gid = daemon; }} }} cpu {{ }} }}\n"
    ),
    "defperm.conf": (
        "group {G}/s {{ perm {{ task {{ fperm = 660; }} admin {{ dperm = 700; fperm = 600; }} }} cpu {{ }} }}\n"
    ),
    "tuid.conf": (
        "group {G}/s {{ perm {{ task {{ tuid = daemon; tgid = daemon; }} admin {{ auid = daemon; "
        "agid = daemon; }} }} cpu {{ }} }}\n"
    ),
    "badperm.conf": "group {G}/s {{ perm {{ task {{ fperm = 9; }} }} cpu {{ }} }}\n",
    "mountonly.conf": "mount {{ cpu = /sys/fs/cgroup/cpu; }}\n",
    "crlf.conf": "group {G}/s {{\r\n cpu {{\r\n cpu.shares = 9;\r\n }}\r\n}}\r\n",
    "foreign.conf": "group {G}/s {{ cpu {{ pids.max = 9; }} }}\n",
    "ns-one.conf": "namespace {{ cpu = {G}/pre; }}\ngroup one {{ cpu {{ cpu.shares = 5; }} }}\n",
    "ns-late.conf": "group x {{ pids {{ }} cpu {{ }} }}\nnamespace {{ cpu = /{G}/; pids = {G}/p/q; }}\n",
    "ns-twice.conf": "namespace {{ cpu = {G}; cpu = {G}/a; }}\ngroup x {{ cpu {{ }} }}\n",
    "ns-nope.conf": "namespace {{ nope = {G}; }}\ngroup {G}/x {{ cpu {{ }} }}\n",
    "ns-mount.conf": "mount {{ cpu = /sys/fs/cgroup/cpu; }}\nnamespace {{ cpu = {G}; }}\n",
    "ns-empty.conf": "namespace {{ }}\n",
    "mountempty.conf": "mount {{ }}\n",
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
    return linked(tmp_path_factory.mktemp("links") / "bin", {line.split()[0] for line in LINES})


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


def _run(line: str, files: Path, directory: str, prefix: tuple[str, ...] = ()) -> Outcome:
    """Run one line from the beginning state; the tools are those of ``directory``, "" for libcgroup's.

    :param prefix: a program and its options to run it under.
    """
    _build()
    with _sleeper(line) as pid:
        words = shlex.split(line.format(G=GROUP, P=pid, T=files))
        if directory:
            words[0] = f"{directory}/{words[0]}"
        if directory == FORKED:
            done = _forked(words)
        else:
            done = subprocess.run([*prefix, *words], capture_output=True, text=True, timeout=60, check=False)
        state, memberships = _state(), _memberships(pid)
    _clear()
    out = done.stdout.replace(str(pid), "PID")
    # libcgroup's tools complain on standard output now and then.
    complaints = [line for line in out.splitlines(keepends=True) if line.startswith(_COMPLAINTS)]
    out = "".join(line for line in out.splitlines(keepends=True) if line not in complaints)
    if line.startswith("cgget"):
        out = (_ANY_NUMBER if " -v {G}" in line else _USAGE).sub(r"\1N", out)
    return Outcome(done.returncode, _own(out), bool(complaints or done.stderr.strip()), state, memberships)


def _forked(words: list[str]) -> subprocess.CompletedProcess[str]:
    """hezi under the name of a tool, without starting an interpreter for it."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if not child:
            code = 125
            try:
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115 - until the end
                code = main(words)
                sys.stdout.flush()
            finally:
                os._exit(code & 0xFF)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
    return subprocess.CompletedProcess(words, code, *texts)


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


@pytest.mark.parametrize("line", SHARE)
def test_the_same_line_with_something_odd_in_it_does_the_same(line: str, files: Path):
    tries = 5 if line.startswith("cgsnapshot") or " -a" in line else 1
    for attempt in range(tries):
        found = list(_differences(_run(line, files, FORKED), _run(line, files, "")))
        if not found:
            return
        assert attempt + 1 < tries, found


_ALL = 60
DRAWN = [
    line if number % _ALL == 0 else pytest.param(line, marks=pytest.mark.slow)
    for number, line in enumerate(lines_libcgroup.LINES)
    if line not in {*LINES, *MORE, *cases.KNOWN}
]


@pytest.mark.parametrize("line", DRAWN)
def test_the_same_line_of_a_draw_does_the_same(line: str, files: Path):
    tries = 5 if line.startswith("cgsnapshot") else 1
    for attempt in range(tries):
        ours, theirs = _run(line, files, FORKED), _run(line, files, "")
        if line.startswith("cgget") and ours.code in {82, 84} and not theirs.code:
            # A group or controller that is not there is no success; what is printed is the same.
            theirs = theirs._replace(code=ours.code, said=True)
        found = list(_differences(ours, theirs))
        if not found:
            return
        assert attempt + 1 < tries, found


@pytest.fixture(scope="module")
def etc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of /etc, to be mounted over it where nobody else sees it."""
    directory = tmp_path_factory.mktemp("rules") / "etc"
    subprocess.run(["cp", "-a", "/etc", str(directory)], check=True)
    return directory


def _by_rules(etc: Path, rules: str) -> tuple[str, ...]:
    (etc / "cgrules.conf").write_text(rules.format(G=GROUP).replace("|", "\n") + "\n")
    return ("unshare", "--mount", "--propagation", "private", "sh", "-c", f'mount --bind {etc} /etc; exec "$@"', "-")


@pytest.mark.parametrize(("rules", "line"), cases.RULES)
def test_what_the_rules_say_is_done_alike(rules: str, line: str, links: Path, files: Path, etc: Path):
    prefix = _by_rules(etc, rules)
    ours, theirs = _run(line, files, str(links), prefix), _run(line, files, "", prefix)
    assert not list(_differences(ours, theirs))


@pytest.mark.parametrize("rules", cases.RULES_KNOWN)
def test_rules_that_libcgroup_dies_of(rules: str, links: Path, files: Path, etc: Path):
    ours = _run("cgexec grep -oE 'cpu:/.*' /proc/self/cgroup", files, str(links), _by_rules(etc, rules))
    assert ours.code == 0
    assert ours.out.startswith("cpu:/hezi-test-lc-")
    assert ours.out.endswith(f"/{cases.RULES_KNOWN[rules]}\n")


def _options(text: str) -> set[str]:
    listed = [line for line in text.splitlines() if line.startswith("  -")]
    return {word for line in listed for word in re.findall(r"(?<![\w<-])--?[A-Za-z][\w-]*", line[:34])}


@pytest.mark.parametrize("tool", sorted({line.split()[0] for line in LINES}))
def test_the_help_has_every_option_and_is_no_error(tool: str):
    theirs, ours = subprocess.run([tool, "-h"], capture_output=True, text=True, check=False), _forked([tool, "-h"])
    assert (ours.returncode, ours.stderr) == (theirs.returncode, "") == (0, "")
    assert _options(ours.stdout) >= _options(theirs.stdout)
    assert [line for line in theirs.stdout.splitlines() if line.startswith(("Usage:", "   or:"))] == [
        line for line in ours.stdout.splitlines() if line.startswith(("Usage:", "   or:"))
    ]
    # Help comes at once, whatever follows.
    assert _forked([tool, "-h", "-?"]).stdout == ours.stdout


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
def test_where_hezi_means_to_differ(line: str, files: Path):
    code, reason = cases.KNOWN[line]
    ours = _run(line, files, FORKED)
    assert ours.code == code, reason
    assert ours.said == (code != 0), reason
