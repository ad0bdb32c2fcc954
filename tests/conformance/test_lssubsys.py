"""lssubsys and lscgroup where libcgroup's work, with every controller mounted as v1, and where they do not: hybrid."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hezi.linux.cgroup import survey
from tests.support.harness import linked, wait_until

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
    "lssubsys -iaMm",
    "lssubsys -mM",
    "lssubsys -Mm",
    "lssubsys -aa",
    "lssubsys -a -a -i -i",
    "lssubsys -i -M cpu",
    "lssubsys -i -m cpu",
    "lssubsys -m -i nope",
    "lssubsys -a nope",
    "lssubsys -a -M cpu memory",
    "lssubsys -- -a",
    "lssubsys --",
    "lssubsys cpu -- memory",
    "lssubsys cpu cpu",
    "lssubsys cpu,cpuacct",
    "lssubsys perf_event,net_prio",
    "lssubsys -i perf_event,net_prio",
    "lssubsys net_prio perf_event",
    "lssubsys CPU",
    "lssubsys ''",
    "lssubsys -M perf_event",
    "lssubsys -M net_cls net_prio",
    "lssubsys -m memory net_cls perf_event",
    "lssubsys name=hezi-test",
    "lssubsys hezi-test",
    "lssubsys -i name=systemd",
    "lssubsys systemd",
    "lssubsys --all-mount",
    "lssubsys --all-mount-points perf_event",
    "lssubsys --hierarchies cpu",
    "lssubsys --mount-points --hierarchies",
    "lssubsys --all --all-mount-points",
    "lssubsys --al",
    "lssubsys --all=",
    "lssubsys -z",
    "lssubsys -a -z",
    "lssubsys -ai cpu -m",
    "lssubsys hugetlb",
    "lssubsys -m hugetlb",
    "lssubsys cpuset memory devices freezer blkio pids",
)
# In this order: what one makes the next ones use, and the last ones take away.
SEQUENCE = (
    "lscgroup net_cls:/ net_prio:/",
    "lscgroup -g net_prio:x -g perf_event:x/y",
    "lscgroup net_cls,perf_event:/x",
    "lscgroup perf_event,net_cls:x",
    "lscgroup name=hezi-test:/",
    "lscgroup hezi-test:/",
    "lscgroup name=hezi-test:/named",
    "lscgroup hugetlb:/",
    "lscgroup -g name=hezi-test:named net_cls:/",
    "cgcreate -g net_cls:hz1",
    "cgcreate -g net_cls:hz1/sub -g perf_event:hz1",
    "cgcreate -g net_cls,net_prio,perf_event:hz2",
    "cgcreate -g net_cls,nope:hz3",
    "cgget -g net_cls hz1",
    "cgget -g net_cls:hz1",
    "cgget -g net_cls:hz1/sub -g net_cls:hz2",
    "cgget -g net_prio hz2",
    "cgget -g perf_event hz2",
    "cgget -g perf_event,net_prio:hz2",
    "cgget -r net_cls.classid hz1",
    "cgget -nv -r net_cls.classid hz1 hz2",
    "cgget -nv -r net_cls.classid /",
    "cgset -r net_cls.classid=0x100001 hz1",
    "cgget -nv -r net_cls.classid hz1",
    "cgset -r net_cls.classid=7 hz1 hz2 hz1/sub",
    "cgget -nv -r net_cls.classid hz1 hz2 hz1/sub",
    "cgset -r net_cls.classid=x hz1",
    "cgset -r net_cls.classid=-1 hz1",
    "cgset -r net_cls.classid=99999999999 hz1",
    "cgget -v -r net_cls.classid hz1",
    "cgset -r 'net_prio.ifpriomap=lo 5' hz2",
    "cgget -r net_prio.ifpriomap hz2",
    "cgset -r 'net_prio.ifpriomap=nope 5' hz2",
    "cgset -r net_prio.prioidx=1 hz2",
    "cgset -r perf_event.x=1 hz2",
    "cgset --copy-from hz1 hz2",
    "cgget -nv -r net_cls.classid hz2",
    "cgget -a -n hz1/sub",
    "cgget -v hz1/sub",
    "cgexec -g net_cls:hz1 grep -c net_cls:/hz1 /proc/self/cgroup",
    "cgexec -g net_cls,perf_event:hz2 grep -oE '(net_cls|perf_event.*):/.*' /proc/self/cgroup",
    "cgexec -g net_cls:hz1 -g net_prio:hz2 grep -oE '(net_cls|perf_event.*):/.*' /proc/self/cgroup",
    "cgexec -g perf_event:hz1 -g net_prio:hz2 grep -oE '(net_cls|perf_event.*):/.*' /proc/self/cgroup",
    "cgexec -g perf_event,net_prio:hz2 grep -oE '(net_cls|perf_event.*):/.*' /proc/self/cgroup",
    "cgexec -g net_prio:hz3 true",
    "cgexec -g name=hezi-test:named grep -o name=hezi-test.* /proc/self/cgroup",
    "cgexec -g hezi-test:named true",
    "cgcreate -g name=hezi-test:fresh",
    "cgget -g name=hezi-test:named",
    "cgsnapshot -s -b /dev/null net_cls",
    "cgsnapshot -s -b /dev/null perf_event",
    "cgsnapshot -s -b /dev/null perf_event net_cls",
    "cgsnapshot -s -b /dev/null hugetlb",
    "cgdelete net_cls:hz1",
    "cgdelete -r net_cls:hz1",
    "cgdelete -r net_cls:hz1",
    "cgdelete net_prio:hz2",
    "cgdelete perf_event:hz2",
    "cgdelete perf_event:hz1 net_cls:hz2",
    "cgdelete net_cls:hz3",
    "cgdelete name=hezi-test:fresh",
    "lscgroup net_cls:/ perf_event:/",
)
SETUP = """
set -e
at=$1; shift
mkdir -p $at/net_cls $at/net_cls2 $at/both $at/named
# Seen from here there is v1 alone.
umount --all --types cgroup2
mount -t cgroup -o net_cls none $at/net_cls
mount -t cgroup -o net_cls none $at/net_cls2
mount -t cgroup -o perf_event,net_prio none $at/both
mount -t cgroup -o none,name=hezi-test none $at/named
if grep -q '^hugetlb[[:space:]]0[[:space:]]' /proc/cgroups; then
    mkdir $at/huge
    # A group of v2 that went a moment ago keeps the controller for another one.
    for try in $(seq 200); do
        mount -t cgroup -o hugetlb none $at/huge 2>/dev/null && break
        sleep 0.05
    done
