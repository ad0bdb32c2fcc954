"""The images that tests use: a small busybox, a Debian, one with everything that is hard to unpack."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

from tests.support import layout
from tests.support.layout import Entry
from tests.support.needs import find_tool

APPLETS = [
    "sh", "ash", "cat", "chmod", "chown", "cp", "cut", "date", "dd", "df", "dmesg", "echo", "env", "expr",
    "false", "find", "free", "grep", "head", "hostname", "id", "ifconfig", "ip", "kill", "ln", "ls", "mkdir",
    "mknod", "mount", "mv", "nc", "od", "ping", "printf", "ps", "pwd", "readlink", "rm", "rmdir", "sed", "seq",
    "sleep", "sort", "stat", "stty", "sync", "tail", "tar", "tee", "test", "touch", "tr", "true", "tty",
    "umount", "uname", "uniq", "vi", "wc", "wget", "which", "whoami", "xargs", "yes", "sha256sum", "getopt",
    "mountpoint", "nproc", "trap",
]  # fmt: skip
PASSWD = b"root:x:0:0:root:/root:/bin/sh\nwww:x:33:33:www:/var/www:/bin/false\nann:x:1000:1000:Ann:/home/ann:/bin/sh\n"
GROUP = b"root:x:0:\nwww:x:33:\naudio:x:29:ann\nann:x:1000:\n"


def busybox_entries() -> list[Entry]:
    """A root file system of static busybox, with users to look up."""
    program = find_tool("busybox")
    if program is None:
        raise RuntimeError("busybox is missing (Debian package busybox-static)")
    directories = ["bin", "dev", "etc", "home", "proc", "root", "sys", "usr", "usr/bin", "var", "var/www"]
    return [
        *(Entry(f"{name}/", "dir", mode=0o755) for name in directories),
        Entry("home/ann/", "dir", mode=0o755, uid=1000, gid=1000),
        Entry("tmp/", "dir", mode=0o1777),
        Entry("bin/busybox", data=Path(program).read_bytes(), mode=0o755),
        *(Entry(f"bin/{name}", "symlink", target="busybox", mode=0o777) for name in APPLETS),
        Entry("etc/passwd", data=PASSWD),
        Entry("etc/group", data=GROUP),
    ]


def write_busybox(directory: Path, name: str = "latest") -> layout.Image:
    return layout.write(directory, name, [busybox_entries()])


def write_hard(directory: Path, name: str = "latest", compression: str = "gzip") -> layout.Image:
    """An image of three layers with whiteouts, opaque directories, hard links, devices, xattrs, long names."""
    long_name = "/".join(["d" * 90] * 4)
    first = [
        Entry("keep/", "dir", mode=0o755),
        Entry("keep/old", data=b"old"),
        Entry("keep/gone", data=b"gone"),
        Entry("opaque/", "dir", mode=0o755),
        Entry("opaque/below", data=b"below"),
        Entry("becomes-file/", "dir", mode=0o755),
        Entry("becomes-file/inside", data=b"x"),
        Entry("becomes-dir", data=b"was a file"),
        Entry("setuid", data=b"#!", mode=0o4755, uid=1000, gid=1000),
        Entry("link-a", data=b"linked" * 100),
        Entry("link-b", "hardlink", target="link-a"),
        Entry("exact-time", data=b"t", mtime=1_600_000_000.123456),
        Entry("with-xattr", data=b"x", xattrs={"user.colour": "red", "user.empty": ""}),
        Entry("dev/", "dir", mode=0o755),
        Entry("dev/null", "char", device=(1, 3), mode=0o666),
        Entry("dev/disk", "block", device=(8, 0), mode=0o660, gid=6),
        Entry("pipe", "fifo", mode=0o600),
        Entry(f"{long_name}/", "dir", mode=0o755),
        Entry(f"{long_name}/file", data=b"deep"),
        Entry("sticky/", "dir", mode=0o1777),
        Entry("umläut-盒子", data=b"utf-8"),
        Entry("absolute", "symlink", target="/keep/old"),
        Entry("dangling", "symlink", target="nowhere"),
    ]
    second = [
        Entry("keep/.wh.gone"),
        Entry("opaque/", "dir", mode=0o700),
        Entry("opaque/.wh..wh..opq"),
        Entry("opaque/above", data=b"above"),
        Entry("becomes-file", data=b"now a file"),
        Entry("becomes-dir/", "dir", mode=0o755),
        Entry("becomes-dir/inside", data=b"y"),
        Entry(".wh.dangling"),
    ]
    third = [
        Entry("keep/gone", data=b"back again", mode=0o600),
        Entry("zeros", data=b"\0" * 1_000_000 + b"end"),
        Entry("opaque/third", data=b"3"),
    ]
    return layout.write(directory, name, [first, second, third], compression=compression)


def write_nginx_tar(path: Path) -> None:
    """Debian's nginx as the root of a container: the files of its packages as they are installed, and its libraries."""
    packages = ["nginx", "nginx-common"]
    listed = subprocess.run(["dpkg", "-L", *packages], capture_output=True, text=True, check=True).stdout.split("\n")
    files = {name for name in listed if name.startswith("/") and "/share/doc" not in name and os.path.isfile(name)}
    site = {name for name in _below("/etc/nginx/sites-enabled") if os.path.islink(name)}
    entries = [
        Entry("etc/passwd", data=b"root:x:0:0::/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/false\n"),
        Entry("etc/group", data=b"root:x:0:\nwww-data:x:33:\n"),
        *(Entry(f"{name}/", "dir", mode=0o755) for name in ("run", "tmp", "var/log/nginx", "var/lib/nginx")),
        *(Entry(name[1:], data=Path(name).read_bytes(), mode=os.stat(name).st_mode & 0o777) for name in sorted(files)),
        *(Entry(name[1:], "symlink", target=os.readlink(name)) for name in sorted(site)),
        *_libraries("/usr/sbin/nginx"),
        Entry("var/www/html/index.html", data=b"<h1>a box</h1>\n"),
    ]
    path.write_bytes(layout.make_tar(entries))


