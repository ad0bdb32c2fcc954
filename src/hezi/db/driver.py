"""Python's SQLite module, loaded without what it needs one function of.

``_sqlite3`` imports ``functools`` for ``lru_cache``, its cache of statements. That brings ``collections``,
``operator``, ``types`` and more: two thirds of what loading SQLite takes, and a tenth of the time of ``hezi images``.
The cache itself is in C, in ``_functools``, and is all that it gets here.

Where ``functools`` is loaded nothing is done, and so it is with threads: ``threading`` imports it. A program with one
thread cannot see the stand-in, which is gone when this module is loaded.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["sqlite3"]

_FUNCTOOLS = "functools"


class _StandIn:
    """As much of ``functools`` as ``_sqlite3`` asks for."""

    @staticmethod
    def lru_cache(maxsize: int) -> Callable[[Any], Any]:
        """Return what caches a function's results, the least recently used ones going first."""
        # What functools itself uses.
        wrapper: Any = __import__("_functools")._lru_cache_wrapper  # noqa: SLF001 - there is no public way without it
        return lambda function: wrapper(function, maxsize, False, None)


def _stand_in() -> bool:
    if _FUNCTOOLS in sys.modules or "threading" in sys.modules:
        return False
    try:
        _StandIn.lru_cache(1)(len)
    except (ImportError, AttributeError, TypeError):
        return False  # a Python that keeps it elsewhere: then all of functools
    sys.modules[_FUNCTOOLS] = _StandIn  # type: ignore[assignment]  # found there by C code, which asks for an attribute
    return True


_stands_in = _stand_in()
try:
    import _sqlite3 as sqlite3  # noqa: PLC2701 - the rest of sqlite3 is adapters for datetime, which costs 2 ms
finally:
    if _stands_in:
        del sys.modules[_FUNCTOOLS]
