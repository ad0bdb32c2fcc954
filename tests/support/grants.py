"""Ids that /etc/subuid and /etc/subgid grant, for one test: files of its own over those of the machine."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from hezi.linux import mount, nscalls

FIRST = 2_000_000


@contextlib.contextmanager
def granted(directory: Path, text: str | None = f"containers:{FIRST}:1000000\n") -> Iterator[None]:
    """Have this thread, and all programs that it starts, see ``text`` in both files, in a mount namespace of its own.

    :param text: None for files without a line.
    """
    here = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    before = os.open("/proc/thread-self/ns/mnt", os.O_RDONLY)
    try:
        nscalls.unshare(nscalls.CLONE_NEWNS)
        try:
            mount.mount(None, "/", None, mount.MS_REC | mount.MS_SLAVE)
            source = directory / "granted"
            source.write_text(text or "")
            for name in ("subuid", "subgid"):
                Path(f"/etc/{name}").touch()
                mount.mount(str(source), f"/etc/{name}", None, mount.MS_BIND)
            yield
        finally:
            nscalls.setns(before, nscalls.CLONE_NEWNS)
            os.fchdir(here)
    finally:
        os.close(here)
        os.close(before)
