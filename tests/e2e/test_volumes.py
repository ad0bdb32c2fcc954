"""Volumes and mounts as a container finds them, and what becomes of them afterwards."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.harness import Hezi, Result, wait_until

pytestmark = pytest.mark.needs("root", "overlay", "cgroup", "docker-registry", "busybox")


@pytest.fixture
def hezi(hezi_env: Hezi, busybox_image: str) -> Hezi:
    hezi_env.run("pull", "-q", busybox_image, check=True)
    return hezi_env


def run(hezi: Hezi, image: str, script: str, *options: str, keep: bool = False) -> Result:
    remove = [] if keep else ["--rm"]
    return hezi.run("run", *remove, "--network", "none", *options, image, "sh", "-c", script)


def volumes(hezi: Hezi) -> list[str]:
    return hezi.run("volume", "ls", "-q", check=True).stdout.split()


@contextlib.contextmanager
def sleeping(hezi: Hezi, image: str, script: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A container that says "ready" when the script is done, and stays until its input ends."""
    words = (
        "run",
        "--rm",
        "-i",
        "--network",
        "none",
        *options,
        image,
        "sh",
        "-c",
        f"{script}; echo ready; cat >/dev/null",
    )
    process = hezi.popen(*words, stdin=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n", process.communicate()
        yield process
    finally:
        process.communicate()


# --- a part of a volume -----------------------------------------------------------------------------------------------


@pytest.fixture
def part(hezi: Hezi) -> Path:
    """The data of a volume "data" with good and bad links in it."""
    hezi.run("volume", "create", "data", check=True)
    data = hezi.root / "volumes/data/_data"
    (data / "a/b").mkdir(parents=True)
    (data / "a/b/file").write_text("in the volume\n")
    for name, target in {
        "inside": "a/b",
        "around": "a/../a/b",
        "absolute": "/etc",
        "up": "../../../../../../../../etc",
        "through": "inside/../../../../../etc",
        "self": "self",
    }.items():
        (data / name).symlink_to(target)
    return data


def test_a_part_of_a_volume(hezi: Hezi, busybox_image: str, part: Path) -> None:
    paths = ["a/b", "inside", "around", "./a//b/", "a/../a/b"]
    mounts = [f"--mount=type=volume,src=data,dst=/m{number},volume-subpath={path}" for number, path in enumerate(paths)]
    done = run(hezi, busybox_image, "cat /m?/file; for m in /m?; do echo $m >$m$m; done; cd /m0; ls -d ..", *mounts)
    assert done.stdout == "in the volume\n" * len(paths) + "..\n", done.stderr
    assert [(part / f"a/b/m{number}").read_text() for number in range(len(paths))] == [
        f"/m{n}\n" for n in range(len(paths))
    ]


def test_a_file_of_a_volume(hezi: Hezi, busybox_image: str, part: Path) -> None:
    mount = "type=volume,src=data,dst=/m/one,volume-subpath=a/b/file,readonly"
    done = run(hezi, busybox_image, "cat /m/one; echo x >/m/one", "--mount", mount)
    assert done.stdout == "in the volume\n"
    assert "Read-only file system" in done.stderr


@pytest.mark.parametrize(
    "path", ["absolute", "up", "through", "self", "inside/../../../a", "absolute/passwd", "nothing"]
)
def test_a_part_that_leads_out_is_refused(hezi: Hezi, busybox_image: str, part: Path, path: str) -> None:
    done = run(hezi, busybox_image, "ls /m", "--mount", f"type=volume,src=data,dst=/m,volume-subpath={path}")
    assert (done.code, done.stdout) == (125, "")
    assert "subpath" in done.stderr
    assert not (part / "nothing").exists()


def test_who_changes_the_volume_meanwhile_gets_no_way_out(
    hezi: Hezi, busybox_image: str, part: Path, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    canary.mkdir()
    (canary / "file").write_text("of the host\n")
    (part / "flip").mkdir()
    (part / "flip/file").write_text("in the volume\n")
    (part / "flop").symlink_to(canary)
    renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    over = threading.Event()

    def exchange() -> None:
        while not over.is_set():
            renameat2(-100, os.fsencode(part / "flip"), -100, os.fsencode(part / "flop"), 2)

    racer = threading.Thread(target=exchange)
    racer.start()
    try:
        mount = "type=volume,src=data,dst=/m,volume-subpath=flip"
        outputs = {run(hezi, busybox_image, "cat /m/file", "--mount", mount).stdout for _ in range(5)}
    finally:
        over.set()
        racer.join()
    assert outputs <= {"in the volume\n", ""}


# --- images -----------------------------------------------------------------------------------------------------------


def test_an_image_is_mounted_read_only(hezi: Hezi, busybox_image: str) -> None:
    whole = ("--mount", f"type=image,source={busybox_image},target=/image")
    part = ("--mount", f"type=image,source={busybox_image},target=/part,image-subpath=bin")
    script = (
        "ls /image | grep -c etc; test -x /part/busybox && echo there; touch /image/x /part/x; /part/busybox echo runs"
    )
    done = run(hezi, busybox_image, script, *whole, *part)
    assert done.stdout == "1\nthere\nruns\n"
    assert done.stderr.count("Read-only file system") == 2


def test_an_image_that_is_mounted_stays_usable(hezi: Hezi, busybox_image: str, hard_image: str) -> None:
    hezi.run("pull", "-q", hard_image, check=True)
    mount = ("--mount", f"type=image,source={hard_image},target=/image")
    hezi.run("create", "--network", "none", "--name", "has", *mount, busybox_image, check=True)
    layers = set(os.listdir(hezi.root / "layers"))
    hezi.run("rmi", "-f", hard_image)
    assert set(os.listdir(hezi.root / "layers")) == layers
    # What the container itself stands on is not taken for the other image's.
    assert hezi.run("diff", "has", check=True).stdout == ""
    hezi.run("rm", "has", check=True)


def test_an_image_that_is_not_there(hezi: Hezi, busybox_image: str) -> None:
    done = run(hezi, busybox_image, "true", "--mount", "type=image,source=nosuch,target=/image")
    assert done.code == 125
    assert "No such image: nosuch" in done.stderr


# --- owners, attributes, propagation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["mount", "volume"])
def test_owners_are_mapped(hezi: Hezi, busybox_image: str, tmp_path: Path, form: str) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o777)
    (data / "old").touch()
    data.chmod(0o777)
    maps = "idmap=uids=0-1000-5#7-2000-1;gids=0-3000-5"
    option = ("-v", f"{data}:/m:{maps}") if form == "volume" else ("--mount", f"type=bind,src={data},dst=/m,{maps}")
    script = "stat -c %u:%g /m/old; touch /m/new; stat -c %u:%g /m/new"
    done = run(hezi, busybox_image, script, "-u", "1003:3002", *option)
    assert done.stdout == "1000:3000\n1003:3002\n", done.stderr
    status = (data / "new").stat()
    assert (status.st_uid, status.st_gid) == (3, 2)
    # Who is not in the map cannot make anything that would belong to nobody.
    assert "Value too large" in run(hezi, busybox_image, "touch /m/x", "-u", "5000", *option).stderr


@pytest.fixture
def nested(tmp_path: Path) -> Iterator[Path]:
    """A directory with a tmpfs mounted below it, by which it is shared."""
    top = tmp_path / "top"
    (top).mkdir()
    subprocess.run(["mount", "--bind", str(top), str(top)], check=True)
    try:
        subprocess.run(["mount", "--make-shared", str(top)], check=True)
        (top / "below").mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(top / "below")], check=True)
        (top / "below/there").touch()
        yield top
    finally:
        subprocess.run(["umount", "--lazy", "--recursive", str(top)], check=True)


