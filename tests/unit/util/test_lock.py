from __future__ import annotations

import os
import subprocess
import sys

from hezi._util.lock import FileLock

HOLDER = """
import os, sys
from hezi._util.lock import FileLock
lock = FileLock(os.open(sys.argv[1], os.O_RDONLY), "lock")
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_second_holder_is_told_without_waiting(tmp_path):
    directory = os.open(tmp_path, os.O_RDONLY)
    with FileLock(directory, "lock"):
        assert FileLock(directory, "lock", blocking=False).acquire() is False
    other = FileLock(directory, "lock", blocking=False)
    assert other.acquire() is True
    other.release()
    os.close(directory)


def test_readers_share(tmp_path):
    directory = os.open(tmp_path, os.O_RDONLY)
    with FileLock(directory, "lock", shared=True):
        second = FileLock(directory, "lock", shared=True, blocking=False)
        assert second.acquire()
        assert FileLock(directory, "lock", blocking=False).acquire() is False
        second.release()
    os.close(directory)


def test_a_killed_holder_leaves_no_lock(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    assert holder.stdout.readline() == b"held\n"
    directory = os.open(tmp_path, os.O_RDONLY)
    lock = FileLock(directory, "lock", blocking=False)
    assert lock.acquire() is False
    holder.kill()
    holder.communicate()
    assert lock.acquire() is True
    lock.release(remove=True)
    assert os.listdir(tmp_path) == []
    os.close(directory)


def test_the_lock_of_a_removed_file_is_not_taken_for_the_new_one(tmp_path):
    directory = os.open(tmp_path, os.O_RDONLY)
    first = FileLock(directory, "lock")
    first.acquire()
    os.unlink(tmp_path / "lock")
    # The name is free again: who takes it now holds another file, and both are right.
    second = FileLock(directory, "lock", blocking=False)
    assert second.acquire() is True
    second.release()
    first.release()
    os.close(directory)
