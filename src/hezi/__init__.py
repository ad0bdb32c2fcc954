"""hezi: a container engine in Python.

Importing this package imports nothing else; public names are resolved when they are first used (PEP 562).
"""

from __future__ import annotations

__version__ = "0.1.0"

# name -> module that defines it
_PUBLIC = {
    "Engine": "hezi.engine.engine",
    "RunResult": "hezi.engine.results",
    "Error": "hezi.errors",
}

__all__ = ["Engine", "Error", "RunResult", "__version__"]  # noqa: F822 - resolved by __getattr__


def __getattr__(name: str) -> object:
    module_name = _PUBLIC.get(name)
    if module_name is None:
        message = f"module 'hezi' has no attribute {name!r}"
        raise AttributeError(message)
    # __import__ rather than importlib, whose import alone would cost as much as bare hezi.
    module = __import__(module_name, fromlist=[name])
    value: object = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
