"""The same command line given to a tool of util-linux and to hezi linked under the tool's name.

A case is a shell line in which ``@lsns`` stands for either program.
"""

from __future__ import annotations

import contextlib
import functools
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.support.harness import REPOSITORY, wait_until

_PROGRAM = f"""#!INTERPRETER -IS
import sys
sys.path.insert(0, {str(REPOSITORY / "src")!r})
from hezi.front.cli.main import main
sys.argv[:1] = WORDS or sys.argv[:1]
main()
"""
# Tools that hezi has a command for, but does not stand in for under their names.
_COMMANDS = {"findmnt": ["hezi", "mount", "ls"], "mount": ["hezi", "mount", "make"]}
_ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "SHELL": "/bin/sh", "HOME": "/"}


class Outcome(NamedTuple):
    """What one of the two did.

    :ivar words: of standard error, without what only one of the two adds: our hints, and mount's pointer to dmesg(1).
    """

    code: int
    stdout: str
    words: str


@contextlib.contextmanager
def linked(*names: str) -> Iterator[Path]:
    """Make programs of these names that are hezi, where every user finds them; give the directory."""
    with tempfile.TemporaryDirectory(prefix="linked-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        for each in names:
            program = directory / each
            text = _PROGRAM.replace("INTERPRETER", interpreter_of_others() or sys.executable)
            program.write_text(text.replace("WORDS", repr(_COMMANDS.get(each, []))))
            program.chmod(0o755)
        yield directory


@functools.cache
def interpreter_of_others() -> str | None:
    """Return an interpreter that a user who is not root can run hezi with; None when all are out of reach."""
    program = f"import sys; sys.path.insert(0, {str(REPOSITORY / 'src')!r}); import hezi.front.cli.main"
    for path in (sys.executable, "/usr/bin/python3"):
        # Through a shell: what setpriv executes itself is looked up with rights that it is about to lose.
        argv = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        argv += ["/bin/bash", "-c", 'exec "$0" "$@"', path, "-IS", "-c", program]
        if subprocess.run(argv, capture_output=True, cwd="/", check=False).returncode == 0:
            return path
    return None


def _run(line: str, directory: str, prefix: tuple[str, ...], env: dict[str, str]) -> Outcome:
    done = subprocess.run(
        [*prefix, "/bin/bash", "-c", re.sub(r"@(?=[a-z])", f"{directory}/", line)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        env={**_ENV, **env},
        cwd="/usr",
        check=False,
    )
    # Programs have another path, and hezi's processes are python's.
    text = done.stdout.decode(errors="backslashreplace").replace(f"{directory}/", "")
    text = re.sub(r'/[^\s"\\]*python[0-9.]*( |\\x20)-IS( |\\x20)', "", text)
    return Outcome(done.returncode, text, _words(done.stderr.decode(errors="backslashreplace"), directory))


def _words(text: str, directory: str) -> str:
    text = text.replace(f"{directory}/", "")
    for name, command in _COMMANDS.items():
        text = text.replace(" ".join(command), name)
    kept = [
        re.sub(r"/proc/[0-9]+/", "/proc/N/", re.sub("^(hezi|findmnt|mount): ", "TOOL: ", line))
        for line in text.splitlines()
        if not line.lstrip().startswith("hint: ") and "dmesg(1)" not in line
    ]
    return "\n".join(kept)


def differences(
    line: str,
    directory: Path,
    *,
    prefix: tuple[str, ...] = (),
    env: dict[str, str] | None = None,
    normal: Callable[[str], str] = str,
    around: tuple[str, str] = ("", ""),
) -> str:
    """Run a case with both, and say what differs; "" when nothing does.

    :param line: with ``~`` in front they complain in words of their own, and it is compared only whether they do.
    :param around: what the shell runs before and after it.
    """
    words = not line.startswith("~")
    line = "\n".join(part for part in (around[0], line.removeprefix("~"), around[1]) if part)
    theirs = _run(line, "/usr/bin", prefix, env or {})
    ours = _run(line, str(directory), prefix, env or {})
    theirs, ours = (one._replace(stdout=normal(one.stdout)) for one in (theirs, ours))
    # A failure without a word is nothing to imitate.
    silent = theirs.code and not theirs.words
    same = silent or (theirs.words == ours.words if words else bool(theirs.words) == bool(ours.words))
    if same and theirs[:2] == ours[:2]:
        return ""
    return (
        f"{line}\n-- util-linux: {theirs.code}\n{theirs.stdout}\n-- hezi: {ours.code}\n{ours.stdout}\n{theirs}\n{ours}"
    )


# --- a small world whose processes are known -------------------------------------------------------------------------

_SLEEPERS = {
    "86401": "unshare -Ur sleep 86401",
    "86402": "unshare -Urpf sleep 86402",
    "86403": "unshare -un sleep 86403",
    "86404": "setpriv --reuid 65534 --clear-groups unshare -Ur unshare -Urpf sleep 86404",
}
# The numbers of processes that come later have five digits, whoever they are.
_WORLD = f"""
mount -t tmpfs t /mnt && touch /mnt/a /mnt/b "/mnt/c d" && unshare --uts=/mnt/a true
mount --bind /mnt/a /mnt/b; mount --bind /mnt/a "/mnt/c d"
{" ".join(f"{command} &" for command in _SLEEPERS.values())}
exec sleep 86400
"""


@contextlib.contextmanager
def world() -> Iterator[int]:
    """Run a PID namespace with processes in namespaces of all kinds; give the number of its first process."""
    argv = ["unshare", "-f", "--kill-child", "--mount-proc", "-p", "sh", "-c", _WORLD]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, env=_ENV, cwd="/") as process:
        try:
            assert wait_until(lambda: len(_sleepers(process.pid)) == len(_SLEEPERS) + 1, timeout=30)
            first = _sleepers(process.pid)["86400"]
            command = ["nsenter", "-t", str(first), "-p", "-m", "sh", "-c", "echo 20000 > /proc/sys/kernel/ns_last_pid"]
            subprocess.run(command, check=True)
            yield first
        finally:
            process.send_signal(signal.SIGKILL)


def _sleepers(ancestor: int) -> dict[str, int]:
    """Return duration -> number of the sleeping descendants of a process."""
    parents: dict[int, int] = {}
    found: dict[str, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if words[0] == b"sleep":
            found[words[1].decode()] = int(entry.name)

    def below(pid: int) -> bool:
        while pid in parents and pid != ancestor:
            pid = parents[pid]
        return pid == ancestor

    return {duration: pid for duration, pid in found.items() if below(pid)}


# --- mounts ----------------------------------------------------------------------------------------------------------

# What others mount for their tests goes away in the midst of a comparison.
_ALL_STATES = """
findmnt -rno TARGET | grep -E '^/(tmp|run|var)/' | tac | xargs -rd '\\n' umount -l
mount -t tmpfs t /mnt
mkdir /mnt/a /mnt/b /mnt/c /mnt/d /mnt/e /mnt/f "/mnt/x y"
mount --make-shared /mnt
for each in a b c d "x y"; do mount -t tmpfs "s$each" "/mnt/$each"; done
mount -t tmpfs -o ro,nosuid over /mnt/b
mount --make-private /mnt/a
mount --make-unbindable /mnt/c
mkdir /mnt/d/sub
mount --bind /mnt/d/sub /mnt/e
mount --bind /mnt/d /mnt/f
mount --make-slave /mnt/e
mount --make-slave /mnt/f
mount --make-shared /mnt/f
echo ready
exec cat
"""
# Run before a case, in a mount namespace for it alone.
SOME_MOUNTS = """
exec unshare -m --propagation private bash -s <<'END'
mount -t tmpfs t /mnt; mkdir /mnt/a /mnt/b /mnt/c /mnt/d /mnt/copy
mount -t tmpfs a /mnt/a; mkdir /mnt/a/inner; mount -t tmpfs inner /mnt/a/inner; mount -t tmpfs b /mnt/b
mount --make-shared /mnt/b; mount --bind /mnt/b /mnt/copy"""
# Sorted: findmnt goes by mount ids, which are used again as soon as anybody else's mount is gone.
TELL = """
code=$?; findmnt -rno TARGET,PROPAGATION -R /mnt | sort; findmnt -no PROPAGATION /; exit $code
END
"""


@contextlib.contextmanager
def mounts() -> Iterator[int]:
    """Make a mount namespace with mounts in all states; give a process in it."""
    argv = ["unshare", "-m", "--propagation", "private", "bash", "-c", _ALL_STATES]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_ENV, cwd="/") as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield process.pid
        finally:
            process.kill()
