"""docker's option syntaxes: what is read, and docker's words for what is not (recorded from docker 28.2 and 20.10)."""

from __future__ import annotations

from pathlib import Path

import pytest

from hezi import errors
from hezi.engine import parse_device, parse_env, parse_limits, parse_mount, parse_security, parse_volume
from hezi.engine.parse_volume import MountAsk


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/a:/b", MountAsk("bind", "/a", "/b", make_source=True)),
        ("/a:/b:ro", MountAsk("bind", "/a", "/b", readonly=True, make_source=True)),
        ("/a:/b:rw,rslave", MountAsk("bind", "/a", "/b", propagation="rslave", make_source=True)),
        ("/a:/b:Z", MountAsk("bind", "/a", "/b", make_source=True)),
        ("./x:/b", MountAsk("bind", "/cwd/./x", "/b", make_source=True)),
        ("../x:/b//c/../d/", MountAsk("bind", "/cwd/../x", "/b/d", make_source=True)),
        ("vol:/b", MountAsk("volume", "vol", "/b")),
        ("vol:/b:ro,nocopy", MountAsk("volume", "vol", "/b", readonly=True, copy=False)),
        ("/b", MountAsk("volume", "", "/b")),
        ("v0.1_x-y:/b:consistent", MountAsk("volume", "v0.1_x-y", "/b")),
    ],
)
def test_volume(text: str, expected: MountAsk) -> None:
    assert parse_volume.parse_volume(text, "/cwd")._replace(mode="") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "invalid empty volume spec"),
        ("/a:/b:xx", "invalid mode: xx"),
        ("/a:/b:ro,rw", "invalid mode: ro,rw"),
        ("/a:/b:ro,ro", "invalid mode: ro,ro"),
        ("/a:/b:", "invalid spec: /a:/b:: empty section between colons"),
        (":/b", "invalid spec: :/b: empty section between colons"),
        ("/a:/b:ro:z", "invalid spec: /a:/b:ro:z: too many colons"),
        (
            "/a:b",
            (
                "invalid volume specification: '/a:b': invalid mount config for type \"bind\": invalid mount path: 'b' "
                "mount path must be absolute"
            ),
        ),
        (
            "/a:/",
            (
                "invalid volume specification: '/a:/': invalid mount config for type \"bind\": invalid specification: "
                "destination can't be '/'"
            ),
        ),
        (
            "/a:/b:nocopy",
            (
                "invalid volume specification: '/a:/b:nocopy': invalid mount config for type \"bind\": field "
                "VolumeOptions must not be specified"
            ),
        ),
        (
            "vol:/b:rslave",
            (
                "invalid volume specification: 'vol:/b:rslave': invalid mount config for type \"volume\": field "
                "BindOptions must not be specified"
            ),
        ),
        (
            "x/y:/z",
            (
                'create x/y: "x/y" includes invalid characters for a local volume name, only '
                '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'
            ),
        ),
        ("a:/b", "create a: volume name is too short, names should be at least two alphanumeric characters"),
    ],
)
def test_volume_that_is_wrong(text: str, message: str) -> None:
    with pytest.raises(errors.Error) as caught:
        parse_volume.parse_volume(text, "/cwd")
    assert caught.value.message == message


