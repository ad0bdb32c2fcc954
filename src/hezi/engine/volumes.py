"""Volumes as objects: ``Engine().volumes``.

>>> engine = hezi.Engine()
>>> engine.volumes.create("data", labels={"of": "web"}).path      # doctest: +SKIP
'/var/lib/hezi/volumes/data/_data'
>>> engine.volumes.remove("data")                                 # doctest: +SKIP
"""

from __future__ import annotations

from contextlib import contextmanager

from hezi import errors
from hezi._util import ids, order
from hezi._util.record import NamedTuple
from hezi.engine import events, volume_mounts
from hezi.engine import volume_users as users
from hezi.volume import catalog, local
from hezi.volume import options as volume_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from sqlite3 import Connection
    from typing import Any

    from hezi.engine.paths import Paths
    from hezi.volume.catalog import Details

    Volume = Details

DRIVER = "local"
ANONYMOUS = "com.docker.volume.anonymous"
LIST_KEYS = ("dangling", "driver", "label", "name")
PRUNE_KEYS = ("all", "label", "label!")
_TRUE = frozenset({"1", "t", "true"})
_FALSE = frozenset({"0", "f", "false"})


class PrunedVolumes(NamedTuple):
    """What a prune did.

    :ivar deleted: names.
    :ivar space: bytes that were given back.
    """

    deleted: tuple[str, ...]
    space: int


