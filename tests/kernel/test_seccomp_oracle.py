"""Every system call, 64 and 32 bits, really made: under our filter, and under runc's from the same profile."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hezi.engine import defaults
from hezi.linux.seccomp import cache, compiler, profile, tables

pytestmark = pytest.mark.needs("root", "runc", "seccomp", "machine:x86_64")

NUMBERS = tables.load()
# They end the caller, share its stack, or resume it somewhere else: there is no answer to compare.
WITHOUT_ANSWER = {"exit", "exit_group", "vfork", "rt_sigreturn", "sigreturn", "restart_syscall", "clone", "clone3"}


def known_to_runc() -> dict[str, dict[str, int]]:
    """The calls that runc's libseccomp knows; newer ones it leaves to the default."""
    library = ctypes.CDLL("libseccomp.so.2")

    def known(arch: str, name: str) -> bool:
        token = ctypes.c_uint32(library.seccomp_arch_resolve_name(arch.encode()) & 0xFFFFFFFF)
        return int(library.seccomp_syscall_resolve_name_arch(token, name.encode())) >= 0

    return {
        bits: {
            name: number for name, number in NUMBERS[arch].items() if known(arch, name) and name not in WITHOUT_ANSWER
        }
        for bits, arch in (("64", "x86_64"), ("32", "x86"))
    }


def bundle(directory: Path, args: list[str], seccomp: dict[str, Any] | None) -> Path:
    """A container of this machine's own files, read-only, with Docker's capabilities."""
    root = directory / "rootfs"
    for name in ("proc", "dev", "job"):
        (root / name).mkdir(parents=True)
    mounts: list[dict[str, Any]] = [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
        {"destination": "/job", "type": "bind", "source": str(directory.parent), "options": ["rbind", "ro"]},
    ]
    for place in sorted({"/usr", "/lib", "/lib64", "/bin", sys.base_prefix}):
        if os.path.islink(place):
            os.symlink(os.readlink(place), root / place.lstrip("/"))
        elif os.path.isdir(place) and not place.startswith("/usr/"):
            mounts.append({"destination": place, "type": "bind", "source": place, "options": ["rbind", "ro"]})
    caps = list(defaults.CAPABILITIES)
    linux: dict[str, Any] = {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "network")]}
    if seccomp is not None:
        linux["seccomp"] = seccomp
    config = {
        "ociVersion": "1.0.2",
        "root": {"path": str(root), "readonly": False},
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": args,
            "cwd": "/",
            "env": [f"PATH={defaults.PATH}"],
            "noNewPrivileges": True,
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), caps),
        },
        "mounts": mounts,
        "linux": linux,
    }
    (directory / "config.json").write_text(json.dumps(config))
    return directory


def answers(work: Path, name: str, more: list[str], seccomp: dict[str, Any] | None) -> dict[str, dict[str, str]]:
    interpreter = os.path.realpath(sys.executable)
    args = [interpreter, "-I", "-S", "/job/probe.py", "/job/numbers.json", *more]
    (work / name).mkdir()
    place = bundle(work / name, args, seccomp)
    runc = [shutil.which("runc") or "runc", f"--root={work}/state"]
    container = f"hezi-probe-{os.getpid()}-{name}"
    done = subprocess.run(
        [*runc, "run", f"--bundle={place}", container], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, str]] = json.loads(done.stdout)
    return found


def test_every_call_gets_the_answer_that_runc_gives_it(tmp_path: Path) -> None:
    resolved = profile.resolve(
        cache.default_profile(), capabilities=defaults.CAPABILITIES, machine="x86_64", kernel=(6, 1)
    )
    tmp_path.chmod(0o755)
    shutil.copy(Path(__file__).parent / "seccomp_probe.py", tmp_path / "probe.py")
    (tmp_path / "numbers.json").write_text(json.dumps(known_to_runc()))
    (tmp_path / "filter").write_bytes(compiler.compile_profile(resolved))
    theirs = answers(tmp_path, "theirs", [], profile.to_oci(resolved))
    ours = answers(tmp_path, "ours", ["/job/filter"], None)
    assert len(ours["64"]) > 340
    assert len(ours["32"]) > 400
    different = {
        f"{name} ({bits})": (answer, theirs[bits][name])
        for bits in ours
        for name, answer in ours[bits].items()
        if answer != theirs[bits][name]
    }
    assert different == {}
    counted = Counter(answer for table in ours.values() for answer in table.values())
    assert counted["EPERM"] > 60
