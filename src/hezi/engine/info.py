"""What ``info`` and ``version`` say about this machine."""

from __future__ import annotations

import os
import sys

import hezi
from hezi import errors
from hezi.engine.results import Version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hezi.engine.paths import Paths


def version() -> Version:
    """See :meth:`hezi.engine.engine.System.version`."""
    machine = os.uname()
    python = ".".join(str(part) for part in sys.version_info[:3])
    return Version(hezi.__version__, python, machine.release, machine.sysname.lower(), machine.machine)


def info(paths: Paths) -> dict[str, Any]:
    """See :meth:`hezi.engine.engine.System.info`.

    Works without root and without a store: what cannot be known is said so, not guessed.
    """
    from hezi.engine import facts

    own = version()
    host = facts.gather()
    found: dict[str, Any] = {
        "version": own.version,
        "python": own.python,
        "root": paths.root,
        "runroot": paths.runroot,
        **_store(paths),
        "kernel": own.kernel,
        "operating_system": _system_name(),
        "architecture": own.architecture,
        "cpus": host.cpus,
        "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "security": {"modules": list(host.lsms), "seccomp": "builtin", "capabilities": len(host.capabilities)},
        "cgroup": _cgroup(),
        "kernel_features": _features(),
    }
    return found


def _store(paths: Paths) -> dict[str, Any]:
    """Count what is there; nothing is made for the question's sake."""
    if not os.path.exists(paths.database):
        return {"images": 0, "containers": 0, "driver": _driver(paths)}
    from hezi.db import containers, images
    from hezi.db.connection import Database

    try:
        database = Database(paths.database)
    except errors.Error as error:
        return {"store": str(error)}
    try:
        with database.read() as connection:
            counts = len(images.list_all(connection)), len(containers.list_all(connection))
    except errors.Error as error:
        return {"store": str(error)}
    finally:
        database.close()
    return {"images": counts[0], "containers": counts[1], "driver": _driver(paths)}


def _driver(paths: Paths) -> dict[str, Any]:
    from hezi.store.snapshot import drivers

    found: dict[str, Any] = {"name": drivers.DEFAULT}
    if not os.path.isdir(paths.root):
        return found
    try:
        driver = drivers.open_driver(drivers.DEFAULT, paths.root)
        try:
            found["usable"] = driver.probe() or True
        finally:
            driver.close()
    except errors.Error as error:
        found["usable"] = str(error)
    return found


def _cgroup() -> dict[str, Any]:
    from hezi.linux.cgroup import layout

    try:
        found = layout.detect()
    except OSError as error:
        return {"layout": f"unknown: {error}"}
    controllers = sorted({name for one in found.hierarchies for name in one.controllers})
    return {"layout": found.kind, "controllers": controllers}


def _features() -> dict[str, Any]:
    from hezi.linux import features

    return {one.name: one.present for one in features.probe_all()}


def _system_name() -> str:
    """The distribution's own name for itself (os-release(5))."""
    try:
        with open("/etc/os-release", encoding="utf-8", errors="replace") as file:
            for line in file:
                key, _, value = line.rstrip().partition("=")
                if key == "PRETTY_NAME":
                    return value.strip("\"'")
    except OSError:
        pass
    return "Linux"
