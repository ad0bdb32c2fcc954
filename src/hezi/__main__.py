"""``python -m hezi``: the command line without an installed script."""

from __future__ import annotations

from hezi.front.cli.main import run

run()
