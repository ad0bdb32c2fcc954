"""The main job on something real: an image from a registry, a program in a box of its own, then `hezi images`.

usage: demo.py    (root; `make run` is what calls it)

With Docker Hub in reach the image is Docker Hub's busybox. Without, a real registry (Debian's docker-registry) is
started on a free loopback port, and filled with an image that hezi's own image code makes of busybox-static.
HEZI_DEMO_REGISTRY says which: ``docker.io``, ``local``, or the name of another registry that has ``library/busybox``.

Everything happens below one temporary directory, which is removed at the end, also on Ctrl-C.
"""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "src")]

from hezi.image.build import BuiltImage  # noqa: E402 - the path above finds it
from tests.support import registry  # noqa: E402 - the path above finds it
from tests.support.needs import find_tool  # noqa: E402

APPLETS = ("cat", "echo", "hostname", "id", "ls", "ps", "readlink", "sh", "true", "uname")
DOCKER_HUB = "https://registry-1.docker.io/v2/"


class DemoError(RuntimeError):
    """A step of the demonstration failed; the text says which."""


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with temporary_directory() as directory, registry_with_busybox(directory) as reference:
            demonstrate(directory, reference)
    except KeyboardInterrupt:
        say("stopped; everything is cleaned up")
        return 130
    except DemoError as error:
        say(f"failed: {error}")
        return 1
    say("done; everything is cleaned up")
    return 0


def demonstrate(directory: Path, reference: str) -> None:
    show(directory, "pull", reference)
    show(directory, "run", "--rm", "--network", "none", reference, "echo", "hello from a box of its own")
    inside = "echo I am process $$ on $(hostname), user $(id -u); ps; ls /"
    show(directory, "run", "--rm", "--network", "none", "--hostname", "box", reference, "sh", "-c", inside)
    show(directory, "images")


def show(directory: Path, *args: str) -> None:
    """Print a hezi command, then run it in an installation of its own below ``directory``.

    :raises DemoError: it failed.
    """
    print(f"\n$ {shlex.join(['hezi', *args])}", flush=True)
    environment = {
        **os.environ,
        "HEZI_ROOT": str(directory / "root"),
        "HEZI_NETWORK": "none",
        "HEZI_RUNROOT": str(directory / "run"),
        "PYTHONPATH": str(REPOSITORY / "src"),
    }
    code = subprocess.run([sys.executable, "-m", "hezi", *args], env=environment, check=False).returncode
    if code:
        raise DemoError(f"hezi {args[0]} ended with exit code {code}")


@contextlib.contextmanager
def registry_with_busybox(directory: Path) -> Iterator[str]:
    """The reference of a busybox image: Docker Hub's, or one made here in a registry started here."""
    wanted = os.environ.get("HEZI_DEMO_REGISTRY") or ("docker.io" if docker_hub_answers() else "local")
    if wanted != "local":
        say(f"the image comes from {wanted}")
        yield f"{wanted}/library/busybox:latest"
        return
    say("Docker Hub is out of reach: starting a registry on the loopback interface, with an image made here")
    install("docker-registry", "busybox-static")
    try:
        with registry.running(directory / "registry") as server:
            reference = f"{server.host}/library/busybox:latest"
            push(server.host, make_image())
            say(f"pushed {reference}, made of busybox-static")
            yield reference
    except RuntimeError as error:
        raise error if isinstance(error, DemoError) else DemoError(str(error)) from error


def docker_hub_answers() -> bool:
    """Tell whether Docker Hub is in reach: it answers 401 to whoever says nothing."""
    from urllib.error import HTTPError, URLError
    from urllib.request import urlopen

    try:
        urlopen(DOCKER_HUB, timeout=4).close()
    except HTTPError as error:
        return error.code == 401
    except (URLError, OSError):
        return False
    return True


def install(*packages: str) -> None:
    subprocess.run([str(REPOSITORY / "tools" / "prepare"), "install", *packages], check=False)
    missing = [tool for tool in ("docker-registry", "busybox") if find_tool(tool) is None]
    if missing:
        raise DemoError(
            f"{' and '.join(missing)} cannot be installed here; HEZI_DEMO_REGISTRY may name another registry"
        )


def make_image() -> BuiltImage:
    """Make an image of busybox with hezi's image code."""
    from hezi.image import build
    from hezi.spec import image, platform

    program = Path(find_tool("busybox") or "/bin/busybox").read_bytes()
    files = [build.directory(name) for name in (b"bin", b"dev", b"etc", b"proc", b"root", b"sys")]
    files.append(build.directory(b"tmp", 0o1777))
    files.append(build.FileSpec(b"bin/busybox", data=program, mode=0o755))
    files.extend(build.symlink(b"bin/" + name.encode(), b"busybox") for name in APPLETS)
    files.append(build.FileSpec(b"etc/passwd", data=b"root:x:0:0:root:/root:/bin/sh\n"))
    files.append(build.FileSpec(b"etc/group", data=b"root:x:0:\n"))
    config = image.ContainerConfig(cmd=("/bin/sh",), env=("PATH=/bin",))
    machine = platform.host_platform(os.uname().machine)
    return build.build_image([files], config, machine, created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))


def push(host: str, built: BuiltImage) -> None:
    """Push the image as ``library/busybox:latest`` with hezi's registry client."""
    from hezi.registry.client import RegistryClient
    from hezi.registry.config import host_policy
    from hezi.registry.credentials import Anonymous
    from hezi.spec import image

    client = RegistryClient(host, policy=host_policy(host), credentials=Anonymous(), user_agent="hezi-demo")
    with contextlib.closing(client):
        for descriptor, data in built.blobs:
            client.push_blob("library/busybox", descriptor.digest, descriptor.size, io.BytesIO(data))
        client.push_manifest("library/busybox", "latest", image.OCI_MANIFEST, built.manifest_raw)


@contextlib.contextmanager
def temporary_directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="hezi-demo-", dir="/var/tmp"))
    rounds = 20
    try:
        yield path
        rounds = 1
    finally:
        # A Ctrl-C between the start of a hezi and our knowing of it leaves that one to end by itself: for a moment it
        # may make again what was removed.
        for _ in range(rounds):
            shutil.rmtree(path, ignore_errors=True)
            if rounds > 1:
                time.sleep(0.05)


def say(text: str) -> None:
    print(f"make run: {text}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
