"""The command line on real images: what it prints, where, and how it ends."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time

import pytest

pytestmark = [pytest.mark.needs("root", "overlay", "docker-registry"), pytest.mark.usefixtures("leftovers_guard")]


@pytest.fixture
def pulled(hezi_env, busybox_image):
    hezi_env.run("pull", "-q", busybox_image, check=True)
    return busybox_image


def test_pull_without_a_terminal_prints_dockers_lines(hezi_env, busybox_image):
    done = hezi_env.run("pull", busybox_image, check=True)
    lines = done.stdout.splitlines()
    assert lines[0] == "latest: Pulling from busybox"
    assert re.fullmatch(r"[0-9a-f]{12}: Pulling fs layer", lines[1])
    assert re.search(r"^[0-9a-f]{12}: Pull complete$", done.stdout, re.MULTILINE)
    assert re.fullmatch(r"Digest: sha256:[0-9a-f]{64}", lines[-3])
    assert lines[-2] == f"Status: Downloaded newer image for {busybox_image}"
    assert lines[-1] == busybox_image
    again = hezi_env.run("pull", busybox_image, check=True)
    assert f"Status: Image is up to date for {busybox_image}" in again.stdout


def test_pull_names_the_default_tag(hezi_env, busybox_image):
    done = hezi_env.run("pull", busybox_image.removesuffix(":latest"), check=True)
    assert done.stdout.startswith("Using default tag: latest\n")


def test_quiet_pull_prints_the_reference_only(hezi_env, busybox_image):
    done = hezi_env.run("pull", "-q", busybox_image, check=True)
    assert done.stdout == f"{busybox_image}\n"
    assert not done.stderr


def test_pull_as_json(hezi_env, busybox_image):
    done = hezi_env.run("pull", "--progress=json", busybox_image, check=True)
    assert any(json.loads(line).get("status") == "Pull complete" for line in done.stdout.splitlines())


def test_pull_of_something_missing(hezi_env, registry_server, busybox_image):
    name = busybox_image.replace("busybox", "nothing-here")
    done = hezi_env.run("pull", name)
    assert done.code == 1
    assert done.stderr.startswith("hezi: ")
    assert "nothing-here" in done.stderr
    assert "Traceback" not in done.stderr


def test_images_and_rmi(hezi_env, pulled):
    header, row = hezi_env.run("images", check=True).stdout.splitlines()
    assert header.split() == ["REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE"]
    repository, tag, short = row.split()[:3]
    assert f"{repository}:{tag}" == pulled
    assert hezi_env.run("images", "-q").stdout == f"{short}\n"
    full = hezi_env.run("image", "ls", "-q", "--no-trunc").stdout.strip()
    assert full.startswith(f"sha256:{short}")
    assert len(full) == 71
    digest = hezi_env.run("images", "--digests", check=True).stdout.splitlines()[1].split()[2]
    done = hezi_env.run("rmi", pulled, "no-such-image")
    assert done.code == 1
    lines = done.stdout.splitlines()
    assert lines[:2] == [f"Untagged: {pulled}", f"Untagged: {repository}@{digest}"]
    assert lines[2] == f"Deleted: {full}"
    assert "no-such-image" in done.stderr
    assert hezi_env.run("images").stdout == "REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n"
    assert hezi_env.run("rmi", "-f", "no-such-image").code == 0


def test_run_pulls_what_is_missing_and_says_so_on_standard_error(hezi_env, busybox_image):
    done = hezi_env.run("run", "--rm", busybox_image, "echo", "hello")
    assert (done.code, done.stdout) == (0, "hello\n")
    assert done.stderr.startswith(f"Unable to find image '{busybox_image}' locally\n")
    assert re.search(
        f"\\nDigest: sha256:[0-9a-f]{{64}}\\nStatus: Downloaded newer image for {busybox_image}\\n", done.stderr
    )
    done = hezi_env.run("run", "--rm", "--network", "none", busybox_image, "echo", "hello")
    assert not done.stderr


def test_quiet_run_says_nothing_about_the_pull(hezi_env, busybox_image):
    done = hezi_env.run("run", "-q", "--rm", "--network=none", busybox_image, "true")
    assert (done.code, done.stdout, done.stderr) == (0, "", "")


def test_never_pull(hezi_env, busybox_image):
    done = hezi_env.run("run", "--pull=never", "--rm", busybox_image, "true")
    assert done.code == 125
    assert busybox_image in done.stderr


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("true",), 0),
        (("sh", "-c", "exit 42"), 42),
        (("no-such-program",), 127),
        (("/etc/passwd",), 126),
        (("/",), 126),
    ],
)
def test_exit_codes(command, code, hezi_env, pulled):
    done = hezi_env.run("run", "--rm", "--network", "none", pulled, *command)
    assert done.code == code
    assert (code in {126, 127}) == done.stderr.startswith("hezi: ")


def test_exit_code_of_a_signal(hezi_env, pulled):
    done = hezi_env.run("run", "--rm", "--init", "--network=none", pulled, "sh", "-c", "kill -9 $$")
    assert done.code == 137


@pytest.mark.parametrize(
    "flags",
    [
        ("--pid=foo",),
        ("--uts=foo",),
        ("--ipc=foo",),
        ("--userns=foo",),
        ("--cgroupns=foo",),
        ("--network=no-such-network",),
        ("--security-opt=foo",),
        ("--cap-add=FOO",),
        ("--device=x",),
        ("--mount=type=bind",),
        ("--tmpfs=x",),
        ("-v", "a:b:c:d"),
        ("--stop-signal=FOO",),
        ("--platform=a/b/c/d/e",),
        ("--env-file=/no/such/file",),
        ("--label-file=/no/such/file",),
        ("--user=nobody-here",),
        ("--oom-score-adj=5000",),
    ],
    ids=lambda flags: flags[0],
)
def test_wrong_values_are_125_and_one_clear_line(flags, hezi_env, pulled):
    done = hezi_env.run("run", "--rm", *flags, pulled, "true")
    assert done.code == 125
    first = next(line for line in done.stderr.splitlines() if "network" not in line or "--network" in flags[0])
    assert first.startswith("hezi: ")
    assert "internal error" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("run --detach-keys ctrl-1 IMAGE true", 1),
        ("run -d -a stdout IMAGE true", 1),
        ("create --restart on-failure:x IMAGE", 125),
        ("create --restart bogus IMAGE", 1),
        ("create --pull sometimes IMAGE", 125),
        ("create --mount type=bind,src=/no/such/file,dst=/m IMAGE", 1),
        ("create --runtime runc IMAGE", 1),
        ("volume rm -f ''", 1),
        ("volume ls --cluster", 1),
        ("update --kernel-memory 1m nobody", 1),
        ("events --since 1h --until 0s --format {{.Nosuch}}", 64),
    ],
)
def test_exit_codes_of_mistakes(line, code, hezi_env, pulled):
    done = hezi_env.run(*shlex.split(line.replace("IMAGE", pulled)))
    assert (done.code, done.stdout) == (code, "")
    assert "unknown flag" not in done.stderr


@pytest.mark.parametrize("flags", ["--runtime ''", "--isolation ''", "--isolation default"])
def test_what_asks_for_nothing_is_not_refused(flags, hezi_env, pulled):
    container = hezi_env.run("create", "--name", "one", *shlex.split(flags), pulled, "", check=True).stdout.strip()
    assert hezi_env.run("inspect", "-f", "{{.Id}}", "one", check=True).stdout.strip() == container
    assert hezi_env.run("ps", "-a", "--format", "{{.Platform}}", check=True).stdout == "<nil>\n"
    assert hezi_env.run("start", "one").code == 1
    assert hezi_env.run("inspect", "-f", "{{.State.ExitCode}}", "one", check=True).stdout == "127\n"
    hezi_env.run("rm", "one", check=True)


def test_standard_input_goes_in_only_when_asked(hezi_env, pulled):
    given = hezi_env.run("run", "-i", "--rm", "--network=none", pulled, "cat", input="through\n")
    assert given.stdout == "through\n"
    closed = hezi_env.run("run", "--rm", "--network=none", pulled, "cat", input="through\n")
    assert (closed.code, closed.stdout) == (0, "")


def test_output_and_errors_stay_apart(hezi_env, pulled):
    done = hezi_env.run("run", "--rm", "--network=none", pulled, "sh", "-c", "echo out; echo err >&2")
    assert (done.stdout, done.stderr) == ("out\n", "err\n")


def test_a_terminal_is_needed_for_it(hezi_env, pulled):
    done = hezi_env.run("run", "-it", "--rm", pulled, "sh")
    assert (done.code, done.stderr) == (1, "the input device is not a TTY\n")


def test_a_terminal_for_output_only(hezi_env, pulled):
    done = hezi_env.run("run", "-t", "--rm", "--network=none", pulled, "sh", "-c", "tty; [ -t 1 ] && echo yes")
    assert done.stdout == "/dev/pts/0\r\nyes\r\n"


def test_cidfile(hezi_env, pulled, tmp_path):
    path = tmp_path / "cid"
    hezi_env.run("run", "--cidfile", str(path), "--rm", pulled, "true", check=True)
    assert re.fullmatch(r"[0-9a-f]{64}", path.read_text())
    done = hezi_env.run("run", "--cidfile", str(path), "--rm", pulled, "true")
    assert done.code == 125
    assert str(path) in done.stderr


def test_plan_prints_and_starts_nothing(hezi_env, pulled, tmp_path):
    done = hezi_env.run("run", "--plan", "-v", f"{tmp_path}:/x", pulled, "touch", "/x/made", check=True)
    assert len(done.stdout.splitlines()) > 10
    assert not (tmp_path / "made").exists()
    as_json = hezi_env.run("run", "--plan=json", pulled, "true", check=True)
    assert json.loads(as_json.stdout)


def test_signals_are_passed_on(hezi_env, pulled):
    program = "trap 'echo got usr1' USR1; trap 'echo got term; exit 7' TERM; echo ready; while :; do sleep 0.1; done"
    process = hezi_env.popen("run", "--rm", "--network=none", pulled, "sh", "-c", program)
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGUSR1)
    assert process.stdout.readline() == b"got usr1\n"
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)
    assert (out, process.returncode) == (b"got term\n", 7)


def test_without_proxy_a_signal_ends_hezi_and_the_box(hezi_env, pulled):
    process = hezi_env.popen(
        "run", "--rm", "--network=none", "--sig-proxy=false", pulled, "sh", "-c", "echo a; sleep 99"
    )
    assert process.stdout.readline() == b"a\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 143


def test_four_interrupts_end_a_program_that_ignores_them(hezi_env, pulled):
    process = hezi_env.popen("run", "--rm", "--network=none", pulled, "sh", "-c", "trap '' INT; echo a; sleep 99")
    assert process.stdout.readline() == b"a\n"
    for _ in range(4):
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
    process.communicate(timeout=20)
    assert process.returncode == 130


def test_a_reader_that_goes_away(hezi_env, pulled):
    command = " ".join(hezi_env.argv("run", "--rm", "--network=none", pulled, "yes"))
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -1"], capture_output=True, env=hezi_env.env, timeout=30, check=False
    )
    assert done.stdout == b"y\n"
    assert b"Traceback" not in done.stderr


def test_linked_as_docker_it_is_docker(hezi_env, tmp_path):
    link = tmp_path / "docker"
    link.symlink_to(os.path.join(os.path.dirname(__file__), "../../src/hezi/__main__.py"))
    program = (
        "import sys; sys.argv[0] = sys.argv[1]; del sys.argv[1]; from hezi.front.cli.main import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(link), "run"],
        capture_output=True,
        text=True,
        env=hezi_env.env,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("docker: 'docker run' requires at least 1 argument\n")


def test_info(hezi_env):
    done = hezi_env.run("info", check=True)
    assert str(hezi_env.root) in done.stdout
