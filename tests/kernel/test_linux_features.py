"""The kernel is asked, never guessed from its version."""

from __future__ import annotations

import os

import pytest

from hezi.linux import features
from tests.support.in_child import hide, in_child


def test_every_feature_has_a_verdict_with_a_reason():
    found = features.probe_all()
    assert [feature.name for feature in found] == list(features.NAMES)
    for feature in found:
        assert feature.why
        assert feature.since[0].isdigit()


def test_a_name_that_is_none():
    with pytest.raises(KeyError, match="telepathy"):
        features.probe("telepathy")


@pytest.mark.needs("root", "kernel:6.13", "overlay")
def test_this_kernel_has_what_its_release_brought():
    """The only place where the release is believed: to check the probes."""
    erofs = {"erofs", "erofs-file-backed"}
    optional = erofs | {"clone-into-cgroup", "landlock", "time-namespaces", "user-namespaces"}
    missing = {feature.name for feature in features.probe_all() if not feature.present}
    assert missing <= optional


@pytest.mark.needs("userns")
def test_an_old_kernel_is_seen():
    def body() -> None:
        hide("statmount", "listmount", "clone3", "fchmodat2", "mount_setattr", "openat2", "fsopen", "setxattrat")
        for name in (
            "statmount",
            "listmount",
            "clone3",
            "fchmodat2",
            "mount_setattr",
            "openat2",
            "fsopen",
            "setxattrat",
        ):
            feature = features.probe(name)
            assert not feature.present, feature
            assert "ENOSYS" in feature.why
        for name in ("clone-into-cgroup", "idmapped-mounts", "overlay-lowerdir+", "erofs-file-backed"):
            assert not features.probe(name).present, name
        # clone(2) still makes user namespaces
        assert features.probe("user-namespaces").present

    in_child(body, where="userns")


@pytest.mark.needs("root")
def test_without_privileges_nothing_is_raised():
    def body() -> None:
        os.setuid(65534)
        for feature in features.probe_all():
            assert feature.why, feature
        assert features.probe("fsopen").present

    in_child(body)


def test_with_threads_user_namespaces_are_looked_up():
    def body() -> None:
        import threading

        done = threading.Event()
        thread = threading.Thread(target=done.wait)
        thread.start()
        try:
            assert "/proc/self/ns/user" in features.probe("user-namespaces").why
        finally:
            done.set()
            thread.join()

    in_child(body)


def test_probing_leaves_no_descriptor():
    before = os.listdir("/proc/self/fd")
    features.probe_all()
    assert os.listdir("/proc/self/fd") == before
