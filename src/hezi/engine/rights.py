"""What may be done as whom."""

from __future__ import annotations

import os

from hezi import errors


def check() -> None:
    """Refuse early and clearly where the kernel would refuse late.

    :raises errors.Error: we are not root.
    """
    if os.geteuid() != 0:
        hint = "run it as root, as with sudo; containers without root come with a later release"
        raise errors.Error(errors.PERMISSION, "running a container needs root", hint=hint)
