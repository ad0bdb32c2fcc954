"""``--userns``: which ids a container has for itself, and whose they are on the host.

    host, ""      the host's: no user namespace
    auto          a range of ids that no other container has, from those granted to one user in /etc/subuid and
                  /etc/subgid (:data:`hezi.engine.defaults.ID_OWNER`); remembered until the container is removed
    keep-id       a user namespace in which every id is what it is for the caller

The meanings are podman's, as docker has none but its daemon's. Nothing here is loaded for a container without.
"""

from __future__ import annotations

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.engine import defaults
from hezi.linux import idmap
from hezi.runtime.owners import Owners
from hezi.spec import runtime as rt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from sqlite3 import Connection

    from hezi.db.connection import Database
    from hezi.db.idranges import IdRangeRow
    from hezi.engine.request import RunRequest
    from hezi.linux.idmap import Range, SubRange, Which

AUTO, KEEP_ID = "auto", "keep-id"
_FORMS = ("host", "auto[:size=N,uidmapping=INSIDE:OUTSIDE:COUNT,gidmapping=...]", "keep-id")
# Docker's words for what has no meaning with it, where docker has some.
_PRIVILEGED = (
    "privileged mode is incompatible with user namespaces.  "
    "You must run the container in the host namespace when running privileged mode"
)
_SHARED = {
    "network": "cannot share the host's network namespace when user namespaces are enabled",
    "pid": "cannot share the host PID namespace when user namespaces are enabled",
    "ipc": "cannot share the host IPC namespace when user namespaces are enabled",
    "cgroupns": "cannot share the host cgroup namespace when user namespaces are enabled",
}
_NOBODY = 65534


class Mode(NamedTuple):
    """What was asked for.

    :ivar size: how many ids, 0 for as many as the image seems to need; ``uids`` and ``gids`` are those that the user
        has placed.
    """

    kind: str
    size: int = 0
    uids: tuple[Range, ...] = ()
    gids: tuple[Range, ...] = ()


def parse(text: str) -> Mode:
    """Read ``--userns`` but for host.

    :raises errors.Error: INVALID for an unknown mode, in docker's words; UNSUPPORTED for one that needs another caller.
    """
    kind, colon, rest = text.partition(":")
    if kind == AUTO:
        return _auto(text, rest) if colon else Mode(AUTO)
    if kind == KEEP_ID and not colon:
        return Mode(KEEP_ID)
    if kind in {KEEP_ID, "nomap"}:
        message = f"--userns={text} is about the ids of an ordinary user, and not for containers that root makes"
        raise errors.Error(errors.UNSUPPORTED, message, hint="--userns=auto gives a container ids of its own")
    raise errors.Error(errors.INVALID, "--userns: invalid USER mode", hint=f"one of: {', '.join(_FORMS)}")


def _auto(text: str, rest: str) -> Mode:
    size, found = 0, {"uidmapping": list[idmap.Range](), "gidmapping": list[idmap.Range]()}
    for part in rest.split(","):
        name, _, value = part.partition("=")
        if name == "size" and _is_number(value) and 0 < int(value) <= defaults.ID_COUNT_MOST:
            size = int(value)
        elif name in found:
            found[name].append(_mapping(text, value))
        elif name == "size":
            hint = f"a number of ids between 1 and {defaults.ID_COUNT_MOST}"
            raise errors.Error(errors.INVALID, f"--userns={text}: invalid size '{value}'", hint=hint)
        else:
            hint = "known are size=N, uidmapping=INSIDE:OUTSIDE:COUNT and gidmapping=INSIDE:OUTSIDE:COUNT"
            raise errors.Error(errors.INVALID, f"--userns={text}: unknown option '{name}'", hint=hint)
    for ranges in found.values():
        if ranges:
            _check(text, ranges)
    return Mode(AUTO, size, tuple(sorted(found["uidmapping"])), tuple(sorted(found["gidmapping"])))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 11


