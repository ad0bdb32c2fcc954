"""Everything shared by the tests lives in tests/support; this file only says so to pytest."""

from __future__ import annotations

from hypothesis import settings

# How long an example takes says how busy the machine is.
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")

pytest_plugins = ["tests.support.plugin", "tests.support.fixtures"]
