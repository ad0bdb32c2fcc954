"""hezi ns and hezi mount for an ordinary user: each verb works, or says what forbids it; no store is needed or made."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance import util_linux

NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
_ANOTHERS = "may not be looked at\n  hint: it is another user's, or has rights that this process lacks"
_MOUNTS = "Permission denied\n  hint: the process is another user's, or has rights that this one lacks"
_ADMIN = "needs CAP_SYS_ADMIN over the mount namespace: `hezi ns run -Urm` makes one"
# Command line -> exit code and what it says; "{pid}" is a process of root, "{store}" the directory of containers.
WORKS = (
    "ns ls",
    "ns ls --tree=owner --output-all",
    "ns ls -P",
    "ns ls -p 1",
    "ns tree",
    "ns enter true",
    "ns run true",
    "ns run -Urmpfn --mount-proc true",
    "ns run -Urm hezi mount make --make-rprivate /",
    "ns run -Urm hezi mount make --bind /etc /mnt",
    "ns run -Urm hezi mount explain /",
    "ns run -Uru hezi ns enter -u/proc/self/ns/uts true",
    "mount ls",
    "mount ls -D",
    "mount explain /",
    "mount explain --in {own} /",
    "mount graph",
    "mount graph --svg -",
    "mount graph {own}",
    "ns show {own}",
    "ns diff {own} {own}",
)
REFUSED = {
    "ns show {pid}": (1, f"the namespaces of process {{pid}} {_ANOTHERS}"),
    "ns diff {pid} {pid}": (1, f"the namespaces of process {{pid}} {_ANOTHERS}"),
    "ns keep {pid} net=/tmp/nothing": (1, "cannot keep a namespace of process {pid}: Permission denied"),
    "ns keep {own} net={dir}/own/net": (1, "keeping a namespace needs CAP_SYS_ADMIN"),
    "ns release /etc/passwd": (1, "no namespace is kept at /etc/passwd"),
    "ns enter -t {pid} -n true": (1, "cannot open /proc/{pid}/ns/net: Permission denied"),
    "ns run -n true": (1, "a new net namespace needs CAP_SYS_ADMIN; an ordinary user makes a user namespace with it"),
    "ns run -R / true": (1, "it needs CAP_SYS_CHROOT, which --map-root-user gives"),
    "mount explain --in {pid} /": (1, f"cannot read the mounts of process {{pid}}: {_MOUNTS}"),
    "mount graph {pid}": (1, f"cannot read the mounts of {{pid}}: {_MOUNTS}"),
    "mount make --make-private /": (32, _ADMIN),
    "mount make --bind /etc /mnt": (32, _ADMIN),
    "mount make --move /proc /mnt": (32, _ADMIN),
    "mount make --bind --map b:0:1000:1 /etc /mnt": (32, "cannot map owners for /mnt: Operation not permitted"),
}
# Of containers, which nobody has here.
NAMES = ("ns show web", "ns diff web 1", "ns keep web net=/tmp/nothing", "ns enter -t web -n true", "ns ls -p web")
NAMES += ("mount ls -N web", "mount tree web", "mount explain --in web /", "mount graph web")

_PROGRAM = """#!INTERPRETER -IS
import sys
sys.path.insert(0, SOURCE)
from hezi.front.cli.main import main
sys.argv[0] = "hezi"
main()
"""


class Nobody:
    """hezi as user 65534."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.store = directory / "store"
        self.root_process = subprocess.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL)
        self.own_process = subprocess.Popen([*NOBODY, "sleep", "1000"], stdin=subprocess.DEVNULL)

    def fill(self, text: str) -> str:
        words = {"pid": self.root_process.pid, "own": self.own_process.pid, "store": self.store, "dir": self.directory}
        for name, value in words.items():
            text = text.replace(f"{{{name}}}", str(value))
        return text

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": f"{self.directory}:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/"}
        env |= {"HEZI_ROOT": str(self.store), "HEZI_RUNROOT": f"{self.store}/run"}
        argv = [*NOBODY, "sh", "-c", f"hezi {self.fill(line)}"]
        return subprocess.run(argv, env=env, cwd="/", capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def nobody() -> Iterator[Nobody]:
    interpreter = util_linux.interpreter_of_others()
    if interpreter is None:
        pytest.skip("the interpreter is out of reach of other users")
    with tempfile.TemporaryDirectory(prefix="ordinary-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        source = str(Path(__file__).resolve().parents[2] / "src")
        (directory / "own").mkdir()
        os.chown(directory / "own", 65534, 65534)
        program = directory / "hezi"
        program.write_text(_PROGRAM.replace("INTERPRETER", interpreter).replace("SOURCE", repr(source)))
        program.chmod(0o755)
        user = Nobody(directory)
        try:
            yield user
        finally:
            for process in (user.root_process, user.own_process):
                process.kill()
                process.wait()


@pytest.mark.needs("root", "setpriv", "userns")
@pytest.mark.parametrize("line", [*WORKS[:13], *(pytest.param(line, marks=pytest.mark.slow) for line in WORKS[13:])])
def test_what_needs_no_rights_works(nobody: Nobody, line: str):
    done = nobody.run(line)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert not nobody.store.exists()


@pytest.mark.needs("root", "setpriv")
@pytest.mark.parametrize("line", REFUSED)
def test_what_needs_rights_is_refused_with_the_reason(nobody: Nobody, line: str):
    code, words = REFUSED[line]
    done = nobody.run(line)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert nobody.fill(words) in done.stderr
    assert not nobody.store.exists()


@pytest.mark.needs("root", "setpriv")
@pytest.mark.parametrize("line", [*NAMES[:3], *(pytest.param(line, marks=pytest.mark.slow) for line in NAMES[3:])])
def test_a_container_that_is_nobodys_and_one_of_another_user(nobody: Nobody, line: str):
    done = nobody.run(line)
    assert (done.returncode, done.stderr) == (
        1,
        "hezi: No such container: web\n  hint: a process is given by its number\n",
    )
    assert not nobody.store.exists()
    os.mkdir(nobody.store, 0o700)
    try:
        done = nobody.run(line)
        assert done.returncode == 1
        assert done.stderr.startswith("hezi: cannot look at the containers: Permission denied: ")
        assert os.listdir(nobody.store) == []
    finally:
        nobody.store.rmdir()