def _mapping(text: str, value: str) -> Range:
    numbers = value.split(":")
    if len(numbers) == 2:
        numbers.append("1")
    if len(numbers) != 3 or not all(map(_is_number, numbers)):
        hint = "INSIDE:OUTSIDE:COUNT, numbers"
        raise errors.Error(errors.INVALID, f"--userns={text}: invalid mapping '{value}'", hint=hint)
    return idmap.Range(*map(int, numbers))


def _check(text: str, ranges: Iterable[Range]) -> None:
    try:
        idmap.check(ranges)
    except ValueError as error:
        raise errors.Error(errors.INVALID, f"--userns={text}: {error}") from None


def check(request: RunRequest) -> Mode | None:
    """Find what is wrong with a request before anything is made; None for the host's ids.

    :raises errors.Error: unknown, together with an option that it excludes, or nobody was granted ids to give away.
    """
    if request.userns in {None, "", "host"}:
        return None
    mode = parse(request.userns or "")
    if request.privileged:
        raise errors.Error(errors.INVALID, _PRIVILEGED)
    for name, words in _SHARED.items():
        value = str(getattr(request, name) or "")
        if value == "host":
            raise errors.Error(errors.INVALID, words)
        if value.startswith("container:"):
            message = f"cannot join the {name} namespace of another container when user namespaces are enabled"
            hint = "it belongs to another user namespace, in which this one's root has no rights"
            raise errors.Error(errors.UNSUPPORTED, message, hint=hint)
    if mode.kind == AUTO:
        for which in ("uid", "gid"):
            granted(which)
    return mode


def granted(which: Which) -> tuple[SubRange, ...]:
    """Return the ids there are to give away.

    :raises errors.Error: none.
    """
    owner = defaults.ID_OWNER
    try:
        found = tuple(one for one in idmap.granted(which, owner) if one.length)
    except FileNotFoundError:
        found = ()
    if not found:
        message = f'no range of ids was granted to the user "{owner}" in /etc/sub{which}'
        hint = f"as root: echo {owner}:{defaults.ID_EXAMPLE} | tee -a /etc/subuid /etc/subgid"
        raise errors.Error(errors.UNAVAILABLE, message, hint=hint)
    return found


def owners(database: Database, container_id: str, mode: Mode, wanted: int, *, remember: bool = True) -> Owners:
    """Return a container's ids: those it has already, or new ones.

    :param wanted: how many, when the user did not say.
    :param remember: give them to it; else say what it would get.
    :raises errors.Error: EXHAUSTED: there are not so many left.
    """
    if mode.kind == KEEP_ID:
        return Owners(*(tuple(map(_same, idmap.read("self", which))) for which in ("uid", "gid")))
    from hezi.db import idranges

    size = mode.size or wanted
    counts = [
        size - sum(max(0, min(one.inner + one.length, size) - one.inner) for one in placed) for placed in mode[2:]
    ]
    with database.write() if remember else database.read() as connection:
        row = idranges.get(connection, container_id)
        if row is None:
            row = _choose(connection, container_id, size, counts)
            if remember:
                idranges.add(connection, row)
    return Owners(
        compose(row.size, row.uid_first, mode.uids),
        compose(row.size, row.gid_first, mode.gids),
    )


def of_container(connection: Connection, container_id: str, request: RunRequest) -> Owners | None:
    """Return the ids that a container has been given; None for the host's."""
    if request.userns in {None, "", "host"}:
        return None
    mode = parse(request.userns or "")
    if mode.kind == KEEP_ID:
        return Owners(*(tuple(map(_same, idmap.read("self", which))) for which in ("uid", "gid")))
    from hezi.db import idranges

    row = idranges.get(connection, container_id)
    if row is None:
        return None
    return Owners(compose(row.size, row.uid_first, mode.uids), compose(row.size, row.gid_first, mode.gids))


def _same(one: Range) -> rt.IdMapping:
    return rt.IdMapping(one.inner, one.inner, one.length)