fi
mkdir -p $at/both/x/y $at/named/named
set +e
"$@"
find $at/net_cls $at/both $at/named -mindepth 1 -depth -type d -exec rmdir {} +
# A hierarchy whose groups went a moment ago may outlive its unmount.
gone() {
    umount $2
    for try in 1 2 3 4 5 6 7 8; do
        for wait in $(seq 25); do
            grep -q "^[^:]*:$1:" /proc/self/cgroup || return 0
            sleep 0.02
        done
        mount -t cgroup -o ${3:-$1} none $2 && umount $2
    done
}
umount $at/net_cls2
gone net_cls $at/net_cls
gone perf_event,net_prio $at/both
gone name=hezi-test $at/named none,name=hezi-test
test ! -d $at/huge || gone hugetlb $at/huge
"""
RUN = r"""
at=$1
while read -r line; do
    echo "== $line"
    eval "PATH=$at:\$PATH $line" 2>$at/err
    echo "rc=$? said=$(head -c 1 $at/err | wc -c)"
done
"""
TOOLS = ("cgcreate", "cgdelete", "cgexec", "cgget", "cgset", "cgsnapshot", "lscgroup", "lssubsys")


@pytest.fixture
def links(tmp_path: Path) -> Path:
    return linked(tmp_path / "links", TOOLS)


@pytest.mark.slow
@pytest.mark.needs("cgget", "free-v1-controllers")
def test_with_every_controller_mounted_both_say_the_same(tmp_path: Path, links: Path):
    (tmp_path / "nothing").mkdir()
    before = survey.take()
    (tmp_path / "lines").write_text("\n".join((*LINES, *SEQUENCE)) + "\n")
    (tmp_path / "run").write_text(RUN)
    (tmp_path / "script").write_text(f"bash run {tmp_path}/nothing < lines > theirs\nbash run {links} < lines > ours\n")
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
    assert theirs.count("\n== lssubsys") + 1 == len(LINES) - sum(line.startswith("lscgroup") for line in LINES)
    assert theirs.partition("== cgcreate")[0].count("rc=0") > 60, "libcgroup's lssubsys has met a controller unmounted"
    assert _blocks(ours) == _blocks(theirs)


def _blocks(text: str) -> list[str]:
    return text.split("== ")[1:]


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