@pytest.mark.parametrize(
    "name", ["..", ".", "-x", "_x", ".hidden", "x" * 256, "a\nb", "a\0b", "é", "a b", "~", "a/../b"]
)
def test_no_such_volume_name(name: str) -> None:
    with pytest.raises(errors.Error):
        parse_mount.parse_mount(f"type=volume,source={name},target=/x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("type=bind,source=/a,target=/b", MountAsk("bind", "/a", "/b", origin="--mount")),
        ("type=bind,src=/a,dst=/b,readonly", MountAsk("bind", "/a", "/b", readonly=True, origin="--mount")),
        ("type=bind,src=/a,destination=/b,ro=0", MountAsk("bind", "/a", "/b", origin="--mount")),
        ("src=vol,dst=/b,volume-nocopy", MountAsk("volume", "vol", "/b", copy=False, origin="--mount")),
        ("target=/b", MountAsk("volume", "", "/b", origin="--mount")),
        (
            "type=tmpfs,dst=/b,tmpfs-size=1m,tmpfs-mode=700",
            MountAsk("tmpfs", "", "/b", options=("size=1048576", "mode=700"), origin="--mount"),
        ),
        ('type=bind,"src=/a,b",dst=/x', MountAsk("bind", "/a,b", "/x", origin="--mount")),
        ('type=bind,"src=/a""b",dst=/x', MountAsk("bind", '/a"b', "/x", origin="--mount")),
        (
            "type=bind,src=/a,dst=/b,bind-nonrecursive,bind-propagation=rslave",
            MountAsk("bind", "/a", "/b", propagation="rslave", recursive=False, origin="--mount"),
        ),
    ],
)
def test_mount(text: str, expected: MountAsk) -> None:
    assert parse_mount.parse_mount(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("foo=bar", "unexpected key 'foo' in 'foo=bar'"),
        ("foo", "invalid field 'foo' must be a key=value pair"),
        ("type=bind,source=/x", "target is required"),
        ("type=foo,target=/x", 'invalid mount config for type "foo": mount type unknown'),
        ("type=bind,target=/x", 'invalid mount config for type "bind": field Source must not be empty'),
        ("type=tmpfs,tmpfs-size=1x,dst=/x", "invalid value for tmpfs-size: 1x"),
        ("type=tmpfs,tmpfs-mode=9,dst=/x", "invalid value for tmpfs-mode: 9"),
        ("type=volume,src=ab,tmpfs-size=1k,dst=/x", "cannot mix 'tmpfs-*' options with mount type 'volume'"),
        ("type=volume,dst=/x,readonly=foo", "invalid value for readonly: foo"),
        ("type=bind,src=/a,dst=/x,bind-propagation=foo", "invalid propagation mode: foo"),
        ("type=tmpfs,src=/a,dst=/x", "field Source must not be specified"),
        ("type=bind,src=rel,dst=/x", "invalid mount path: 'rel' mount path must be absolute"),
        ('type=bind,"src=/a,dst=/x', "invalid quoting"),
    ],
)
def test_mount_that_is_wrong(text: str, message: str) -> None:
    with pytest.raises(errors.Error) as caught:
        parse_mount.parse_mount(text)
    assert message in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "type=cluster,src=a,dst=/x",
        "type=bind,src=/a,dst=/x,idmap=uids=@0-1-1;gids=0-1-1",
    ],
)
def test_mount_that_is_not_built(text: str) -> None:
    with pytest.raises(errors.Error) as caught:
        parse_mount.parse_mount(text)
    assert caught.value.kind == errors.UNSUPPORTED


@pytest.mark.parametrize("options", ["remount", "bind", "rshared", "a=b", "size", "noexec=1", "uid", "source=/x"])
def test_tmpfs_options_that_are_none(options: str) -> None:
    with pytest.raises(errors.Error, match="invalid tmpfs option"):
        parse_volume.parse_tmpfs(f"/x:{options}")


def test_env(tmp_path: Path) -> None:
    host = {"SET": "s"}
    assert parse_env.parse_env("A=b=c", host) == ("A", "b=c")
    assert parse_env.parse_env("SET", host) == ("SET", "s")
    assert parse_env.parse_env("UNSET", host) == ("UNSET", None)
    path = tmp_path / "env"
    path.write_bytes(b"\xef\xbb\xbfA=1\r\n \t B = x \n#C=2\nSET\nUNSET\nD='q'\nE=a#b\n")
    with pytest.raises(errors.Error, match="variable 'B ' contains whitespaces"):
        parse_env.read_env_file(str(path), host)
    path.write_bytes(b"\xef\xbb\xbfA=1\r\n \t B= x \n#C=2\nSET\nUNSET\nD='q'\nE=a#b\n")
    wanted = [("A", "1"), ("B", " x "), ("SET", "s"), ("D", "'q'"), ("E", "a#b")]
    assert parse_env.read_env_file(str(path), host) == wanted
    for bad in (b"=x\n", b"A=\xff\n", b"A=\0\n", b"A B\n"):
        path.write_bytes(bad)
        with pytest.raises(errors.Error):
            parse_env.read_env_file(str(path), host)