def _choose(connection: Connection, container_id: str, size: int, counts: Sequence[int]) -> IdRangeRow:
    from hezi.db import idranges

    taken = idranges.everything(connection)
    uids = first_free("uid", counts[0], granted("uid"), [(row.uid_first, row.uid_count) for row in taken])
    gids = first_free("gid", counts[1], granted("gid"), [(row.gid_first, row.gid_count) for row in taken])
    return idranges.IdRangeRow(container_id, size, uids, counts[0], gids, counts[1])


def first_free(which: Which, count: int, ranges: Sequence[SubRange], taken: Iterable[tuple[int, int]]) -> int:
    """Return the first of ``count`` ids in a row that nobody has.

    :param ranges: what was granted; ``taken`` is (first, count) of each container's.
    :raises errors.Error: EXHAUSTED.
    """
    busy = sorted(one for one in taken if one[1])
    for grant in sorted(ranges):
        at, end = grant.first, grant.first + grant.length
        for first, length in busy:
            if first + length > at and first < at + count:
                at = first + length
        if at + count <= end:
            return at
    whole = sum(one.length for one in ranges)
    message = (
        f'of the {whole} ids that /etc/sub{which} grants to "{defaults.ID_OWNER}" no {count} in a row are left; '
        f"{len(busy)} containers have some"
    )
    hint = "remove containers, ask for less with --userns=auto:size=N, or grant a longer range"
    raise errors.Error(errors.EXHAUSTED, message, hint=hint)


def compose(size: int, first: int, placed: Sequence[Range]) -> tuple[rt.IdMapping, ...]:
    """Return the map of ``size`` ids: those that the user placed, the others from ``first`` on."""
    made = [rt.IdMapping(*one) for one in placed]
    at = 0
    for one in (*placed, idmap.Range(size, 0, 1)):
        length = min(one.inner, size) - at
        if length > 0:
            made.append(rt.IdMapping(at, first, length))
            first += length
        at = max(at, one.inner + one.length)
    return tuple(sorted(made))


def needed(passwd: Iterable[str], group: Iterable[str], account: tuple[int, ...]) -> int:
    """Return how many ids an image seems to need: those of its users and groups, but for nobody's.

    :param account: ids of the user the program is to run as.
    """
    found = [defaults.ID_COUNT - 1, *account]
    for line in (*passwd, *group):
        fields = line.split(":")
        numbers = (field for field in fields[2:4] if _is_number(field))
        if fields[0] not in {"nobody", "nogroup", "nfsnobody"}:
            found += (number for number in map(int, numbers) if number not in {_NOBODY, _NOBODY + 1})
    return min(max(found) + 1, defaults.ID_COUNT_MOST)


def apply(spec: rt.Spec, known: Owners) -> rt.Spec:
    """Put a user namespace into a specification.

    :raises errors.Error: INVALID: the program's user has no number in it.
    """
    user = spec.process.user
    wanted = [("uid", user.uid, known.knows_uid), *(("gid", gid, known.knows_gid) for gid in _groups(user))]
    for which, number, knows in wanted:
        if not knows(number):
            message = f"the program's {which} {number} has no mapping in the container's user namespace"
            raise errors.Error(errors.INVALID, message, hint=f"give it more ids: --userns=auto:size={number + 1}")
    last = max(one.container_id + one.size - 1 for one in known.gids)
    sysctls = tuple(
        (name, f"0 {min(last, 2**31 - 1)}" if (name, value) in defaults.SYSCTLS and "ping" in name else value)
        for name, value in spec.linux.sysctl
    )
    linux = spec.linux._replace(
        namespaces=(rt.Namespace("user"), *spec.linux.namespaces),
        uid_mappings=known.uids,
        gid_mappings=known.gids,
        sysctl=sysctls,
    )
    return spec._replace(linux=linux)


def _groups(user: rt.User) -> tuple[int, ...]:
    return user.gid, *user.additional_gids