def write_programs_tar(path: Path, programs: list[str]) -> None:
    """Programs of this machine with their libraries, busybox, and a page for its web server, as a container's root."""
    libraries = {entry.name: entry for program in programs for entry in _libraries(program)}
    entries = [
        Entry("tmp/", "dir", mode=0o1777),
        Entry("www/index.html", data=b"<h1>a box</h1>\n"),
        Entry("bin/busybox", data=Path(find_tool("busybox") or "").read_bytes(), mode=0o755),
        *(Entry(program[1:], data=Path(program).read_bytes(), mode=0o755) for program in programs),
        *libraries.values(),
    ]
    path.write_bytes(layout.make_tar(entries))


def _libraries(program: str) -> list[Entry]:
    """What a program is linked with, by the names that it is looked for by: directories may be links on the machine."""
    words = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout.split()
    links = {word: os.path.realpath(word) for word in words if word.startswith("/")}
    return [
        *(Entry(real[1:], data=Path(real).read_bytes(), mode=0o755) for real in sorted(set(links.values()))),
        *(Entry(name[1:], "symlink", target=real) for name, real in sorted(links.items()) if name != real),
    ]


def _below(directory: str) -> list[str]:
    return [os.path.join(top, name) for top, _, names in os.walk(directory) for name in names]


def write_debian(directory: Path, name: str = "bookworm", compression: str = "gzip") -> layout.Image:
    """A real Debian; made once by mmdebstrap and kept in the cache, since that takes half a minute."""
    tar = debian_tar().read_bytes()
    config = {"Cmd": ["bash"], "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]}
    return layout.write(directory, name, [tar], compression=compression, config=config)


def debian_tar() -> Path:
    """Return the file with the uncompressed tar of a minimal Debian, made when it is not in the cache."""
    cached = cache_dir() / "debian-bookworm.tar"
    with open(cache_dir() / "debian.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not cached.exists():
            fresh = cached.with_suffix(".new")
            argv = [
                "mmdebstrap", "--quiet", "--variant=essential", "--include=procps", "--format=tar",
                "--aptopt=APT::Install-Recommends \"false\"", "bookworm", str(fresh),
            ]  # fmt: skip
            # The machine's own apt sources: they are what is known to be reachable.
            sources = _apt_sources()
            done = subprocess.run([*argv, *sources], capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"mmdebstrap failed: {done.stderr}")
            fresh.rename(cached)
    return cached


def _apt_sources() -> list[str]:
    """Return the machine's sources that are for bookworm, as files mmdebstrap takes."""
    listed = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]
    files = [path for path in listed if path.suffix in {".list", ".sources"} and path.is_file()]
    texts = {str(path): path.read_text(errors="replace") for path in files}
    return [name for name, text in texts.items() if "/debian" in text and "bookworm" in text]


def cache_dir() -> Path:
    """Return $HEZI_TEST_CACHE, or hezi-tests in the user's cache directory."""
    named = os.environ.get("HEZI_TEST_CACHE")
    base = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hezi-tests"
    base.mkdir(parents=True, exist_ok=True)
    return base