def test_how_far_read_only_reaches(hezi: Hezi, busybox_image: str, nested: Path) -> None:
    expected = {
        "readonly": "no no there",
        "readonly,bind-recursive=enabled": "no no there",
        "readonly,bind-recursive=readonly,bind-propagation=rprivate": "no no there",
        "readonly,bind-recursive=writable": "no yes there",
        "readonly,bind-recursive=disabled": "no no ",
        "bind-recursive=disabled": "yes yes ",
        "bind-nonrecursive": "yes yes ",
        "bind-recursive=enabled": "yes yes there",
    }
    mounts = [f"--mount=type=bind,src={nested},dst=/m{number},{words}" for number, words in enumerate(expected)]
    tried = "for f in x below/x; do (touch $m/$f) 2>/dev/null && echo -n 'yes ' || echo -n 'no '; done"
    script = f"for m in /m?; do {tried}; test -e $m/below/there && echo there || echo; done"
    done = run(hezi, busybox_image, script, *mounts)
    assert done.stdout.splitlines() == list(expected.values()), done.stderr


def test_propagation_is_what_was_asked_for(hezi: Hezi, busybox_image: str, nested: Path) -> None:
    states = {"shared": "shared", "rshared": "shared", "slave": "master", "rslave": "master", "private": "-"}
    states |= {"rprivate": "-", "unbindable": "unbindable", "runbindable": "unbindable", "": "-"}
    mounts = [f"-v={nested}:/m{number}{word and ':' + word}" for number, word in enumerate(states)]
    words = [f"type=bind,src={nested},dst=/m{{}}{word and ',bind-propagation=' + word}" for word in states]
    # Letters come after digits: the script sees them in this order.
    mounts += [f"--mount={text.format(letter)}" for letter, text in zip("abcdefghi", words, strict=True)]
    expected = [*states.values(), *states.values()]
    script = "for m in /m?; do grep \" $m \" /proc/self/mountinfo | cut -d' ' -f7 | cut -d: -f1; done"
    done = run(hezi, busybox_image, script, *mounts)
    assert done.stdout.split() == expected, done.stderr


