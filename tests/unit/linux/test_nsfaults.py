"""Why the kernel said no, in words: on machines that this one is not."""

from __future__ import annotations

import errno

import pytest

from hezi.linux import idmap, nscalls, nsfaults

USER, NET = nscalls.CLONE_NEWUSER, nscalls.CLONE_NEWNET


@pytest.mark.parametrize(
    ("number", "flags", "sysctls", "words"),
    [
        (
            errno.EPERM,
            USER,
            {"kernel/unprivileged_userns_clone": "0"},
            "this machine forbids user namespaces: sysctl kernel.unprivileged_userns_clone=0",
        ),
        (
            errno.EPERM,
            USER | NET,
            {"kernel/apparmor_restrict_unprivileged_userns": "1"},
            "this machine forbids user namespaces: sysctl kernel.apparmor_restrict_unprivileged_userns=1",
        ),
        (
            errno.EPERM,
            USER,
            {},
            "user namespaces are forbidden here: by a chroot, a seccomp filter or a security module",
        ),
        (
            errno.EPERM,
            NET,
            {},
            "a new net namespace needs CAP_SYS_ADMIN; an ordinary user makes a user namespace with it",
        ),
        (
            errno.ENOSPC,
            USER | NET,
            {"user/max_user_namespaces": "0", "user/max_net_namespaces": "7"},
            (
                "a limit is reached, here or in a user namespace above: user.max_user_namespaces=0, "
                "user.max_net_namespaces=7; user and pid namespaces nest 32 deep at most"
            ),
        ),
        (errno.EUSERS, USER, {}, "more than 32 user namespaces inside each other"),
        (errno.ENOMEM, NET, {}, ""),
    ],
)
def test_why_a_namespace_was_not_made(
    monkeypatch: pytest.MonkeyPatch, number: int, flags: int, sysctls: dict[str, str], words: str
):
    monkeypatch.setattr(nsfaults, "_sysctl", sysctls.get)
    assert nsfaults.why_not_made(number, flags) == words


@pytest.mark.parametrize(
    ("number", "kinds", "words"),
    [
        (errno.ESRCH, ("net",), "web has ended"),
        (errno.EPERM, ("net", "uts"), "joining net uts of web needs CAP_SYS_ADMIN in the user namespace that owns it"),
        (errno.EINVAL, ("user",), "web is in the user namespace this process is in, or in one that is not below it"),
        (errno.EUSERS, ("time",), "a time namespace can be joined by a process of one thread only"),
        (errno.EINVAL, ("net",), ""),
    ],
)
def test_why_a_namespace_was_not_joined(number: int, kinds: tuple[str, ...], words: str):
    assert nsfaults.why_not_joined(number, "web", kinds) == words


@pytest.mark.parametrize(("value", "named"), [("1", True), ("0", False), (None, False)])
def test_apparmor_lets_one_in_and_takes_the_rights_away(
    monkeypatch: pytest.MonkeyPatch, value: str | None, named: bool
):
    """On Ubuntu unshare succeeds, and it is the map that is refused."""
    monkeypatch.setattr(nsfaults, "_sysctl", lambda name: value if "apparmor" in name else None)
    why = idmap.why_not_written("/proc/self/uid_map", errno.EPERM)
    assert ("sysctl kernel.apparmor_restrict_unprivileged_userns=1" in why) is named
    assert "newuidmap and a line in /etc/subuid allow more" in why
