#!/usr/bin/env python3
"""The control group tests on cgroup v2: Debian's kernel, booted in qemu under software emulation.

usage: tools/cgroup2_vm.py [--stage plain|systemd] [--fresh] [--no-page] [PYTEST ARGUMENT...]

Two boots of one image. ``plain``: the suite is what PID 1 runs, cgroup v2 is mounted with nsdelegate and nobody else is
at work. ``systemd``: systemd is PID 1 and owns the tree, hezi asks it for scopes. Each boot has four disks::

    vda  the root: Debian, made by mmdebstrap once and kept in build/cgroup2 (written to in memory only)
    vdb  this repository and the Python packages of the tests, made anew each time
    vdc  the way back: a tar archive with the results
    vdd  64 MiB for what is throttled
    vde  128 MiB of swap

What came out is written to docs/reference/cgroup2.md, unless only a part was run. As root, from ``make test-cgroup2``.
"""

from __future__ import annotations

import argparse
import datetime as dt
import io
import os
import shutil
import subprocess
import sys
import tarfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[1]
BUILD = REPOSITORY / "build" / "cgroup2"
PAGE = REPOSITORY / "docs" / "reference" / "cgroup2.md"
GUEST = REPOSITORY / "tools" / "cgroup2_guest"
PACKAGES = (
    "busybox-static", "ca-certificates", "cgroup-tools", "dbus", "docker-registry", "iproute2", "kmod",
    "linux-image-cloud-amd64", "nftables", "procps", "python3", "skopeo", "systemd", "util-linux",
)  # fmt: skip
# Of the tests and of hezi itself, as wheels for the Python of Debian 12.
WHEELS = ("urllib3>=2", "isal>=1.7", "backports.zstd>=1.0", "pytest>=9", "hypothesis>=6")
# To find the root by; the rest is in the root itself.
MODULES = ("virtio_pci", "virtio_blk", "ext4", "crc32c_generic")
COPIED = ("src", "tests", "tools", "docs", "bin", "pyproject.toml", "README.md")
TESTS = {
    "plain": (
        "tests/kernel/test_cgroup.py",
        "tests/kernel/test_cgroup_controllers.py",
        "tests/kernel/test_cgroup_rules.py",
        "tests/kernel/test_runtime_cgroup.py",
        "tests/kernel/test_cgroup2.py",
        "tests/e2e/test_limits.py",
        "tests/e2e/test_limits_v2.py",
        "tests/e2e/test_cgroup_tools.py",
    ),
    "systemd": ("tests/kernel/test_cgroup2.py", "tests/e2e/test_systemd.py"),
}
MEMORY, PROCESSORS, PATIENCE = "2G", 2, 2400
RESULT_BYTES, SCRATCH_BYTES, SWAP_BYTES = 32 << 20, 64 << 20, 128 << 20


class Outcome(NamedTuple):
    """What one boot left."""

    stage: str
    facts: dict[str, str]
    cases: list[tuple[str, str, str]]  # test, outcome, reason
    seconds: float


def main() -> int:
    parser = argparse.ArgumentParser(description="the control group tests on cgroup v2, in a virtual machine")
    parser.add_argument("--stage", choices=tuple(TESTS), action="append", help="only this boot")
    parser.add_argument("--fresh", action="store_true", help="make the image anew")
    parser.add_argument("--no-page", action="store_true", help=f"leave {PAGE.name} as it is")
    asked, more = parser.parse_known_args()
    if os.geteuid() != 0:
        print("hezi: making the image needs root: sudo make test-cgroup2", file=sys.stderr)
        return 1
    if asked.fresh:
        shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True, exist_ok=True)
    make_base()
    make_work()
    outcomes = [boot(stage, more) for stage in asked.stage or TESTS]
    whole = not more and not asked.stage and not asked.no_page
    if whole:
        PAGE.write_text(page(outcomes))
        print(f"hezi: wrote {PAGE.relative_to(REPOSITORY)}")
    bad = sum(case[1] == "failed" for one in outcomes for case in one.cases)
    return 1 if bad or not all(one.cases for one in outcomes) else 0


def say(text: str) -> None:
    print(f"hezi: {text}", file=sys.stderr, flush=True)


