"""The variables by which a program on the default bridge finds containers that it is linked to (daemon/links).

Docker calls them legacy and sets them still: NAME_PORT, NAME_PORT_80_TCP, NAME_PORT_80_TCP_ADDR ... and NAME_ENV_*.
"""

from __future__ import annotations

from hezi import errors
from hezi.db import networks as rows
from hezi.engine import find_container, image_of, parse_env, parse_network, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from sqlite3 import Connection

    from hezi.db.connection import Database
    from hezi.db.containers import ContainerRow
    from hezi.engine.guests import Guest
    from hezi.engine.paths import Paths
    from hezi.engine.record import Details

# What an image sets for itself says nothing to others.
_NOT_PASSED = frozenset({"HOME", "PATH"})


def variables(paths: Paths, database: Database, guest: Guest) -> tuple[tuple[str, str], ...]:
    """Return (name, value) for all links of a container that is about to start."""
    found: list[tuple[str, str]] = []
    with database.read() as connection:
        for text in guest.request.link:
            name, alias = parse_network.parse_link(text)
            try:
                row = find_container.find(connection, name)
            except errors.Error:
                continue  # said when /etc/hosts was made
            address = next((one.ipv4 for one in rows.endpoints_of(connection, row.id) if one.ipv4), "") or ""
            details = record.decode(row.config)
            prefix = alias.upper().replace("-", "_")
            found += ports(prefix, address, details.exposed)
            found.append((f"{prefix}_NAME", f"/{guest.name}/{alias}"))
            found += [(f"{prefix}_ENV_{one}", value) for one, value in _own(paths, connection, row, details)]
    return tuple(found)


def _own(paths: Paths, connection: Connection, row: ContainerRow, details: Details) -> list[tuple[str, str]]:
    """Return the variables that a container was given, by its image and by its options."""
    image = image_of.config(paths, connection, row)
    flags = [parse_env.parse_env(text, {}) for text in record.texts(details.request, "env")]
    merged = parse_env.merge_env(image.config.env if image else (), flags, ())
    return [(name, value) for name, (value, _) in merged.items() if name not in _NOT_PASSED]


def ports(prefix: str, address: str, exposed: Sequence[str]) -> list[tuple[str, str]]:
    """Return what tells of the ports that a container exposes.

    :param exposed: ``80/tcp`` ...
    """
    known = sorted((_split(text) for text in exposed), key=lambda one: (one[0], one[1] != "tcp"))
    if not known:
        return []
    found = [(f"{prefix}_PORT", _url(address, *known[0]))]
    at = 0
    while at < len(known):
        last = _neighbours(known, at)
        if last > at + 1:
            found += _block(prefix, address, known[at], known[last])
            at = last
        at += 1
    for port, protocol in known:
        name = f"{prefix}_PORT_{port}_{protocol.upper()}"
        found += [(name, _url(address, port, protocol)), (f"{name}_ADDR", address)]
        found += [(f"{name}_PORT", str(port)), (f"{name}_PROTO", protocol)]
    return found


def _block(prefix: str, address: str, first: tuple[int, str], last: tuple[int, str]) -> list[tuple[str, str]]:
    """Three ports or more that are neighbours are told of as a range too; the names are of the first port's number."""
    start, end = (f"{prefix}_PORT_{first[0]}_{protocol.upper()}" for _, protocol in (first, last))
    return [
        (f"{start}_START", _url(address, *first)),
        (f"{start}_ADDR", address),
        (f"{start}_PROTO", first[1]),
        (f"{start}_PORT_START", str(first[0])),
        (f"{end}_END", _url(address, *last)),
        (f"{end}_PORT_END", str(last[0])),
    ]


def _neighbours(known: Sequence[tuple[int, str]], at: int) -> int:
    """Return the last of those that follow each other, as docker counts: one number for two protocols is a step too."""
    value = known[at][0]
    for next_one in range(at + 1, len(known)):
        if known[next_one][0] > value + 1:
            return next_one - 1
        value += 1
    return len(known) - 1


def _split(text: str) -> tuple[int, str]:
    port, _, protocol = text.partition("/")
    return int(port), protocol or "tcp"


def _url(address: str, port: int, protocol: str) -> str:
    return f"{protocol}://{address}:{port}"
