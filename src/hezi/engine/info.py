"""What ``info`` and ``version`` say about this machine."""

from __future__ import annotations

import os
import sys

import hezi
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
    """See :meth:`hezi.engine.engine.System.info`."""
    return {"root": paths.root, "runroot": paths.runroot}