def run(*argv: str, input: bytes | None = None, cwd: Path | None = None) -> bytes:  # noqa: A002
    done = subprocess.run(argv, input=input, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        sys.exit(f"hezi: {argv[0]} failed ({done.returncode}):\n{done.stdout.decode(errors='replace')[-3000:]}")
    return done.stdout


# --- disks ----------------------------------------------------------------------------------------------------------


def make_base() -> None:
    """Debian with its kernel, and what starts it; kept until what is in it is to be something else."""
    wanted = "\n".join([*PACKAGES, *MODULES, *WHEELS, (GUEST / "initrd-init").read_text()])
    stamp = BUILD / "stamp"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    stamp.unlink(missing_ok=True)
    say("making the root of the virtual machine (once, some minutes)")
    tree = BUILD / "root"
    shutil.rmtree(tree, ignore_errors=True)
    run(*base_command(tree))
    (kernel,) = sorted(tree.glob("boot/vmlinuz-*"))[-1:]
    shutil.copy(kernel, BUILD / "vmlinuz")
    make_initrd(tree, kernel.name.removeprefix("vmlinuz-"))
    for name in ("initrd.img", "vmlinuz"):
        for one in tree.glob(f"boot/{name}*"):
            one.unlink()
    filesystem(BUILD / "base.ext4", tree, 1600)
    shutil.rmtree(tree)
    site = BUILD / "site"
    shutil.rmtree(site, ignore_errors=True)
    run(
        sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--root-user-action=ignore",
        "--target", str(site), "--python-version", "3.11", "--only-binary=:all:", *WHEELS,
    )  # fmt: skip
    stamp.write_text(wanted)


def base_command(tree: Path) -> list[str]:
    """The command that makes the root. initramfs-tools is not wanted: what starts the root is in make_initrd."""
    return [
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        '--aptopt=APT::Install-Recommends "false"',
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale", "info")),
        "bookworm",
        str(tree),
    ]


def filesystem(path: Path, tree: Path, megabytes: int) -> None:
    path.unlink(missing_ok=True)
    run("mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", str(tree), str(path), f"{megabytes}M")


def make_initrd(tree: Path, release: str) -> None:
    """A busybox that loads what the root is on, mounts it and goes on there."""
    room = BUILD / "initrd"
    shutil.rmtree(room, ignore_errors=True)
    for name in ("bin", "dev", "proc", "sys", "newroot", "modules"):
        (room / name).mkdir(parents=True)
    shutil.copy(tree / "bin/busybox", room / "bin/busybox")
    modules = load_order(tree / "lib/modules" / release, MODULES)
    for module in modules:
        shutil.copy(module, room / "modules" / module.name)
    (room / "modules/order").write_text("".join(f"{module.name}\n" for module in modules))
    shutil.copy(GUEST / "initrd-init", room / "init")
    (room / "init").chmod(0o755)
    names = "".join(f"{one.relative_to(room)}\n" for one in sorted(room.rglob("*")))
    (BUILD / "initrd.cpio").write_bytes(run("busybox", "cpio", "-o", "-H", "newc", input=names.encode(), cwd=room))
    shutil.rmtree(room)


def load_order(directory: Path, wanted: tuple[str, ...]) -> list[Path]:
    """The files of modules and of what they need, in an order in which insmod takes them (modules.dep)."""
    needs = {}
    for line in (directory / "modules.dep").read_text().splitlines():
        path, _, rest = line.partition(":")
        needs[Path(path).name.partition(".")[0].replace("-", "_")] = [path, *rest.split()]
    found: list[str] = []
    for name in wanted:
        # A name that is not there is built in.
        found += [path for path in reversed(needs.get(name, [])) if path not in found]
    return [directory / path for path in found]


def make_work() -> None:
    """What is tested, with the packages it needs."""
    room = BUILD / "work"
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir()
    skip = shutil.ignore_patterns("__pycache__", "*.egg-info", ".hypothesis")
    for name in COPIED:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, room / name, symlinks=True, ignore=skip)
        else:
            shutil.copy(source, room / name)
    shutil.copytree(BUILD / "site", room / "site", symlinks=True)
    filesystem(BUILD / "work.ext4", room, 300)
    shutil.rmtree(room)


# --- boots ----------------------------------------------------------------------------------------------------------


def qemu_command(stage: str, arguments: list[str]) -> list[str]:
    words = ["console=ttyS0", "quiet", "panic=-1", "psi=1", "swapaccount=1", "systemd.unified_cgroup_hierarchy=1"]
    # A word of the kernel's command line has no blanks; the guest's script takes them apart again.
    words += [f"hezi.stage={stage}", f"hezi.tests={'%20'.join([*TESTS[stage], *arguments])}"]
    disks = [("base.ext4", "on"), ("work.ext4", "on"), (f"{stage}.result", "off"), ("scratch", "on"), ("swap", "on")]
    command = [
        "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
        # The machine that has KVM and the one that has not are to give the same answer.
        "-machine", "pc", "-accel", "tcg,thread=multi", "-cpu", "max",
        "-m", MEMORY, "-smp", str(PROCESSORS), "-serial", f"file:{BUILD / stage}.console",
        "-kernel", str(BUILD / "vmlinuz"), "-initrd", str(BUILD / "initrd.cpio"), "-append", " ".join(words),
    ]  # fmt: skip
    for name, snapshot in disks:
        command += ["-drive", f"file={BUILD / name},format=raw,if=virtio,snapshot={snapshot}"]
    return command


