"""Every ordered pair of propagation states, on the real kernel: where mounts and unmounts arrive.

What is expected comes from a model of the rules in mount_namespaces(7), written down below without the kernel. What the
library foretells from the mounts as they are (:mod:`hezi.linux.peers`) must be the same.
"""

from __future__ import annotations

import itertools
import os

import pytest

from hezi.linux import mount, mountinfo, namespaces, propagation
from tests.support.in_child import in_child

STATES = propagation.STATES
PAIRS = list(itertools.product(STATES, STATES))


class Model:
    """Mounts of one file system: name -> group (None: not shared) and the group it is slave of.

    A new copy of a shared mount joins its group; a copy of a slave is a slave of the same master.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self.group: dict[str, object] = dict.fromkeys(names, "first")
        self.master: dict[str, object] = dict.fromkeys(names)

    def make(self, name: str, state: str) -> None:
        if state in {"slave", "shared-and-slave"}:
            self._slave(name)
        if state in {"private", "unbindable"}:
            self._slave(name)
            self.master[name] = None
        if state in {"shared", "shared-and-slave"} and self.group[name] is None:
            self.group[name] = object()

    def _slave(self, name: str) -> None:
        """Leave the group: what is left of it is the master; without one, the old master's slaves are one's own."""
        group = self.group[name]
        self.group[name] = None
        if group is None:
            return
        if group in self.group.values():
            self.master[name] = group
            return
        for other, master in self.master.items():
            if master is group:
                self.master[other] = self.master[name]

    def state(self, name: str) -> str:
        shared, slave = self.group[name] is not None, self.master[name] is not None
        return {(1, 1): "shared-and-slave", (1, 0): "shared", (0, 1): "slave", (0, 0): "private"}[shared, slave]

    def arrivals(self, source: str) -> set[str]:
        """Name the others below which an event below ``source`` happens too."""
        found: set[str] = set()
        groups = [self.group[source]] if self.group[source] is not None else []
        for group in groups:
            for name in self.group:
                if group in {self.group[name], self.master[name]} and name not in found:
                    found.add(name)
                    if self.group[name] is not None and self.group[name] not in groups:
                        groups.append(self.group[name])
        return found - {source}


def test_the_model_says_what_the_manual_page_says():
    """The sentences of mount_namespaces(7), SHARED SUBTREES, one by one."""
    model = Model(("a", "b"))
    assert (model.arrivals("a"), model.arrivals("b")) == ({"b"}, {"a"})  # peers give and take
    model.make("b", "slave")
    assert (model.state("b"), model.arrivals("a"), model.arrivals("b")) == ("slave", {"b"}, set())
    model.make("b", "shared")
    assert (model.state("b"), model.arrivals("a"), model.arrivals("b")) == ("shared-and-slave", {"b"}, set())
    model.make("b", "private")
    assert (model.state("b"), model.arrivals("a"), model.arrivals("b")) == ("private", set(), set())
    model.make("a", "slave")  # alone in its group: there is nobody to be slave of
    assert model.state("a") == "private"


@pytest.mark.needs("userns")
@pytest.mark.parametrize("first", STATES)
def test_mounts_and_unmounts_arrive_where_the_rules_say(first: str):
    """Three copies of one mount, peers at first: ``a`` is put into ``first``, then ``b`` into each other state."""

    def body(first: str, cases: list[tuple[bool, str, dict[str, str], dict[str, list[str]]]]) -> None:
        from hezi.linux import peers

        def entry(name: str) -> mountinfo.MountEntry:
            return next(one for one in mountinfo.list_mounts() if one.mount_point == f"/mnt/{name}")

        def have(names: tuple[str, ...]) -> list[str]:
            points = {one.mount_point for one in mountinfo.list_mounts()}
            return [name for name in names if f"/mnt/{name}/x" in points]

        for third, second, states, arrivals in cases:
            mount.mount("top", "/mnt", "tmpfs")
            propagation.make("/mnt", "private")
            names = ("a", "b", "m") if third else ("a", "b")
            for name in names:
                os.mkdir(f"/mnt/{name}")
            mount.mount("t", "/mnt/a", "tmpfs")
            os.mkdir("/mnt/a/x")
            propagation.make("/mnt/a", "shared")
            for name in names[1:]:
                mount.mount("/mnt/a", f"/mnt/{name}", None, mount.MS_BIND)
            propagation.make("/mnt/a", first)
            propagation.make("/mnt/b", second)
            assert {name: propagation.read(f"/mnt/{name}") for name in names} == states, (first, second)
            placed = peers.survey([os.getpid()])
            for source in names:
                expected = sorted({source, *arrivals[source]})
                foretold = {one.entry.mount_point for one in peers.receivers(entry(source), placed)}
                assert foretold == {f"/mnt/{name}" for name in arrivals[source]}, (first, second, source)
                mount.mount("x", f"/mnt/{source}/x", "tmpfs")
                assert have(names) == expected, (first, second, source, "mount")
                mount.umount2(f"/mnt/{source}/x")
                assert have(names) == [], (first, second, source, "unmount")
            mount.umount2("/mnt", mount.MNT_DETACH)

    cases = []
    for third, second in itertools.product((False, True), STATES):
        names = ("a", "b", "m") if third else ("a", "b")
        model = Model(names)
        model.make("a", first)
        model.make("b", second)
        states = {name: model.state(name) for name in names}
        for name, wanted in (("a", first), ("b", second)):
            if wanted == "unbindable":
                states[name] = "unbindable"
        arrivals = {name: sorted(model.arrivals(name)) for name in names}
        cases.append((third, second, states, arrivals))
    in_child(body, first, cases, where="userns")


@pytest.mark.needs("userns")
@pytest.mark.parametrize("state", STATES)
def test_across_namespaces(state: str):
    """What a new mount namespace is told, by the state that its copy of a shared mount is put into."""

    def body(state: str) -> None:
        from hezi.linux import peers

        mount.mount("t", "/mnt", "tmpfs")
        os.mkdir("/mnt/there")
        os.mkdir("/mnt/here")
        propagation.make("/mnt", "shared")
        asked, answered = os.pipe(), os.pipe()

        def inside() -> None:
            propagation.make("/mnt", state)
            os.write(answered[1], b".")
            os.read(asked[0], 1)
            seen = any(one.mount_point == "/mnt/here" for one in mountinfo.list_mounts())
            mount.mount("x", "/mnt/there", "tmpfs")
            os.write(answered[1], b"y" if seen else b"n")
            os.read(asked[0], 1)

        with namespaces.clone(inside, namespaces.CLONE_NEWNS) as process:
            os.read(answered[0], 1)
            placed = peers.survey([os.getpid(), process.pid])
            ours, theirs = (one for one in placed if one.entry.mount_point == "/mnt")
            takes = state in {"shared", "slave", "shared-and-slave"}
            gives = state == "shared"
            assert (theirs in peers.receivers(ours.entry, placed)) == takes
            assert (ours in peers.receivers(theirs.entry, placed)) == gives
            assert (ours in peers.givers(theirs.entry, placed)) == takes
            mount.mount("x", "/mnt/here", "tmpfs")
            os.write(asked[1], b".")
            assert os.read(answered[0], 1) == (b"y" if takes else b"n")
            assert any(one.mount_point == "/mnt/there" for one in mountinfo.list_mounts()) == gives

    in_child(body, state, where="userns")