@pytest.mark.parametrize(("word", "arrives"), [("rslave", True), ("rprivate", False)])
def test_a_later_mount_of_the_host_arrives_or_not(
    hezi: Hezi, busybox_image: str, nested: Path, word: str, arrives: bool
) -> None:
    (nested / "late").mkdir()
    script = "echo ready; read line; ls /m/late"
    process = hezi.popen(
        *("run", "--rm", "-i", "--network", "none", "-v", f"{nested}:/m:{word}", busybox_image, "sh", "-c", script),
        stdin=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(nested / "late")], check=True)
    (nested / "late/news").touch()
    out, _ = process.communicate(b"go\n")
    assert (out == b"news\n") is arrives


def test_sharing_with_what_is_not_shared_is_refused(hezi: Hezi, busybox_image: str, nested: Path) -> None:
    subprocess.run(["mount", "--make-private", str(nested)], check=True)
    done = run(hezi, busybox_image, "true", "-v", f"{nested}:/m:rshared")
    assert done.code == 125
    assert f"path {nested} is mounted on {nested} but it is not a shared mount" in done.stderr


# --- file systems as volumes ------------------------------------------------------------------------------------------


def test_a_tmpfs_volume_is_shared_while_it_is_used_and_gone_afterwards(hezi: Hezi, busybox_image: str) -> None:
    create = ("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m,uid=5,mode=0711", "ram")
    hezi.run(*create, check=True)
    with sleeping(hezi, busybox_image, "echo one >/m/file", "-v", "ram:/m"):
        script = "cat /m/file; stat -c %u:%a /m; df -k /m | tail -1 | awk '{print $2}'"
        assert run(hezi, busybox_image, script, "-v", "ram:/m").stdout == "one\n5:711\n1024\n"
        refused = hezi.run("volume", "rm", "ram")
        assert (refused.code, "volume is in use" in refused.stderr) == (1, True)
    assert run(hezi, busybox_image, "ls /m", "-v", "ram:/m").stdout == ""
    hezi.run("volume", "rm", "ram", check=True)
    assert hezi.mounts() == []


