"""Who makes a container's control group, and where it is then."""

from __future__ import annotations

import pytest

from hezi import errors
from hezi.engine import cgroup_place

ID = "4f" * 32


@pytest.mark.parametrize(
    ("asked", "systemd", "manager"),
    [
        (None, False, "cgroupfs"),
        (None, True, "systemd"),
        ("auto", True, "systemd"),
        ("cgroupfs", True, "cgroupfs"),
        ("systemd", True, "systemd"),
    ],
)
def test_the_manager_is_chosen_by_what_is_there(asked: str | None, systemd: bool, manager: str) -> None:
    assert cgroup_place.choose(asked, systemd=systemd) == manager


@pytest.mark.parametrize(("asked", "text"), [("systemd", "systemd is not process 1 here"), ("runit", "invalid cgroup")])
def test_one_that_is_not_to_be_had_is_refused_by_name(asked: str, text: str) -> None:
    with pytest.raises(errors.Error, match=text):
        cgroup_place.choose(asked, systemd=False)


@pytest.mark.parametrize(
    ("parent", "directory"),
    [
        (None, "/system.slice"),
        ("jobs.slice", "/jobs.slice"),
        ("a-b-c.slice", "/a.slice/a-b.slice/a-b-c.slice"),
        ("-.slice", ""),
    ],
)
def test_a_scope_is_below_its_slice(parent: str | None, directory: str) -> None:
    path = cgroup_place.path(parent, ID, cgroup_place.SYSTEMD)
    assert path == f"{directory}/hezi-{ID}.scope/container"
    assert cgroup_place.is_scoped(path)


@pytest.mark.parametrize("parent", ["/a/b", "a.scope", ".slice", "a--b.slice", "-a.slice", "a/b.slice", "a b.slice"])
def test_what_is_no_slice_is_refused_in_dockers_words(parent: str) -> None:
    with pytest.raises(errors.Error, match=r'valid slice named as "xxx\.slice"'):
        cgroup_place.path(parent, ID, cgroup_place.SYSTEMD)


def test_in_the_file_system_a_slice_is_nobodys() -> None:
    assert cgroup_place.path("/a/b", ID) == f"/a/b/{ID}"
    assert not cgroup_place.is_scoped(cgroup_place.path(None, ID))
    with pytest.raises(errors.Error, match="slices are systemd's"):
        cgroup_place.path("a.slice", ID)
