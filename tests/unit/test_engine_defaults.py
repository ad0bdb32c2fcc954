"""The defaults that users and security rely on, said a second time."""

from __future__ import annotations

from hezi.engine import defaults
from hezi.spec import runtime as rt


def test_dockers_fourteen_capabilities_and_none_unknown() -> None:
    assert len(set(defaults.CAPABILITIES)) == 14
    assert set(defaults.CAPABILITIES) <= set(defaults.KNOWN_CAPABILITIES)
    assert "CAP_SYS_ADMIN" not in defaults.CAPABILITIES


def test_masked_paths_name_the_processors() -> None:
    assert defaults.masked_paths(2)[-1] == "/sys/devices/system/cpu/cpu1/thermal_throttle"
    assert {"/proc/kcore", "/proc/keys", "/sys/firmware", "/sys/fs/selinux"} <= set(defaults.masked_paths(0))
    assert not set(defaults.MASKED_PATHS) & set(defaults.READONLY_PATHS)


def test_devices_are_denied_first_and_the_containers_own_come_last() -> None:
    fuse = rt.DeviceRule(True, "c", 10, 229, "rwm")
    rules = defaults.device_rules(False, (fuse,))
    assert rules[0] == rt.DeviceRule(False, "a", None, None, "rwm")
    assert rules[-1] == fuse
    assert all(rule.allow for rule in rules[1:])
    opened = {(rule.type, rule.major, rule.minor) for rule in rules[1:-1] if "r" in rule.access}
    assert opened == {("c", 1, minor) for minor in (3, 5, 7, 8, 9)} | {("c", 5, 0), ("c", 5, 2), ("c", 136, None)}
    assert defaults.device_rules(True) == (rt.DeviceRule(True),)


def test_system_mounts_are_read_only_unless_privileged() -> None:
    for privileged in (False, True):
        mounts = {mount.destination: mount for mount in defaults.mounts(privileged, shm_size=1 << 20)}
        for place in ("/sys", "/sys/fs/cgroup"):
            assert ("ro" in mounts[place].options) is not privileged
            assert {"nosuid", "noexec", "nodev"} <= set(mounts[place].options)
        assert "size=1048576" in mounts["/dev/shm"].options