def test_merging_environments() -> None:
    merged = parse_env.merge_env(
        ["PATH=/image", "A=image", "B=image"],
        [("A", "flag"), ("B", None), ("C", "")],
        [("PATH", "d"), ("HOSTNAME", "h")],
    )
    assert merged == {
        "PATH": ("/image", "image"),
        "HOSTNAME": ("h", "default"),
        "A": ("flag", "flag"),
        "C": ("", "flag"),
    }
    for entry in ("NAME", "=x", "", "*", "A=\0"):
        with pytest.raises(errors.Error, match="is not NAME=value"):
            parse_env.merge_env([entry], [], [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nofile=1024", ("RLIMIT_NOFILE", 1024, 1024)),
        ("nofile=1024:2048", ("RLIMIT_NOFILE", 1024, 2048)),
        ("memlock=-1:-1", ("RLIMIT_MEMLOCK", -1, -1)),
        ("core=0:-1", ("RLIMIT_CORE", 0, -1)),
    ],
)
def test_ulimit(text: str, expected: tuple[str, int, int]) -> None:
    assert parse_limits.parse_ulimit(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("foo=1", "invalid ulimit type: foo"),
        ("nofile=20:10", "ulimit soft limit must be less than or equal to hard limit: 20 > 10"),
        ("nofile=-1:10", "ulimit soft limit must be less than or equal to hard limit"),
        ("nofile", "invalid ulimit argument: nofile"),
        ("nofile=a", 'strconv.ParseInt: parsing "a": invalid syntax'),
        ("nofile=1:2:3", "too many limit value arguments"),
        ("nofile=99999999999999999999", "value out of range"),
        ("as=1", "invalid ulimit type: as"),
    ],
)
def test_ulimit_that_is_wrong(text: str, message: str) -> None:
    with pytest.raises(errors.Error) as caught:
        parse_limits.parse_ulimit(text)
    assert f'invalid argument "{text}" for "--ulimit" flag: ' in caught.value.message
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("text", "namespace"),
    [
        ("net.ipv4.ip_forward=1", "network"),
        ("net.core.somaxconn=1024", "network"),
        ("net.ipv4.ping_group_range=0 5", "network"),
        ("kernel.shmmax=1", "ipc"),
        ("kernel.msgmax=1", "ipc"),
        ("kernel.sem=1 2 3 4", "ipc"),
        ("fs.mqueue.msg_max=5", "ipc"),
    ],
)
def test_sysctl(text: str, namespace: str) -> None:
    name, _, value = text.partition("=")
    assert parse_limits.parse_sysctl(text) == (name, value, namespace)


@pytest.mark.parametrize(
    "text",
    [
        *("kernel.core_pattern=x", "kernel.hostname=x", "kernel.domainname=x", "vm.swappiness=1", "kernel.panic=1"),
        *("kernel/shmmax=1", "net/ipv4/ip_forward=1", "net.=1", "net=1", "net..x=1", "net.ipv4.ip_forward", "=1", ""),
        *("net.ipv4.../../kernel/core_pattern=x", "net.ipv4.x\n=1", "kernel.shmmax+kernel.core_pattern=x", "NET.x.y=1"),
        *("kernel.shmmax=1\nkernel.core_pattern=|/x", "kernel.shmmax=\x00", "kernel.shm_next_id=1", "fs.file-max=1"),
        *("dev.cdrom.debug=1", "user.max_user_namespaces=1", "kernel.msgmax.x=1", "net.ipv4.Ä=1", "fs.mqueue.=1"),
    ],
)
def test_sysctl_that_would_touch_the_host(text: str) -> None:
    with pytest.raises(errors.Error):
        parse_limits.parse_sysctl(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [("TERM", 15), ("SIGTERM", 15), ("sigkill", 9), ("9", 9), ("RTMIN", 34), ("RTMIN+3", 37), ("SIGRTMAX-1", 63),
     ("RTMAX", 64), ("WINCH", 28), ("SYS", 31), ("USR1", 10), ("POLL", 29), ("64", 64)],
)  # fmt: skip
def test_signal(text: str, number: int) -> None:
    assert parse_limits.parse_signal(text) == number


@pytest.mark.parametrize(
    "text", ["", "0", "65", "-1", "BOGUS", "SIG", "_DFL", "RTMIN+16", "RTMAX-15", "RTMAX+1", "RTMIN-1", "٩", "1e1"]
)
def test_no_signal(text: str) -> None:
    with pytest.raises(errors.Error, match="invalid signal"):
        parse_limits.parse_signal(text)


def test_signals_are_the_kernels() -> None:
    import signal

    for number in range(1, 32):
        name = signal.Signals(number).name if number != 16 else "SIGSTKFLT"
        assert parse_limits.parse_signal(name) == number


@pytest.mark.parametrize(
    ("text", "keys"),
    [("ctrl-p,ctrl-q", b"\x10\x11"), ("ctrl-@", b"\0"), ("a,b", b"ab"), ("ctrl-[", b"\x1b"), ("ctrl-\\,x", b"\x1cx")],
)
def test_detach_keys(text: str, keys: bytes) -> None:
    assert parse_limits.parse_detach_keys(text) == keys


@pytest.mark.parametrize("text", ["foo", "ctrl-", "ctrl-P", "ctrl-pp", ",", "ctrl-p,", "é"])
def test_no_detach_keys(text: str) -> None:
    with pytest.raises(errors.Error, match="invalid detach keys"):
        parse_limits.parse_detach_keys(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/dev/null", ("/dev/null", "/dev/null", "rwm")),
        ("/dev/null:r", ("/dev/null", "/dev/null", "r")),
        ("/dev/null:/dev/x", ("/dev/null", "/dev/x", "rwm")),
        ("/dev/null:/dev/x:rw", ("/dev/null", "/dev/x", "rw")),
    ],
)
def test_device(text: str, expected: tuple[str, str, str]) -> None:
    assert tuple(parse_device.parse_device(text)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("foo", "foo is not an absolute path"),
        ("/dev/null:/dev/x:q", "bad mode specified: q"),
        ("/dev/null:/dev/x:rr", "bad mode specified: rr"),
        ("/dev/null:/dev/x:", "bad mode specified: "),
        ("/dev/null:x:rwm", "x is not an absolute path"),
        ("/a:/b:r:w", "bad format for path: /a:/b:r:w"),
        ("/dev/null:/dev/../x", "bad format for path: /dev/null:/dev/../x"),
    ],
)
def test_device_that_is_wrong(text: str, message: str) -> None:
    with pytest.raises(errors.Error) as caught:
        parse_device.parse_device(text)
    assert caught.value.message == message


