"""Files that mount hierarchies, given to libcgroup's cgconfigparser and to hezi's, each in its own mount namespace: the
exit code, whether something is said, what is mounted then, and which groups are there."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.harness import linked

pytestmark = [pytest.mark.slow, pytest.mark.needs("root", "cgget", "free-v1-controllers")]
# {A} is a directory.
CONFIGS = (
    "mount { net_cls = {A}/m1; }",
    "mount { net_cls = {A}/m2/deep; }",
    "mount { net_cls = {A}/m1/; }",
    "mount { net_cls = m1; }",
    "mount { net_cls = {A}/m1; net_prio = {A}/m2; }",
    "mount { net_cls = {A}/m1; net_cls = {A}/m2; }",
    "mount { perf_event = {A}/m1; } mount { net_cls = {A}/m2; }",
    'mount { "name=hezi-mounts" = {A}/m1; }',
    'mount { "name=hezi-mounts" = {A}/m1; } group g { "name=hezi-mounts" { } }',
    "mount { name=hezi-mounts = {A}/m1; }",
    "mount { nope = {A}/m1; }",
    "mount { net_cls = {A}/m1; nope = {A}/m2; }",
    "mount { net_cls = {A}/file; }",
    "mount { net_cls = {A}/m1; } group g { net_cls { net_cls.classid = 7; } }",
    "mount { net_cls = {A}/m1; } group g { net_cls { net_cls.classid = x; } }",
    "mount { net_cls = {A}/m1; } group g { net_cls { } } group h/i { net_cls { } }",
    "mount { net_cls = {A}/m1; } group g { net_cls { } net_prio { } }",
    "mount { net_cls = {A}/m1; } group g { net_prio { } }",
    "group g { net_cls { } } mount { net_cls = {A}/m1; }",
    "mount { net_cls = {A}/m1; } namespace { net_cls = x; }",
    "mount { net_cls = ; }",
    "mount { net_cls {A}/m1; }",
    "mount { net_cls = {A}/m1 }",
    "mount net_cls = {A}/m1;",
    "mount { }",
)
SCRIPT = r"""
at=$1; tools=$2
umount --all --types cgroup2
cd $at
while read -r text; do
    mkdir -p m1; : > file
    echo "== $text"
    printf '%s\n' "$text" > c.conf
    PATH=$tools:$PATH cgconfigparser -l c.conf > said 2>&1
    echo "rc=$? said=$(head -c 1 said | wc -c)"
    sed -n "s|.* \($at/[^ ]*\) .* - cgroup [^ ]* \(.*\)|mounted \1 \2|p" /proc/self/mountinfo | sort
    find m1 m2 -mindepth 1 -type d 2> /dev/null | sort
    find m1 m2 -mindepth 1 -depth -type d -exec rmdir {} + 2> /dev/null
    for point in $(sed -n "s|.* \($at/[^ ]*\) .* - cgroup .*|\1|p" /proc/self/mountinfo); do umount $point; done
    rm -rf m1 m2 file
    # A hierarchy whose groups went a moment ago may outlive its unmount: mounted and unmounted again it goes.
    for try in $(seq 100); do
        left=$(grep -oE ':(net_cls|net_prio|perf_event|name=hezi-mounts):' /proc/self/cgroup | tr -d : | head -1)
        test -z "$left" && break
        mkdir -p gone
        case $left in name=*) options=none,$left ;; *) options=$left ;; esac
        mount -t cgroup -o $options none gone 2> /dev/null && umount gone
        sleep 0.02
    done
    rm -rf gone
done
"""


def _run(at: Path, tools: Path, configs: Sequence[str] = CONFIGS) -> list[str]:
    at.mkdir()
    text = "\n".join(config.replace("{A}", str(at)) for config in configs) + "\n"
    argv = ["unshare", "--mount", "--propagation", "private", "bash", "-c", SCRIPT, "-", str(at), str(tools)]
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=True)
    return done.stdout.replace(str(at), "{A}").split("== ")[1:]


def test_the_same_is_mounted_and_made_and_undone_when_it_fails(tmp_path: Path):
    links = linked(tmp_path / "links", ["cgconfigparser"])
    theirs, ours = _run(tmp_path / "theirs", tmp_path / "nothing"), _run(tmp_path / "ours", links)
    assert len(theirs) == len(CONFIGS)
    assert ours == theirs


def test_controllers_with_one_place_are_on_one_hierarchy(tmp_path: Path):
    """libcgroup's mounts the first of them alone, and calls it success."""
    configs = [
        "mount { net_prio = {A}/m1; perf_event = {A}/m1; }",
        "mount { net_prio = {A}/m1; cpu = {A}/m1; }",
    ]
    both, refused = _run(tmp_path / "ours", linked(tmp_path / "links", ["cgconfigparser"]), configs)
    assert both.splitlines()[1:] == ["rc=0 said=0", "mounted {A}/m1 rw,perf_event,net_prio"]
    # cpu is on a hierarchy of its own already.
    assert refused.splitlines()[1:] == ["rc=101 said=1"]
