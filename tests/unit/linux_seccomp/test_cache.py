"""Compiled filters on disk: found again, never believed when changed, never in the way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hezi.errors import Error
from hezi.linux.seccomp import cache, compiler

CAPS = ["CAP_CHOWN", "CAP_SYS_CHROOT"]
ALLOW_ALL = b'{"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_LOG"]}'

pytestmark = pytest.mark.skipif(os.uname().machine not in {"x86_64", "aarch64"}, reason="no profile for this machine")


def entry(directory: Path) -> Path:
    (found,) = directory.iterdir()
    return found


def test_second_time_it_is_not_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = cache.program(str(tmp_path / "a" / "cache"), CAPS)
    monkeypatch.setattr(compiler, "compile_profile", None)
    assert cache.program(str(tmp_path / "a" / "cache"), list(reversed(CAPS))) == first
    assert (tmp_path / "a" / "cache").stat().st_mode & 0o777 == 0o700
    assert entry(tmp_path / "a" / "cache").stat().st_mode & 0o777 == 0o600


def test_capabilities_and_profile_are_part_of_the_name(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    programs = {cache.program(str(tmp_path), caps) for caps in ([], CAPS, ["CAP_SYS_ADMIN"])}
    programs.add(cache.program(str(tmp_path), [], ALLOW_ALL))
    assert len(list(tmp_path.iterdir())) == 4
    assert cache.program(str(tmp_path), [], ALLOW_ALL).flags == 2


def test_a_damaged_entry_is_compiled_again(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    good = cache.program(str(tmp_path), CAPS)
    path = entry(tmp_path)
    data = path.read_bytes()
    other = cache.program(str(tmp_path), [])
    foreign = next(one for one in tmp_path.iterdir() if one != path).read_bytes()
    assert other != good
    flips = [data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in (0, 20, 50, len(data) // 2, len(data) - 1)]
    for damaged in [b"", data[:30], data[:-8], data[:-1], data + b"\0" * 8, foreign, b"x" * 100_000, *flips]:
        path.write_bytes(damaged)
        assert cache.program(str(tmp_path), CAPS) == good
        assert path.read_bytes() == data


def test_an_entry_that_is_a_link_or_fifo_is_not_followed(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    good = cache.program(str(tmp_path), CAPS)
    path = entry(tmp_path)
    path.unlink()
    path.symlink_to("/dev/zero")
    assert cache.program(str(tmp_path), CAPS) == good
    path.unlink()
    os.mkfifo(path)
    assert cache.program(str(tmp_path), CAPS) == good


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_directory_others_can_write_is_not_used(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    cache.program(str(tmp_path), CAPS)
    assert not list(tmp_path.iterdir())


def test_without_a_cache_it_still_compiles(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert cache.program(str(tmp_path / "file"), CAPS).program
    (tmp_path / "link").symlink_to(tmp_path)
    assert cache.program(str(tmp_path / "link"), CAPS).program


def test_the_cache_does_not_grow_for_ever(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    for number in range(cache._MAX_ENTRIES):
        (tmp_path / f"old{number}").write_text("")
    cache.program(str(tmp_path), CAPS)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_bad_profile_is_never_cached(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    for _ in range(2):
        with pytest.raises(Error):
            cache.program(str(tmp_path), CAPS, b'{"defaultAction": "SCMP_ACT_NOTHING"}')
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("release", "version"),
    [("6.18.44-fc", (6, 18)), ("5.10.0-28-amd64", (5, 10)), ("7.0-rc1", (7, 0)), ("6.1+", (6, 1))],
)
def test_kernel_releases(release: str, version: tuple[int, int]) -> None:
    assert cache._version(release) == version


def test_a_hit_imports_neither_compiler_nor_json(tmp_path: Path) -> None:
    code = (
        "import sys; from hezi.linux.seccomp import cache; "
        f"cache.program({str(tmp_path / 'cache')!r}, ['CAP_KILL']); print(*sys.modules)"
    )
    source = Path(cache.__file__).parents[3]
    for run in range(2):
        out = subprocess.run(
            [sys.executable, "-S", "-c", code],
            env={"PYTHONPATH": str(source)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        assert ("hezi.linux.seccomp.compiler" in out) is (run == 0)
    assert not {"json", "hashlib", "ctypes", "dataclasses", "inspect", "hezi.linux.seccomp.tables"} & set(out)
