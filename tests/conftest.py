"""Everything shared by the tests lives in tests/support; this file only says so to pytest."""

from __future__ import annotations

pytest_plugins = ["tests.support.plugin", "tests.support.fixtures"]
