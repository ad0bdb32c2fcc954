"""Who is called what, as the database has it now."""

from __future__ import annotations

from hezi.db import networks as rows
from hezi.network import catalog, prefixes
from hezi.network.dns import message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sqlite3 import Connection

    from hezi.db.connection import Database

_REVERSE4, _REVERSE6 = ".in-addr.arpa", ".ip6.arpa"


class Zone:
    """The names on one network."""

    __slots__ = ("addresses", "reverse")

    def __init__(self) -> None:
        self.addresses: dict[str, list[str]] = {}
        self.reverse: dict[str, str] = {}


class View:
    """What one container may know: the names on the networks that it is on.

    :ivar zones: of its networks, in their order; shared with all others that are there.
    :ivar open: whether it has a way to the outside, and hence may ask other servers.
    """

    __slots__ = ("open", "zones")

    def __init__(self) -> None:
        self.zones: list[Zone] = []
        self.open = False

    def addresses(self, name: str) -> list[str] | None:
        """Return the addresses of a name; None for one that is not known."""
        found = [zone.addresses[name] for zone in self.zones if name in zone.addresses]
        return list(dict.fromkeys(address for several in found for address in several)) if found else None

    def reverse(self, address: str) -> str | None:
        """Return the name of an address."""
        return next((zone.reverse[address] for zone in self.zones if address in zone.reverse), None)


class Names:
    """The views of all containers; read again when the database has changed."""

    __slots__ = ("_database", "_turn", "_version", "_views", "holders")

    def __init__(self, database: Database) -> None:
        self._database = database
        self._version = -1
        self._views: dict[str, View] = {}
        self._turn = 0
        self.holders: dict[str, tuple[int, int]] = {}

    def view(self, container_id: str) -> View | None:
        """Return what a container may know; None when it has no network any more."""
        self.refresh()
        return self._views.get(container_id)

    def refresh(self) -> None:
        """Read everything again, when something was written since."""
        connection = self._database.connection()
        version = connection.execute("PRAGMA data_version").fetchone()[0]
        if version == self._version:
            return
        with self._database.read() as reading:
            self._views = _views(reading)
            self.holders = {row.container_id: (row.pid, row.start_time) for row in rows.sandboxes(reading)}
        self._version = version

    def answer(self, view: View, question: message.Question) -> list[tuple[int, bytes]] | None:
        """Return the records for a question; none for a name that has no such address; None for a name not known."""
        if question.kind == message.PTR:
            found = view.reverse(_address(question.name))
            return None if found is None else [(message.PTR, message.name(found))]
        addresses = view.addresses(question.name)
        if addresses is None:
            return None
        records = []
        for text in addresses:
            family, number = prefixes.address(text)
            kind = message.A if family == 4 else message.AAAA
            if question.kind in {kind, message.ANY}:
                records.append((kind, number.to_bytes(prefixes.bits(family) // 8, "big")))
        if len(records) > 1:
            # Several containers under one name take turns at being the first.
            self._turn += 1
            turn = self._turn % len(records)
            records = records[turn:] + records[:turn]
        return records


def _views(connection: Connection) -> dict[str, View]:
    """Build the view of each container; what is on a network is gone through once, however many share it."""
    found: dict[str, View] = {}
    for network in catalog.everything(connection):
        zone = Zone()
        for endpoint in rows.endpoints_on(connection, network.id):
            view = found.setdefault(endpoint.container_id, View())
            view.open = view.open or not network.internal
            if network.named:
                view.zones.append(zone)
                _add(zone, endpoint, network.name)
    return found


def _add(zone: Zone, endpoint: rows.EndpointRow, network: str) -> None:
    own = [text for text in (endpoint.ipv4, endpoint.ipv6) if text]
    names = endpoint.names.lower().split()
    for text in names:
        for name in (text, f"{text}.{network.lower()}"):
            known = zone.addresses.setdefault(name, [])
            known += [address for address in own if address not in known]
    if names:
        for address in own:
            zone.reverse[address] = f"{names[0]}.{network}"


def _address(name: str) -> str:
    """Return the address that a reverse name stands for, "" when it is none."""
    if name.endswith(_REVERSE4):
        parts = name.removesuffix(_REVERSE4).split(".")
        return ".".join(reversed(parts)) if len(parts) == 4 else ""
    if name.endswith(_REVERSE6):
        digits = "".join(reversed(name.removesuffix(_REVERSE6).split(".")))
        if len(digits) == 32 and set(digits) <= set("0123456789abcdef"):
            return prefixes.show(6, int(digits, 16))
    return ""