def test_writable_cgroups() -> None:
    assert parse_security.parse_security_opts(["writable-cgroups=false"]) == parse_security.Security()
    assert parse_security.parse_security_opts(["writable-cgroups=true"]).writable_cgroups
    with pytest.raises(errors.Error, match="invalid --security-opt"):
        parse_security.parse_security_opts(["writable-cgroups=maybe"])


def test_security_options() -> None:
    parse = parse_security.parse_security_opts
    assert parse([]) == parse_security.Security()
    assert parse(["no-new-privileges"]).no_new_privileges
    assert parse(["no-new-privileges:true"]).no_new_privileges
    assert not parse(["no-new-privileges", "no-new-privileges=false"]).no_new_privileges
    assert parse(["seccomp:unconfined"]).seccomp == "unconfined"
    assert parse(["seccomp=/a=b"]).seccomp == "/a=b"
    assert parse(["systempaths=unconfined"]).systempaths_unconfined
    assert parse(["apparmor=unconfined", "label=disable", "label:disable"]) == parse_security.Security()


@pytest.mark.parametrize(
    "option",
    [
        *("", "foo", "foo=bar", "seccomp", "seccomp=", "systempaths=foo", "systempaths", "systempaths:unconfined"),
        *("no-new-privileges=", "no-new-privileges:foo", "no-new-privileges=yes", "NO-NEW-PRIVILEGES", "apparmor="),
        *("label", "seccomp unconfined", "=unconfined", "apparmor", "proc-opts=x", "mask=/x", "unmask=ALL"),
    ],
)
def test_junk_security_options_are_never_ignored(option: str) -> None:
    """Class D8."""
    with pytest.raises(errors.Error) as caught:
        parse_security.parse_security_opts([option])
    assert caught.value.kind == errors.INVALID


@pytest.mark.parametrize("option", ["apparmor=docker-default", "label=type:svirt", "label=user:x"])
@pytest.mark.parametrize("lsms", [(), ("apparmor", "selinux")])
def test_modules_that_are_not_driven(option: str, lsms: tuple[str, ...]) -> None:
    with pytest.raises(errors.Error) as caught:
        parse_security.parse_security_opts([option], lsms)
    assert caught.value.kind == errors.UNSUPPORTED


_DEFAULT = ("CAP_CHOWN", "CAP_KILL")
_ALL = ("CAP_CHOWN", "CAP_KILL", "CAP_NET_ADMIN", "CAP_SYS_ADMIN")


@pytest.mark.parametrize(
    ("add", "drop", "privileged", "expected"),
    [
        ([], [], False, _DEFAULT),
        (["CAP_NET_ADMIN"], [], False, ("CAP_CHOWN", "CAP_KILL", "CAP_NET_ADMIN")),
        ([], ["CAP_KILL"], False, ("CAP_CHOWN",)),
        (["CAP_KILL"], ["CAP_KILL"], False, _DEFAULT),
        ([], ["ALL"], False, ()),
        (["CAP_NET_ADMIN"], ["ALL"], False, ("CAP_NET_ADMIN",)),
        (["ALL"], [], False, _ALL),
        (["ALL"], ["CAP_CHOWN"], False, _ALL[1:]),
        (["ALL"], ["ALL"], False, _ALL),
        ([], [], True, _ALL),
        ([], ["CAP_SYS_ADMIN"], True, _ALL[:3]),
        ([], ["ALL"], True, ()),
        (["CAP_KILL"], ["ALL"], True, ("CAP_KILL",)),
    ],
)
def test_capabilities(add: list[str], drop: list[str], privileged: bool, expected: tuple[str, ...]) -> None:
    found = parse_security.choose_capabilities(add, drop, default=_DEFAULT, everything=_ALL, privileged=privileged)
    assert found == expected


def test_capability_that_we_do_not_have() -> None:
    with pytest.raises(errors.Error, match="cannot give CAP_BPF"):
        parse_security.choose_capabilities(["CAP_BPF"], [], default=_DEFAULT, everything=_ALL, privileged=False)