def test_a_volume_of_mount_options(hezi: Hezi, busybox_image: str) -> None:
    opts = "volume-opt=type=tmpfs,volume-opt=device=tmpfs,volume-opt=o=size=2m,volume-label=a=b"
    script = "grep ' /m ' /proc/mounts"
    for name in ("", "src=named,"):
        done = run(hezi, busybox_image, script, "--mount", f"type=volume,{name}dst=/m,{opts}")
        assert done.stdout == "tmpfs /m tmpfs rw,relatime,size=2048k 0 0\n", done.stderr
    assert volumes(hezi) == ["named"]
    document = hezi.run("volume", "inspect", "-f", "{{json .Options}} {{json .Labels}}", "named", check=True).stdout
    assert document == '{"device":"tmpfs","o":"size=2m","type":"tmpfs"} {"a":"b"}\n'
    assert hezi.mounts() == []


def test_a_directory_of_the_host_as_a_volume(hezi: Hezi, busybox_image: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "file").write_text("of the host\n")
    for name, flags in (("plain", "bind"), ("locked", "bind,ro")):
        words = ("-o", "type=none", "-o", f"device={data}", "-o", f"o={flags}")
        hezi.run("volume", "create", *words, name, check=True)
    options = ("-v", "plain:/p", "-v", "locked:/l")
    done = run(hezi, busybox_image, "cat /p/file /l/file; touch /p/new; touch /l/no", *options)
    assert done.stdout == "of the host\nof the host\n"
    assert "/l/no: Read-only file system" in done.stderr
    hezi.run("volume", "rm", "plain", "locked", check=True)
    assert sorted(os.listdir(data)) == ["file", "new"]
    assert hezi.mounts() == []


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("type=tmpfs", "device=tmpfs", "o=bogus=1"), "failed to mount local volume: mount tmpfs:"),
        (("type=ext4", "device=/dev/nosuch"), "_data: no such file or directory"),
        (("type=nosuchfs", "device=x"), "no such device"),
        (("type=none", "device=/no/such/dir", "o=bind"), "failed to mount local volume: mount /no/such/dir:"),
        (("type=nfs", "device=:/x", "o=addr=no-such-host.invalid"), "lookup no-such-host.invalid"),
    ],
)
def test_a_volume_that_cannot_be_mounted(hezi: Hezi, busybox_image: str, options: tuple[str, ...], text: str) -> None:
    hezi.run("volume", "create", *(word for option in options for word in ("-o", option)), "bad", check=True)
    done = run(hezi, busybox_image, "true", "-v", "bad:/m")
    assert done.code == 125
    assert text in done.stderr
    hezi.run("volume", "rm", "bad", check=True)
    assert hezi.mounts() == []


# --- other containers' ------------------------------------------------------------------------------------------------


def test_volumes_from_another_container(hezi: Hezi, busybox_image: str, tmp_path: Path) -> None:
    (tmp_path / "host").mkdir()
    own = ("-v", "named:/named", "-v", "/anon", "-v", f"{tmp_path}/host:/host:ro", "--tmpfs", "/ram")
    run(hezi, busybox_image, "echo n >/named/f; echo a >/anon/f", "--name", "one", *own, keep=True)
    words = "for d in named anon host; do cat /$d/f 2>/dev/null; touch /$d/x && echo $d; done; ls -d /ram"
    done = run(hezi, busybox_image, words, "--volumes-from", "one")
    assert done.stdout == "n\nnamed\na\nanon\n"
    assert "/host/x: Read-only" in done.stderr
    done = run(hezi, busybox_image, "touch /named/y; ls /named", "--volumes-from", "one:ro")
    assert done.stdout == "f\nx\n"
    assert "Read-only" in done.stderr
    # What is asked for goes before what is taken over, and the later container before the earlier one.
    over = ("--volumes-from", "one", "-v", f"{tmp_path}:/named", "--tmpfs", "/anon")
    done = run(hezi, busybox_image, "test -d /named/host && echo mine; ls /anon", *over)
    assert done.stdout == "mine\n"
    hezi.run("create", "--network", "none", "--name", "two", "-v", "other:/named", busybox_image, check=True)
    both = "cat /named/f; cat /anon/f"
    assert run(hezi, busybox_image, both, "--volumes-from", "one", "--volumes-from", "two").stdout == "a\n"
    assert run(hezi, busybox_image, both, "--volumes-from", "two", "--volumes-from", "one").stdout == "n\na\n"


