"""--pid container:NAME and --ipc container:NAME: boxes that have a face in common."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support.harness import Hezi, wait_until

BOX = ("root", "overlay", "docker-registry", "skopeo", "busybox")
RUN = ("run", "--network", "none")


@pytest.fixture
def web(hezi_env: Hezi, busybox_image: str, leftovers_guard: None) -> Iterator[int]:
    """A container that runs; its first process."""
    hezi_env.run(*RUN, "-d", "--name", "web", busybox_image, "sleep", "1000", check=True)
    yield int(hezi_env.run("inspect", "--format", "{{.State.Pid}}", "web", check=True).stdout)
    for name in ("guest", "web", "other"):
        hezi_env.run("rm", "-f", name)


@pytest.mark.needs(*BOX)
def test_it_sees_and_may_signal_the_processes_of_the_other(hezi_env: Hezi, busybox_image: str, web: int):
    join = (*RUN, "--rm", "--pid", "container:web", busybox_image)
    done = hezi_env.run(*join, "ps", "-o", "pid,args", check=True)
    assert done.stdout.splitlines()[1].split() == ["1", "sleep", "1000"]
    done = hezi_env.run(*join, "readlink", "/proc/self/ns/pid", check=True)
    assert done.stdout.strip() == os.readlink(f"/proc/{web}/ns/pid")
    # Its own first process is not process 1, and nothing else is shared.
    done = hezi_env.run(*join, "sh", "-c", "echo $$ $(hostname)", check=True)
    number, name = done.stdout.split()
    assert int(number) > 1
    assert name != hezi_env.run("inspect", "--format", "{{.Config.Hostname}}", "web").stdout.strip()


@pytest.mark.needs(*BOX)
def test_its_end_leaves_the_other_alone_and_the_end_of_the_other_ends_it(hezi_env: Hezi, busybox_image: str, web: int):
    hezi_env.run(*RUN, "-d", "--name", "guest", "--pid", "container:web", busybox_image, "sleep", "1001", check=True)
    number = hezi_env.run("inspect", "--format", "{{.Id}}", "web").stdout
    assert hezi_env.run("inspect", "--format", "{{.HostConfig.PidMode}}", "guest").stdout == f"container:{number}"
    hezi_env.run("rename", "web", "other", check=True)
    hezi_env.run("kill", "guest", check=True)
    assert hezi_env.run("wait", "guest", check=True).stdout == "137\n"
    assert hezi_env.run("inspect", "--format", "{{.State.Running}}", "other").stdout == "true\n"
    hezi_env.run("start", "guest", check=True)
    hezi_env.run("kill", "other", check=True)
    assert hezi_env.run("wait", "guest", check=True).stdout == "137\n"
    done = hezi_env.run("start", "guest")
    assert done.code == 1
    assert "cannot join PID of a non running container: " in done.stderr


@pytest.mark.needs(*BOX)
def test_who_cannot_be_joined_is_named(hezi_env: Hezi, busybox_image: str, web: int):
    done = hezi_env.run(*RUN, "--rm", "--pid", "container:nosuch", busybox_image, "true")
    assert done.code == 125
    assert "No such container: nosuch" in done.stderr
    done = hezi_env.run(*RUN, "--restart", "always", "--pid", "container:web", busybox_image, "true")
    assert done.code == 125
    assert "--restart is not built for containers with --pid container:NAME" in done.stderr
    assert len(hezi_env.run("ps", "-aq").stdout.split()) == 1


@pytest.mark.needs(*BOX)
def test_queues_and_shared_memory_of_another(hezi_env: Hezi, busybox_image: str, leftovers_guard: None):
    options = ("-d", "--name", "donor", "--ipc", "shareable", busybox_image, "sleep", "1000")
    hezi_env.run(*RUN, *options, check=True)
    try:
        pid = int(hezi_env.run("inspect", "--format", "{{.State.Pid}}", "donor", check=True).stdout)
        join = (*RUN, "--rm", "--ipc", "container:donor", busybox_image)
        script = "readlink /proc/self/ns/ipc; echo from the guest > /dev/shm/note; df /dev/shm | tail -1"
        done = hezi_env.run(*join, "sh", "-c", script, check=True)
        assert done.stdout.splitlines()[0] == os.readlink(f"/proc/{pid}/ns/ipc")
        assert hezi_env.run("exec", "donor", "cat", "/dev/shm/note", check=True).stdout == "from the guest\n"
        assert hezi_env.run(*join, "cat", "/dev/shm/note", check=True).stdout == "from the guest\n"
        # Another one's shared memory is nobody's business.
        assert hezi_env.run(*RUN, "--rm", busybox_image, "ls", "/dev/shm", check=True).stdout == ""
        done = hezi_env.run(
            *RUN, "--rm", "--ipc", "container:donor", "--sysctl", "kernel.shmmax=1", busybox_image, "true"
        )
        assert done.code == 125
        assert "is for the container whose ipc namespace is joined" in done.stderr
        done = hezi_env.run(*join, "sh", "-c", "mount -o remount,rw /dev/shm")
        assert done.code != 0
    finally:
        hezi_env.run("rm", "-f", "donor", check=True)


@pytest.mark.needs(*BOX)
def test_what_was_not_offered_is_not_shared(hezi_env: Hezi, busybox_image: str, web: int):
    done = hezi_env.run(*RUN, "--rm", "--ipc", "container:web", busybox_image, "true")
    assert done.code == 125
    assert "non-shareable IPC" in done.stderr
    assert "--ipc shareable" in done.stderr


@pytest.mark.needs(*BOX)
def test_a_link_in_the_place_of_shared_memory_leads_nowhere(hezi_env: Hezi, busybox_image: str, leftovers_guard: None):
    """The donor has no /dev/shm of its own kind: what it put there must not show the host's files to the guest."""
    options = ("-d", "--name", "donor", "--privileged", "--ipc", "shareable", busybox_image, "sh", "-c")
    script = "umount /dev/shm && rmdir /dev/shm && ln -s / /dev/shm && touch /done && sleep 1000"
    hezi_env.run(*RUN, *options, script, check=True)
    try:
        assert wait_until(lambda: hezi_env.run("exec", "donor", "test", "-e", "/done").code == 0, timeout=30)
        done = hezi_env.run(*RUN, "--rm", "--ipc", "container:donor", busybox_image, "ls", "/dev/shm")
        assert done.code == 125
        assert done.stdout == ""
    finally:
        hezi_env.run("rm", "-f", "donor", check=True)
