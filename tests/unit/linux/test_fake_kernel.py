"""The fake kernel records, answers, fails, and takes no arguments that the real functions refuse."""

from __future__ import annotations

import errno

import pytest

from hezi.linux import mount
from tests.support.fake_kernel import Call, FakeKernel


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> FakeKernel:
    fake = FakeKernel(monkeypatch)
    fake.replace(mount, "fsopen", "fsconfig_set_string", "fsconfig_create", "fsmount", "umount2")
    return fake


def test_records_names_and_arguments(kernel: FakeKernel):
    mount.umount2("/mnt")
    assert kernel.calls == [Call("umount2", {"target": "/mnt", "flags": 0})]


def test_gives_new_descriptors_and_told_values(kernel: FakeKernel):
    assert mount.fsopen("tmpfs") != mount.fsopen("tmpfs")
    kernel.returns("fsopen", 7, 8)
    assert [mount.fsopen("tmpfs") for _ in range(3)] == [7, 8, 8]
    assert mount.umount2("/mnt") is None


def test_fails_the_nth_call_only(kernel: FakeKernel):
    kernel.fail("umount2", nth=2, number=errno.EBUSY)
    mount.umount2("/a")
    with pytest.raises(OSError, match="umount2: Device or resource busy: '/b'"):
        mount.umount2("/b")
    mount.umount2("/c")
    assert [args["target"] for args in kernel.of("umount2")] == ["/a", "/b", "/c"]


def test_refuses_arguments_the_real_one_refuses(kernel: FakeKernel):
    with pytest.raises(TypeError, match="flagz"):
        mount.umount2("/mnt", flagz=1)


def test_new_mount_closes_its_context_when_a_step_fails(kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch):
    closed: list[int] = []
    monkeypatch.setattr(mount.os, "close", closed.append)
    kernel.returns("fsopen", 77)
    kernel.fail("fsconfig_set_string", nth=2, number=errno.EINVAL)
    with pytest.raises(OSError, match="fsconfig_set_string"):
        mount.new_mount("overlay", [("lowerdir+", "/a"), ("lowerdir+", "/b")])
    assert closed == [77]
    assert kernel.names() == ["fsopen", "fsconfig_set_string", "fsconfig_set_string"]
