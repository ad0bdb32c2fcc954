"""The compiled modules of hezi in one file, so that a command finds its hundred modules without a hundred searches.

Of what importing a module costs, Python's search for it (each directory of the path, the source, the compiled file
beside it) is more than a third; a `run` loads 150 modules of ours. The bundle lies beside the compiled files, in
``__pycache__``, is made from them and obeys their rules: an entry counts while its source has the time and the size it
was made from, PYTHONDONTWRITEBYTECODE keeps it from being written, and whoever may not write there goes without
(docs/adr/0022).

    magic number of Python's bytecode, "hezi", length of the index; index; code of one module after the other
"""

from __future__ import annotations

import marshal
import os
import sys

# Where importlib has them from: importlib.machinery and importlib.util are modules more to load.
from _frozen_importlib import ModuleSpec  # noqa: PLC2701
from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader, cache_from_source  # noqa: PLC2701

import hezi
from hezi._util import atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import CodeType, ModuleType
    from typing import Any

_ROOT = os.path.dirname(os.path.abspath(hezi.__file__))
_MAGIC = MAGIC_NUMBER + b"hezi"
_HEAD = len(_MAGIC) + 8
_INIT = "/__init__.py"

# offset behind the index and length of the code; time (ns) and size (bytes) of the source; its name below hezi/
_Entry = tuple[int, int, int, int, str]


class Finder:
    """Finds the modules of the bundle ``path`` for the import system; what it does not know is left to Python's own.

    :ivar missed: a module of hezi was asked for that the bundle has not, or has from another source.
    """

    __slots__ = ("_entries", "_path", "_start", "missed")

    def __init__(self, path: str) -> None:
        self._path = path
        self._start, self._entries = _read_index(path)
        self.missed = not self._entries

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module, with its code: nothing can fail any more when the import system asks for it to be executed."""
        entry = self._entries.get(name)
        if entry is None:
            self.missed = self.missed or name.startswith("hezi.")
            return None
        offset, length, time_ns, size, below = entry
        source = _ROOT + below
        try:
            now = os.stat(source)
            if now.st_mtime_ns != time_ns or now.st_size != size:
                self.missed = True
                return None
            code = marshal.loads(self._read(offset, length))  # noqa: S302 - as trusted as the .pyc files beside it
        except (OSError, EOFError, ValueError, TypeError):
            self.missed = True
            return None
        package = below.endswith(_INIT)
        # typeshed asks for a subclass of importlib.abc.Loader, which is a module more.
        loader: Any = _Loader(source, code)
        spec = ModuleSpec(name, loader, origin=source, is_package=package)
        if package:
            spec.submodule_search_locations = [source[: -len(_INIT)]]
        return spec

    def _read(self, offset: int, length: int) -> bytes:
        # Opened each time: a descriptor that stays open would have to be kept out of every container.
        fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.pread(fd, length, self._start + offset)
        finally:
            os.close(fd)


class _Loader:
    """Executes the code of one module that :class:`Finder` found."""

    __slots__ = ("_code", "_source")

    def __init__(self, source: str, code: CodeType) -> None:
        self._source = source
        self._code = code

    def create_module(self, _spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = self._source
        exec(self._code, module.__dict__)  # noqa: S102 - this is what importing is


def use() -> Finder | None:
    """Let the imports of this process go to the bundle first; None when there can be none here."""
    path = _path()
    if path is None:
        return None
    finder = Finder(path)
    sys.meta_path.insert(0, finder)
    return finder


def renew() -> bool:
    """Write the bundle again if it was used, lacked something and Python may write compiled files.

    It holds the modules that have a compiled file: nothing is compiled for it that no command used.

    :return: whether it was written. Where it cannot be, nothing is lost but the time it saves.
    """
    missed = any(isinstance(finder, Finder) and finder.missed for finder in sys.meta_path)
    if not missed or sys.dont_write_bytecode:
        return False
    path = _path()
    return path is not None and write(path)


def write(path: str | None = None) -> bool:
    """Write the bundle to ``path``, by default the one that :func:`use` reads; False where that is not possible."""
    path = path or _path()
    if path is None or not os.access(os.path.dirname(path), os.W_OK):
        return False
    entries: dict[str, _Entry] = {}
    codes: list[bytes] = []
    offset = 0
    for name, source, now, code in _compiled():
        packed = marshal.dumps(code)
        entries[name] = (offset, len(packed), now.st_mtime_ns, now.st_size, source[len(_ROOT) :])
        codes.append(packed)
        offset += len(packed)
    index = marshal.dumps((hezi.__version__, _ROOT, entries))
    data = b"".join((_MAGIC, len(index).to_bytes(8, "little"), index, *codes))
    try:
        fd = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # Readable by all, as the compiled files are. Synced: after a power cut it is whole or the old one.
            atomic.write_file(fd, os.path.basename(path), data, mode=0o644)
        finally:
            os.close(fd)
    except OSError:
        return False
    return True


def _path() -> str | None:
    tag: str | None = sys.implementation.cache_tag
    # Another place for compiled files, or code compiled otherwise: the rare case goes the ordinary way.
    if tag is None or sys.pycache_prefix or sys.flags.optimize:
        return None
    return f"{_ROOT}/__pycache__/modules.{tag}.bundle"


def _read_index(path: str) -> tuple[int, dict[str, _Entry]]:
    """Return where the code begins and what there is; nothing for a file of another Python, version or place."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            head = os.pread(fd, _HEAD, 0)
            if not head.startswith(_MAGIC):
                return 0, {}
            length = int.from_bytes(head[len(_MAGIC) :], "little")
            version, root, entries = marshal.loads(os.pread(fd, length, _HEAD))  # noqa: S302 - as above
        finally:
            os.close(fd)
    except (OSError, EOFError, ValueError, TypeError, OverflowError):
        return 0, {}
    return (_HEAD + length, entries) if (version, root) == (hezi.__version__, _ROOT) else (0, {})


def _compiled() -> Iterator[tuple[str, str, os.stat_result, CodeType]]:
    """Walk over the modules that have a compiled file: name, source, what it was before it was read, code."""
    for directory, below, files in os.walk(_ROOT):
        below.sort()
        package = "hezi" + directory[len(_ROOT) :].replace("/", ".")
        for file in sorted(files):
            source = f"{directory}/{file}"
            if not file.endswith(".py") or not os.path.exists(cache_from_source(source)):
                continue
            name = package if file == _INIT[1:] else f"{package}.{file[:-3]}"
            try:
                # Before its code: one that is edited in between must not pass for what it is then.
                now = os.stat(source)
                code = SourceFileLoader(name, source).get_code(name)
            except (OSError, SyntaxError):
                continue
            if code is not None:
                yield name, source, now, code