class Volumes:
    """The volumes of an engine."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    def create(
        self,
        name: str = "",
        *,
        driver: str = DRIVER,
        labels: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
    ) -> Volume:
        """Make a volume, or return the one that has the name.

        :param name: without one the volume is anonymous, and called by 64 random hex digits.
        :param options: ``{"type": "none", "o": "bind", "device": PATH}`` for a directory of the host; any other type is
            mounted when a container starts with it, as ``{"type": "tmpfs", "device": "tmpfs", "o": "size=10m"}``.
        :raises hezi.Error: a bad name, an unknown driver or option.
        """
        if driver not in {"", DRIVER}:
            text = f'create {name}: error looking up volume plugin {driver}: plugin "{driver}" not found'
            raise errors.Error(errors.NOT_FOUND, text, hint="hezi has no plugins; the driver is local")
        wanted = dict(options or {})
        volume_options.check(name, wanted)
        self._paths.make()
        marks = dict(labels or {})
        anonymous = not name
        if anonymous:
            name = ids.new_id()
            marks[ANONYMOUS] = ""
        made = local.ensure(
            self._paths.volumes, name, anonymous=anonymous, labels=marks.items(), options=wanted.items()
        )
        if made.created:
            self._tell("create", name)
        return self.get(name)

    def get(self, name: str) -> Volume:
        """Return a volume by its name.

        :raises hezi.Error: there is none (``not-found``).
        """
        try:
            found = catalog.get(self._paths.volumes, name)
        except errors.Error as error:
            if error.kind != errors.INVALID:
                raise
            found = None  # nothing can be called so
        if found is None:
            raise errors.Error(errors.NOT_FOUND, f"get {name}: no such volume")
        return found

    def inspect(self, name: str) -> dict[str, Any]:
        """Return docker's document of a volume.

        :raises hezi.Error: there is none (``not-found``).
        """
        found = self.get(name)
        labels = dict(found.labels)
        if found.anonymous:
            labels.setdefault(ANONYMOUS, "")
        return {
            "CreatedAt": _local_time(found.created_ns),
            "Driver": DRIVER,
            "Labels": labels or None,
            "Mountpoint": found.path,
            "Name": found.name,
            "Options": dict(sorted(found.options.items())) or None,
            "Scope": "local",
        }

    def list(self, *, filters: Sequence[str] = ()) -> tuple[Volume, ...]:
        """Return the volumes by name, x2 before x10.

        :param filters: ``dangling=true``, ``driver=local``, ``label=KEY[=VALUE]``, ``name=PART``.
        :raises hezi.Error: a filter is wrong.
        """
        from hezi.engine.containers import filters as rules

        wanted = rules.read(filters, LIST_KEYS)
        dangling = [_boolean("dangling", value) for value in wanted.get("dangling", ())]
        if len(set(dangling)) > 1:
            raise errors.Error(errors.INVALID, "invalid value for dangling filter: both true and false")
        self._release()
        used = self._used() if dangling else {}
        return tuple(
            one
            for one in sorted(catalog.list_all(self._paths.volumes), key=lambda one: order.natural(one.name))
            if (not dangling or (one.name not in used) == dangling[0])
            and ("driver" not in wanted or DRIVER in wanted["driver"])
            and ("name" not in wanted or any(part in one.name for part in wanted["name"]))
            and rules.labels_match(_labels(one), wanted.get("label", ()))
        )

    def remove(self, name: str, *, force: bool = False) -> None:
        """Remove a volume and all that is in it.

        :param force: one that is not there is no error.
        :raises hezi.Error: there is none (``not-found``), or a container has it (``conflict``).
        """
        if not name:
            raise errors.Error(errors.INVALID, "invalid volume name or ID: value is empty")
        try:
            self.get(name)
        except errors.Error as error:
            if force and error.kind == errors.NOT_FOUND:
                return
            raise
        self._release()
        with self._alone() as connection:
            holders = users.of(connection).get(name)
            if holders:
                text = f"remove {name}: volume is in use - [{', '.join(holders)}]"
                raise errors.Error(errors.CONFLICT, text, hint="remove these containers first")
            local.remove(self._paths.volumes, name)
        self._tell("destroy", name)

    def prune(self, *, all_volumes: bool = False, filters: Sequence[str] = ()) -> PrunedVolumes:
        """Remove anonymous volumes, or all of them, that no container has.

        :param filters: ``label=...``, ``label!=...``, ``all=true``.
        :raises hezi.Error: a filter is wrong.
        """
        from hezi.engine.containers import filters as rules

        wanted = rules.read(filters, PRUNE_KEYS)
        everything = all_volumes or any(_boolean("all", value) for value in wanted.get("all", ()))
        deleted, space = [], 0
        self._release()
        with self._alone() as connection:
            used = users.of(connection)
            for one in catalog.list_all(self._paths.volumes):
                if one.name in used or not (everything or one.anonymous):
                    continue
                labels = _labels(one)
                if not rules.labels_match(labels, wanted.get("label", ())):
                    continue
                if any(rules.labels_match(labels, [text]) for text in wanted.get("label!", ())):
                    continue
                size = catalog.usage(one.path)
                local.remove(self._paths.volumes, one.name)
                deleted.append(one.name)
                self._tell("destroy", one.name)
                space += size
        events.tell(self._paths, events.VOLUME, "prune", "", {"reclaimed": space})
        return PrunedVolumes(tuple(deleted), space)

    def _tell(self, action: str, name: str) -> None:
        events.tell(self._paths, events.VOLUME, action, name, {"driver": DRIVER})

    def _release(self) -> None:
        """Unmount what the last container has left."""
        if volume_mounts.pending(self._paths):
            from hezi.engine.containers.api import opened

            with opened(self._paths) as database:
                volume_mounts.release(self._paths, database)

    def _used(self) -> users.Holders:
        from hezi.engine.containers.api import opened

        with opened(self._paths) as database, database.read() as connection:
            return users.of(connection)

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        """Nobody adds a container meanwhile, which might want the volume that is going."""
        from hezi.engine.containers.api import opened

        with opened(self._paths) as database, database.removal() as connection:
            yield connection


def _labels(one: Volume) -> dict[str, str]:
    return {**one.labels, ANONYMOUS: ""} if one.anonymous else dict(one.labels)


def _boolean(name: str, text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise errors.Error(errors.INVALID, f"invalid filter '{name}=[{text}]'")


def _local_time(nanoseconds: int) -> str:
    import time

    moment = time.localtime(nanoseconds // 10**9)
    zone = time.strftime("%z", moment)
    return time.strftime("%Y-%m-%dT%H:%M:%S", moment) + ("Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:]}")
