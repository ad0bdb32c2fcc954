"""lssubsys and lscgroup where libcgroup's work, with every controller mounted as v1, and where they do not: hybrid."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hezi.linux.cgroup import survey
from tests.support.harness import REPOSITORY, wait_until

pytestmark = pytest.mark.needs("root", "cgroup-v1")
LINES = (
    "lssubsys",
    "lssubsys -a",
    "lssubsys -i",
    "lssubsys -m",
    "lssubsys -M",
    "lssubsys -im",
    "lssubsys -iM",
    "lssubsys -ai",
    "lssubsys -aim",
    "lssubsys -aM",
    "lssubsys --all --hierarchies",
    "lssubsys --mount-points",
    "lssubsys --all-mount-points",
    "lssubsys cpu",
    "lssubsys net_prio",
    "lssubsys -m net_prio net_cls",
    "lssubsys -i memory cpu",
    "lssubsys -M net_cls",
    "lssubsys -m cpu -i",
    "lssubsys nope",
    "lssubsys cpu nope",
    "lssubsys -a cpu",
    "lscgroup net_prio:/",
    "lscgroup perf_event:x",
    "lscgroup net_prio:/x/y",
    "lscgroup net_cls,net_prio:/",
    "lscgroup -g perf_event,net_prio:x",
    "lscgroup net_cls:/",
)
SETUP = """
set -e
at=$1; shift
mkdir -p $at/net_cls $at/net_cls2 $at/both
mount -t cgroup -o net_cls none $at/net_cls
mount -t cgroup -o net_cls none $at/net_cls2
mount -t cgroup -o perf_event,net_prio none $at/both
if grep -q '^hugetlb[[:space:]]0[[:space:]]' /proc/cgroups; then
    mkdir $at/huge
    # A group of v2 that went a moment ago keeps the controller for another one.
    for try in $(seq 200); do
        mount -t cgroup -o hugetlb none $at/huge 2>/dev/null && break
        sleep 0.05
    done
fi
mkdir -p $at/both/x/y
set +e
"$@"
rmdir $at/both/x/y $at/both/x
# A hierarchy whose groups went a moment ago may outlive its unmount.
gone() {
    umount $2
    for try in 1 2 3 4 5 6 7 8; do
        for wait in $(seq 25); do
            grep -q "^[^:]*:$1:" /proc/self/cgroup || return 0
            sleep 0.02
        done
        mount -t cgroup -o $1 none $2 && umount $2
    done
}
umount $at/net_cls2
gone net_cls $at/net_cls
gone perf_event,net_prio $at/both
test ! -d $at/huge || gone hugetlb $at/huge
"""
RUN = 'at=$1; shift; while read -r line; do echo "== $line"; PATH=$at:$PATH $line; echo "rc=$?"; done'


@pytest.fixture
def links(tmp_path: Path) -> Path:
    directory = tmp_path / "links"
    directory.mkdir()
    program = directory / "hezi"
    program.write_text(
        f"#!{sys.executable} -ISB\nimport sys\nsys.path.insert(0, {str(REPOSITORY / 'src')!r})\n"
        "from hezi.front.cli.main import main\nsys.exit(main())\n"
    )
    program.chmod(0o755)
    for name in ("lssubsys", "lscgroup"):
        (directory / name).symlink_to(program)
    return directory


@pytest.mark.needs("cgget", "free-v1-controllers")
def test_with_every_controller_mounted_both_say_the_same(tmp_path: Path, links: Path):
    both = (
        f"sh -c {RUN!r} - /nowhere < {tmp_path}/lines > {tmp_path}/theirs 2>&1; "
        f"sh -c {RUN!r} - {links} < {tmp_path}/lines > {tmp_path}/ours 2>&1"
    )
    before = survey.take()
    (tmp_path / "lines").write_text("\n".join(LINES) + "\n")
    (tmp_path / "script").write_text(both.replace("\\n", "\n"))
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "bash", "-c", SETUP, "-", str(tmp_path), "bash", "script"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    wait_until(lambda: survey.take() == before)
    theirs, ours = (tmp_path / "theirs").read_text(), (tmp_path / "ours").read_text()
    assert theirs.count("rc=0") == len(LINES)
    assert _blocks(ours) == _blocks(theirs)


def _blocks(text: str) -> dict[str, str]:
    return {part.partition("\n")[0]: part.partition("\n")[2] for part in text.split("== ")[1:]}


def run(links: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([f"{links}/{words[0]}", *words[1:]], capture_output=True, text=True, check=False)


def test_right_on_any_host_is_one_line_for_each_hierarchy_with_controllers(links: Path):
    """Where a controller is on no v1 hierarchy, libcgroup's lssubsys stops at once with exit code 82."""
    found = survey.take()
    done = run(links, "lssubsys", "-m")
    assert (done.returncode, done.stderr) == (0, "")
    wanted = {(",".join(found.ordered(one)), one.mount_points[0]) for one in found.hierarchies if found.ordered(one)}
    assert {tuple(line.rsplit(" ", 1)) for line in done.stdout.splitlines()} == wanted


def test_unmounted_controllers_come_first_and_by_name_alone(links: Path):
    found = survey.take()
    lines = run(links, "lssubsys", "-ai").stdout.splitlines()
    count = len(found.unmounted)
    assert tuple(lines[:count]) == found.unmounted
    assert all(" " in line for line in lines[count:])


@pytest.mark.needs("cgroup2-controller")
def test_the_controllers_of_v2_are_a_line_of_their_own_with_number_0(links: Path):
    found = survey.take().v2
    assert found is not None
    names = ",".join(survey.take().ordered(found))
    assert f"{names} 0" in run(links, "lssubsys", "-i").stdout.splitlines()
    assert f"{names} {found.mount_points[0]}" in run(links, "lssubsys", "-m").stdout.splitlines()


def test_the_command_of_hezi_is_the_same_program(links: Path):
    done = run(links, "hezi", "lssubsys", "-i")
    assert done.stdout == run(links, "lssubsys", "-i").stdout
    assert run(links, "hezi", "lscgroup", "cpu:/nope").returncode == 0
    assert "Usage:  hezi lssubsys" in run(links, "hezi", "lssubsys", "--help").stdout
    assert run(links, "lssubsys", "--help").stdout.startswith("Usage: lssubsys [-i]")
