"""hezi as a library, as the guide shows it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import Any

import pytest

import hezi
from tests.support.harness import Hezi, wait_until

pytestmark = [
    pytest.mark.needs("root", "overlay", "cgroup", "docker-registry", "busybox"),
    pytest.mark.usefixtures("leftovers_guard"),
]


@pytest.fixture
def engine(hezi_env: Hezi) -> Any:
    with hezi_env.engine() as made:
        yield made


def test_run(engine: Any, busybox_image: str) -> None:
    done = engine.run(busybox_image, ["echo", "hi"])
    assert (done.exit_code, done.stdout, done.stderr, done.ok, done.text) == (0, b"hi\n", b"", True, "hi\n")


def test_options_and_input(engine: Any, busybox_image: str) -> None:
    done = engine.run(
        busybox_image,
        ["sh", "-c", 'cat; echo "$A $B $(id -u) $(pwd)"; exit 3'],
        input=b"typed ",
        env={"A": 1, "B": "two words"},
        user=1000,
        workdir="/tmp",
        network="none",
    )
    assert (done.exit_code, done.stdout) == (3, b"typed 1 two words 1000 /tmp\n")


def test_no_input_is_end_of_file(engine: Any, busybox_image: str) -> None:
    assert engine.run(busybox_image, ["cat"]).stdout == b""
    assert engine.run(busybox_image, ["cat"], input=b"").stdout == b""


def test_five_megabytes(engine: Any, busybox_image: str) -> None:
    data = bytes(range(256)) * (20 << 10)
    assert engine.run(busybox_image, ["cat"], input=data).stdout == data


def test_timeout_kills_and_cleans_up(engine: Any, busybox_image: str, hezi_env: Hezi) -> None:
    engine.images.pull(busybox_image)
    start = time.monotonic()
    with pytest.raises(hezi.Error) as caught:
        engine.run(busybox_image, ["sleep", "1000"], timeout=0.5)
    assert caught.value.kind == "timeout"
    assert time.monotonic() - start < 10
    assert not list((hezi_env.root / "containers").iterdir())


def test_errors_have_kinds(engine: Any, busybox_image: str) -> None:
    for command, options, kind in [
        (["no-such"], {}, "command-not-found"),
        (["/etc/passwd"], {}, "not-executable"),
        (["true"], {"user": "nobody2"}, "invalid"),
        (["true"], {"no_such_option": 1}, "invalid"),
        (["true"], {"network": "mine"}, "not-found"),
        ("true", {}, "invalid"),
    ]:
        with pytest.raises(hezi.Error) as caught:
            engine.run(busybox_image, command, **options)
        assert caught.value.kind == kind


def test_images(engine: Any, busybox_image: str) -> None:
    steps: list[Any] = []
    pulled = engine.images.pull(busybox_image, progress=steps.append)
    assert pulled.new
    assert pulled.name == busybox_image
    assert {"Pulling fs layer", "Downloading", "Download complete", "Pull complete"} <= {s.status for s in steps}
    (image,) = engine.images.list()
    assert engine.images.get(busybox_image) == image
    assert engine.images.get(image.image_id[7:19]).image_id == image.image_id
    assert image.size > 500_000
    removed = engine.images.remove(busybox_image)
    assert removed.untagged[0] == busybox_image
    assert engine.images.list() == ()


def test_from_threads(engine: Any, busybox_image: str) -> None:
    engine.images.pull(busybox_image)
    found: dict[int, bytes] = {}

    def work(number: int) -> None:
        found[number] = engine.run(busybox_image, ["echo", str(number)]).stdout

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: b"%d\n" % number for number in range(6)}


def test_system(engine: Any) -> None:
    facts = engine.system.info()
    assert facts["cgroup"]["layout"] in {"v1", "v2", "hybrid"}
    assert engine.system.version().version == hezi.__version__


def test_a_container_ends_with_the_program_that_ran_it(hezi_env: Hezi, busybox_image: str) -> None:
    """Engine.run is tied to its caller: nobody else would ever look after what it started."""
    source = f"import hezi; hezi.Engine().run({busybox_image!r}, ['sleep', '1000'], network='none')"
    program = subprocess.Popen([sys.executable, "-c", source], env=hezi_env.env)
    try:
        assert wait_until(lambda: hezi_env.run("ps", "-q").stdout)
    finally:
        program.kill()
        program.wait()
    assert wait_until(lambda: not hezi_env.processes())
    assert hezi_env.run("ps", "-aq").stdout == ""


def test_a_container_as_an_object(engine: Any, busybox_image: str) -> None:
    script = "trap 'exit 7' TERM; echo up; while :; do sleep 0.1; done"
    with engine.containers.run(busybox_image, ["sh", "-c", script], network="none") as box:
        assert next(box.logs(follow=True)).data == b"up\n"
        done = box.exec(["sh", "-c", "cat; echo e >&2; exit 3"], input=b"in")
        assert (done.exit_code, done.stdout, done.stderr) == (3, b"in", b"e\n")
        with pytest.raises(hezi.Error) as caught:
            box.exec(["sleep", "100"], timeout=0.3)
        assert caught.value.kind == "timeout"
        with pytest.raises(hezi.Error) as caught:
            box.wait(timeout=0.1)
        assert caught.value.kind == "timeout"
        box.pause()
        assert box.status == "paused"
        with pytest.raises(hezi.Error) as caught:
            box.exec(["true"])
        assert caught.value.kind == "conflict"
        box.unpause()
        box.stop(timeout=30)
        assert (box.wait(), box.status) == (7, "exited")
        box.start()
        box.kill()
        assert box.wait() == 137
    assert engine.containers.list(all=True) == ()
