"""What may be loaded when: start-up is paid for by every command, and stage 1 must stay bare.

Measured in fresh interpreters without site (-I -S), so that an editable install's import hooks do not count.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.lint._tree import SOURCE, module_names

# Measured cost in milliseconds on an idle machine is in docs/adr/0003; none of them is needed to start a container.
BANNED_ON_THE_RUN_PATH = {
    "argparse", "asyncio", "dataclasses", "datetime", "email", "enum", "http", "inspect", "json", "logging", "pathlib",
    "re", "rich", "shutil", "signal", "socket", "sqlite3", "subprocess", "tempfile", "typing", "urllib", "urllib3",
}  # fmt: skip

# They compile a seccomp profile, once: what comes out is kept.
COMPILER = {f"hezi.linux.seccomp.{name}" for name in ("compiler", "profile", "tables")}

# The packages that `hezi run` of an image that is already here goes through.
RUN_PATH = [
    "hezi.front.cli.main",
    "hezi.front.cli.verbs.run",
    "hezi.engine.engine",
    "hezi.engine.launch",
    "hezi.engine.run",
    "hezi.store.images",
    "hezi.store.content",
    "hezi.store.snapshot.overlay",
    *module_names("hezi.linux"),
    *module_names("hezi.spec"),
    *module_names("hezi.runtime"),
    *module_names("hezi.db"),
]

# os and what it is made of: `-S` leaves even that out.
STAGE_1_ALLOWED = {
    "__future__", "_abc", "_collections_abc", "_ctypes", "_socket", "_stat", "_struct", "_types", "abc", "ctypes",
    "ctypes._endian", "errno", "fcntl", "gc", "genericpath", "hezi", "marshal", "os", "os.path", "posixpath", "stat",
    "struct", "termios", "types",
}  # fmt: skip


def _loaded(*names: str) -> set[str]:
    """Return the modules that importing ``names`` adds to a bare interpreter."""
    # The set is taken before json is imported for printing it.
    program = (
        "import sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "bare = set(sys.modules)\n"
        "for name in sys.argv[2:]: __import__(name)\n"
        "added = sorted(set(sys.modules) - bare)\n"
        "import json; print(json.dumps(added))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(SOURCE), *names], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def _existing(names):
    return [name for name in names if module_names(name)]


def test_import_hezi_imports_nothing_else():
    assert _loaded("hezi") - {"hezi", "__future__"} == set()


def test_importing_the_command_line_is_bare_of_the_engine():
    names = _existing(["hezi.front.cli.main"])
    if not names:
        pytest.fail("hezi.front.cli.main is gone")
    loaded = _loaded(*names)
    assert not loaded & BANNED_ON_THE_RUN_PATH
    assert not {name for name in loaded if name.startswith(("hezi.runtime", "hezi.registry", "hezi.store"))}


@pytest.mark.parametrize("name", sorted({*_existing(RUN_PATH)} - COMPILER))
def test_run_path_module_loads_nothing_heavy(name: str):
    loaded = {module.partition(".")[0] for module in _loaded(name)}
    assert not loaded & BANNED_ON_THE_RUN_PATH


def test_stage_1_imports_only_what_is_allowed():
    loaded = _loaded(*_existing(["hezi.runtime.stage1"]))
    foreign = {module for module in loaded if not module.startswith("hezi.")}
    assert foreign <= STAGE_1_ALLOWED, f"not allowed in stage 1: {sorted(foreign - STAGE_1_ALLOWED)}"
    rooms = {module for module in loaded if module.startswith("hezi.")}
    wrong = {
        module
        for module in rooms
        if module not in {"hezi.runtime", "hezi.linux"} and not module.startswith(("hezi.runtime.", "hezi.linux."))
    }
    assert not wrong, f"stage 1 knows only the kernel and its operations, not {sorted(wrong)}"
