"""What ``make test-cgroup2`` would do, without doing it: its lists, its command, and what it makes of results."""

from __future__ import annotations

import importlib.util
import io
import subprocess
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

TOP = Path(__file__).parents[2]
JUNIT = """<testsuites><testsuite><testcase classname="tests.kernel.test_a" name="test_one[x]"/>
<testcase classname="tests.kernel.test_a" name="test_two"><failure message="assert 1 == 2">...</failure></testcase>
<testcase classname="tests.e2e.test_b" name="test_three"><skipped message="Skipped: needs: more"/></testcase>
</testsuite></testsuites>"""


@pytest.fixture
def vm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("cgroup2_vm", TOP / "tools/cgroup2_vm.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "BUILD", tmp_path)
    return module


def test_all_that_is_to_be_run_and_copied_is_there(vm: ModuleType):
    assert not [name for names in vm.TESTS.values() for name in names if not (TOP / name).is_file()]
    assert not [name for name in vm.COPIED if not (TOP / name).exists()]


@pytest.mark.parametrize("name", ["suite", "initrd-init"])
def test_the_scripts_of_the_machine_are_shell(name: str):
    assert subprocess.run(["sh", "-n", TOP / "tools/cgroup2_guest" / name], check=False).returncode == 0


def test_the_machine_is_emulated_and_writes_only_its_result(vm: ModuleType):
    command = vm.qemu_command("plain", ["-k", "one"])
    assert "tcg,thread=multi" in command
    assert not [word for word in command if "kvm" in word]
    drives = [command[index + 1] for index, word in enumerate(command) if word == "-drive"]
    assert [drive for drive in drives if "snapshot=off" in drive] == [drives[2]]
    (words,) = [word for word in command if "hezi.tests=" in word]
    assert "hezi.stage=plain" in words
    assert "%20-k%20one" in words


def test_modules_come_after_what_they_need(vm: ModuleType, tmp_path: Path):
    lines = (
        "kernel/a/one-x.ko: kernel/b/two.ko kernel/c/three.ko\nkernel/b/two.ko: kernel/c/three.ko\nkernel/c/three.ko:\n"
    )
    (tmp_path / "modules.dep").write_text(lines)
    found = vm.load_order(tmp_path, ("one_x", "two", "built_in"))
    assert [path.name for path in found] == ["three.ko", "two.ko", "one-x.ko"]


def test_results_become_a_page(vm: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(vm, "run", lambda *_: b"QEMU emulator version 7.2\n")
    (tmp_path / "plain.console").write_text("booted")
    with tarfile.open(tmp_path / "plain.result", "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, text in (("./junit.xml", JUNIT), ("./facts", "kernel=6.1\ninit=the suite\n"), ("./log", "all")):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    outcome = vm.read_result("plain", 60.0)
    text = vm.page([outcome])
    assert "| plain | 6.1 | the suite |  | 1 | 1 | 1 | 60 |" in text
    assert "- failed: `test_two`" in text
    assert "- skipped: 1, needs: more" in text


def test_a_machine_that_says_nothing_has_no_results(vm: ModuleType, tmp_path: Path):
    (tmp_path / "plain.console").write_text("panic")
    (tmp_path / "plain.result").write_bytes(bytes(4096))
    assert vm.read_result("plain", 1.0).cases == []
