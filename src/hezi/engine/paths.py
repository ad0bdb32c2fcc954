"""Where an engine keeps its things.

    root (/var/lib/hezi, $HEZI_ROOT)          runroot (/run/hezi, $HEZI_RUNROOT)
      hezi.db         SQLite                    containers/<id>/   state.json, the monitor's socket
      content/        OCI image layout          events             what has happened
      ingest/         downloads under way
      layers/         what the snapshot driver made
      containers/<id> upper, work, config.json, hosts, exit record
      volumes/<name>  _data
      cache/          seccomp programs by hash

Both are mode 0700: what is below is protected by that, whatever modes and setuid bits an image brings.
"""

from __future__ import annotations

import os

from hezi import errors
from hezi._util.record import NamedTuple

DEFAULT_ROOT = "/var/lib/hezi"
DEFAULT_RUNROOT = "/run/hezi"


class Paths(NamedTuple):
    """The two directories; absolute, without a trailing slash."""

    root: str
    runroot: str

    @classmethod
    def choose(cls, root: str | None = None, runroot: str | None = None) -> Paths:
        """Return the given directories, else those of the environment, else the defaults."""
        return cls(
            _absolute(root or os.environ.get("HEZI_ROOT") or DEFAULT_ROOT),
            _absolute(runroot or os.environ.get("HEZI_RUNROOT") or DEFAULT_RUNROOT),
        )

    @property
    def database(self) -> str:
        """The SQLite file."""
        return f"{self.root}/hezi.db"

    @property
    def containers(self) -> str:
        """One directory per container, named by its id."""
        return f"{self.root}/containers"

    @property
    def volumes(self) -> str:
        """One directory per volume."""
        return f"{self.root}/volumes"

    @property
    def cache(self) -> str:
        """Derived data that may be deleted at any time."""
        return f"{self.root}/cache"

    @property
    def events(self) -> str:
        """What has happened, a line of JSON each; see :mod:`hezi.engine.events`."""
        return f"{self.runroot}/events"

    def make(self) -> None:
        """Make both directories (0700) when they are missing.

        :raises hezi.errors.Error: it is not allowed (usually: not root) or the disk is full.
        """
        for path in (self.root, self.runroot, self.containers):
            try:
                _make_private(path)
            except OSError as error:
                doing, hint = "cannot make hezi's directory", "run as root, or set HEZI_ROOT and HEZI_RUNROOT"
                raise errors.from_os_error(doing, error, hint=hint) from error


def _make_private(path: str) -> None:
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return
    except FileNotFoundError:
        _make_private(os.path.dirname(path))
        os.mkdir(path, 0o700)


def _absolute(path: str) -> str:
    return os.path.abspath(path)