def boot(stage: str, arguments: list[str]) -> Outcome:
    for name, size in ((f"{stage}.result", RESULT_BYTES), ("scratch", SCRATCH_BYTES), ("swap", SWAP_BYTES)):
        (BUILD / name).unlink(missing_ok=True)
        with open(BUILD / name, "wb") as file:
            file.truncate(size)
    console = BUILD / f"{stage}.console"
    console.unlink(missing_ok=True)
    say(f"booting ({stage}); its console is {console.relative_to(REPOSITORY)}")
    started = time.monotonic()
    try:
        subprocess.run(qemu_command(stage, arguments), timeout=PATIENCE, check=True)
    except subprocess.TimeoutExpired:
        say(f"{stage}: not done after {PATIENCE} seconds")
    seconds = time.monotonic() - started
    outcome = read_result(stage, seconds)
    counts = Counter(case[1] for case in outcome.cases)
    say(f"{stage}: {', '.join(f'{count} {name}' for name, count in counts.items()) or 'nothing'}, {seconds:.0f} s")
    for name, result, reason in outcome.cases:
        if result == "failed":
            say(f"  failed: {name}: {reason.splitlines()[0] if reason else ''}")
    return outcome


def read_result(stage: str, seconds: float) -> Outcome:
    data = (BUILD / f"{stage}.result").read_bytes()
    output = (BUILD / f"{stage}.console").read_text(errors="replace")
    if data[257:262] != b"ustar":
        say(f"{stage}: no result came back; the console's end:\n{output[-2000:]}")
        return Outcome(stage, {}, [], seconds)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        files = {one.name.removeprefix("./"): archive.extractfile(one) for one in archive.getmembers() if one.isfile()}
        texts = {name: file.read().decode(errors="replace") for name, file in files.items() if file is not None}
    (BUILD / f"{stage}.log").write_text(texts.get("log", ""))
    facts = dict(line.split("=", 1) for line in texts.get("facts", "").splitlines() if "=" in line)
    return Outcome(stage, facts, cases(texts.get("junit.xml", "")), seconds)


def cases(text: str) -> list[tuple[str, str, str]]:
    found = []
    for case in ET.fromstring(text).iter("testcase") if text else ():
        name = f"{case.get('classname', '')}::{case.get('name', '')}"
        result, reason = "passed", ""
        for child in case:
            if child.tag in {"failure", "error"}:
                result, reason = "failed", child.get("message") or ""
            elif child.tag == "skipped":
                result, reason = "skipped", child.get("message") or ""
        found.append((name, result, reason))
    return found


# --- the page -------------------------------------------------------------------------------------------------------


def page(outcomes: list[Outcome]) -> str:
    version = run("qemu-system-x86_64", "--version").decode().splitlines()[0]
    now = dt.datetime.now(dt.UTC).date().isoformat()
    how = f"({version}), with {PROCESSORS} processors and {MEMORY} of memory"
    lines = [
        "# cgroup v2: what was run, and what came out",
        "",
        "<!-- Written by `make test-cgroup2`; not to be edited. -->",
        "",
        f"On {now}, in a virtual machine under software emulation {how}. `make test-cgroup2` does it again.",
        "",
        "| boot | kernel | process 1 | controllers | passed | failed | skipped | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in outcomes:
        counts = Counter(case[1] for case in one.cases)
        numbers = " | ".join(str(counts[name]) for name in ("passed", "failed", "skipped"))
        facts = (one.facts.get(name, "") for name in ("kernel", "init", "controllers"))
        lines.append(f"| {one.stage} | {' | '.join(facts)} | {numbers} | {one.seconds:.0f} |")
    for one in outcomes:
        lines += ["", f"## {one.stage}", "", *_tested(one)]
    return "\n".join(lines) + "\n"


def _tested(one: Outcome) -> list[str]:
    lines = []
    for module in dict.fromkeys(name.partition("::")[0] for name, _, _ in one.cases):
        mine = [case for case in one.cases if case[0].startswith(f"{module}::")]
        lines += [f"### {module}", ""]
        lines += [f"- {result}: `{name.partition('::')[2]}`" for name, result, _ in mine if result != "skipped"]
        skipped = Counter(reason.removeprefix("Skipped: ") for _, result, reason in mine if result == "skipped")
        lines += [f"- skipped: {count}, {reason}" for reason, count in skipped.items()]
        lines.append("")
    return lines[:-1]


if __name__ == "__main__":
    sys.exit(main())