def test_an_anonymous_volume_goes_with_its_last_container(hezi: Hezi, busybox_image: str) -> None:
    run(hezi, busybox_image, "echo kept >/anon/f", "--name", "one", "-v", "/anon", "-v", "named:/n", keep=True)
    (anonymous,) = set(volumes(hezi)) - {"named"}
    # Not with one that only uses it, whether it goes by itself or is removed.
    assert run(hezi, busybox_image, "cat /anon/f", "--volumes-from", "one").stdout == "kept\n"
    hezi.run("create", "--network", "none", "--name", "two", "--volumes-from", "one", busybox_image, check=True)
    hezi.run("rm", "-v", "one", check=True)
    assert set(volumes(hezi)) == {anonymous, "named"}
    hezi.run("rm", "-v", "two", check=True)
    assert volumes(hezi) == ["named"]


@pytest.mark.parametrize(("options", "left"), [((), 1), (("-v",), 0)])
def test_an_anonymous_volume_stays_with_plain_rm(
    hezi: Hezi, busybox_image: str, options: tuple[str, ...], left: int
) -> None:
    hezi.run("create", "--network", "none", "--name", "one", "-v", "/anon", busybox_image, check=True)
    assert len(volumes(hezi)) == 1
    hezi.run("rm", *options, "one", check=True)
    assert len(volumes(hezi)) == left


def test_volumes_from_nobody(hezi: Hezi, busybox_image: str) -> None:
    for text, message in {
        "": "volumes-from specification cannot be an empty string",
        "nosuch": "No such container: nosuch",
        "nosuch:xx": "invalid mode: xx",
        "x:nocopy": "invalid mode: nocopy",
        ":ro": 'invalid name or ID supplied: ""',
    }.items():
        done = run(hezi, busybox_image, "true", "--volumes-from", text)
        assert (done.code, message in done.stderr) == (125, True), done.stderr


# --- started again ----------------------------------------------------------------------------------------------------


def test_a_container_finds_its_mounts_again(hezi: Hezi, busybox_image: str, part: Path) -> None:
    hezi.run("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "ram", check=True)
    hezi.run("create", "--network", "none", "--name", "other", "-v", "/taken", busybox_image, check=True)
    mounts = (
        *("--mount", "type=volume,src=data,dst=/part,volume-subpath=a/b", "-v", "ram:/ram", "--volumes-from", "other"),
        *("--mount", f"type=image,src={busybox_image},dst=/image,image-subpath=bin"),
    )
    script = (
        "cat /part/file; ls /ram; echo x >/ram/x; test -x /image/sh && echo image; echo x >>/taken/x; wc -l </taken/x"
    )
    words = ("create", "--network", "none", "--name", "again", *mounts, busybox_image, "sh", "-c", script)
    hezi.run(*words, check=True)
    hezi.run("rm", "other", check=True)
    for times in (1, 2):
        done = hezi.run("start", "-a", "again")
        # The tmpfs is a new one, since nobody had it in between; the anonymous volume of the other one is kept.
        assert done.stdout == f"in the volume\nimage\n{times}\n", done.stderr
    hezi.run("rm", "-v", "again", check=True)
    assert volumes(hezi) == ["data", "ram"]
    assert hezi.mounts() == []


def test_a_container_restarted_by_its_monitor_has_its_mounts(hezi: Hezi, busybox_image: str, part: Path) -> None:
    mounts = (
        *("--mount", "type=volume,src=data,dst=/part,volume-subpath=a/b"),
        *("--mount", f"type=image,src={busybox_image},dst=/image,image-subpath=bin"),
    )
    script = "cat /part/file; test -x /image/sh && echo image; exit 3"
    restart = ("--restart", "on-failure:1")
    words = ("run", "-d", "--network", "none", "--name", "twice", *restart, *mounts, busybox_image, "sh", "-c", script)
    hezi.run(*words, check=True)
    assert wait_until(
        lambda: hezi.run("inspect", "-f", "{{.RestartCount}} {{.State.Status}}", "twice").stdout == "1 exited\n"
    )
    assert hezi.run("logs", "twice", check=True).stdout == "in the volume\nimage\n" * 2
    hezi.run("rm", "twice", check=True)
