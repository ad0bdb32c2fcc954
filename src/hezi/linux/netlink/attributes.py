"""Netlink attributes: length, type, value, padded to four bytes, nested at will (netlink(7), include/net/netlink.h).

A message is described by a :class:`Table`: names, numbers and kinds of its attributes. Values are plain Python ones, so
that what goes to the kernel and what comes back can be compared and printed. Kinds:

    u8 u16 u32 s32 u64   numbers of this machine's byte order       be16   a number of the network's order
    text                 a string with its final NUL                bytes  as it is
    mac                  "02:42:ac:11:00:02"                        ip     "172.17.0.2" or "fd00::2", 4 or 16 bytes
    flag                 there or not; no value                     a Table, or a Headed one: nested
"""

from __future__ import annotations

import errno
from _socket import AF_INET, AF_INET6, inet_ntop, inet_pton  # noqa: PLC2701 - the socket module costs 3 ms
from struct import Struct

from hezi.linux import abi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Values = Mapping[str, "object"]
    Kind = "str | Table | Headed | ByKind"

_HEADER = Struct("=HH")
_NESTED = 0x8000
_NUMBER_MASK = 0x3FFF  # the two highest bits are NLA_F_NESTED and NLA_F_NET_BYTEORDER
_LONGEST = 0xFFFF - _HEADER.size

_NUMBERS = {
    "u8": Struct("=B"),
    "u16": Struct("=H"),
    "u32": Struct("=I"),
    "s32": Struct("=i"),
    "u64": Struct("=Q"),
    "be16": Struct("!H"),
}


class Table:
    """The attributes that one place of a message may hold.

    :param names: name -> (number, kind).
    """

    __slots__ = ("names", "numbers")

    def __init__(self, names: dict[str, tuple[int, str | Table | Headed | ByKind]]) -> None:
        self.names = names
        self.numbers = {number: (name, kind) for name, (number, kind) in names.items()}


class Headed:
    """A fixed structure and the attributes behind it: what a message carries, and what veth's peer is made from.

    :param layout: of the structure, as :mod:`struct` has it.
    :param fields: names of its numbers.
    """

    __slots__ = ("fields", "layout", "table")

    def __init__(self, layout: str, fields: tuple[str, ...], table: Table) -> None:
        self.layout = Struct(layout)
        self.fields = fields
        self.table = table

    def encode(self, values: Values) -> bytes:
        """Return the bytes; fields of the structure that are not given are 0.

        :raises OSError: EINVAL for a name that is in no table or a value of the wrong kind, EMSGSIZE for one too long.
        """
        head = [values.get(name, 0) for name in self.fields]
        rest = {name: value for name, value in values.items() if name not in self.fields}
        try:
            return self.layout.pack(*head) + encode(self.table, rest)
        except Exception as error:
            if isinstance(error, OSError):
                raise
            raise abi.error(errno.EINVAL, "netlink", detail=f"{dict(zip(self.fields, head, strict=True))}") from None

    def decode(self, data: bytes | memoryview) -> dict[str, object]:
        """Return structure and attributes in one dictionary.

        :raises OSError: EBADMSG when it is shorter than it must be.
        """
        if len(data) < self.layout.size:
            raise abi.error(errno.EBADMSG, "netlink", detail=f"{len(data)} bytes where {self.layout.size} must be")
        found: dict[str, object] = dict(zip(self.fields, self.layout.unpack_from(data), strict=True))
        found |= decode(self.table, memoryview(data)[self.layout.size :])
        return found


class ByKind:
    """A nested place whose table depends on a text beside it: IFLA_INFO_DATA on IFLA_INFO_KIND.

    :param key: the name of the attribute that decides; it comes first.
    """

    __slots__ = ("key", "tables")

    def __init__(self, key: str, tables: dict[str, Table]) -> None:
        self.key = key
        self.tables = tables


def encode(table: Table, values: Values) -> bytes:
    """Return ``values`` as attributes, in their order.

    :raises OSError: as :meth:`Headed.encode`.
    """
    parts = []
    for name, value in values.items():
        known = table.names.get(name)
        if known is None:
            raise abi.error(errno.EINVAL, "netlink", detail=f"there is no attribute {name!r}")
        number, kind = known
        if kind == "flag" and not value:
            continue
        if isinstance(kind, ByKind):
            kind = kind.tables[str(values[kind.key])]
        if not isinstance(kind, str):
            number |= _NESTED
        parts.append(attribute(number, _value(name, kind, value)))
    return b"".join(parts)


def attribute(number: int, payload: bytes) -> bytes:
    """Return one attribute, padded.

    :raises OSError: EMSGSIZE: the length has 16 bits, and one that wrapped would be read as others (CVE-2021-43784).
    """
    if len(payload) > _LONGEST:
        raise abi.error(errno.EMSGSIZE, "netlink", detail=f"attribute {number & _NUMBER_MASK} of {len(payload)} bytes")
    return _HEADER.pack(_HEADER.size + len(payload), number) + payload + bytes(-len(payload) % 4)


def _value(name: str, kind: str | Table | Headed | ByKind, value: object) -> bytes:
    if isinstance(kind, Table):
        return encode(kind, value)  # type: ignore[arg-type]  # a mapping, by the caller's word; else EINVAL below
    if isinstance(kind, Headed):
        return kind.encode(value)  # type: ignore[arg-type]  # as above
    try:
        return _plain(str(kind), value)
    except Exception:
        raise abi.error(errno.EINVAL, "netlink", detail=f"{value!r} cannot be the {kind} {name!r}") from None


def _plain(kind: str, value: object) -> bytes:
    if kind in _NUMBERS:
        return _NUMBERS[kind].pack(value)
    if kind == "flag":
        return b""
    if isinstance(value, bytes):
        return value
    text = str(value)
    if kind == "text":
        if "\0" in text:
            raise ValueError(text)
        return text.encode() + b"\0"
    if kind == "mac":
        parts = text.split(":")
        return bytes(int(part, 16) for part in parts)
    return inet_pton(AF_INET6 if ":" in text else AF_INET, text)


def decode(table: Table, data: bytes | memoryview) -> dict[str, object]:
    """Return the attributes by name; numbers that the table does not have are left out.

    :raises OSError: EBADMSG for lengths that do not fit.
    """
    found: dict[str, object] = {}
    view = memoryview(data)
    while len(view) >= _HEADER.size:
        length, number = _HEADER.unpack_from(view)
        if not _HEADER.size <= length <= len(view):
            raise abi.error(errno.EBADMSG, "netlink", detail=f"an attribute of {length} bytes in {len(view)}")
        known = table.numbers.get(number & _NUMBER_MASK)
        if known is not None:
            name, kind = known
            payload = view[_HEADER.size : length]
            chosen = kind.tables.get(str(found.get(kind.key))) if isinstance(kind, ByKind) else kind
            if chosen is not None:
                found[name] = _read(chosen, payload)
        view = view[(length + 3) & ~3 :]
    return found


def _read(kind: str | Table | Headed, payload: memoryview) -> object:
    if isinstance(kind, Table):
        return decode(kind, payload)
    if isinstance(kind, Headed):
        return kind.decode(payload)
    number = _NUMBERS.get(kind)
    if number is not None:
        if len(payload) != number.size:
            raise abi.error(errno.EBADMSG, "netlink", detail=f"{len(payload)} bytes for a {kind}")
        return number.unpack(payload)[0]
    raw = bytes(payload)
    if kind == "text":
        return raw.rstrip(b"\0").decode(errors="replace")
    if kind == "mac":
        return raw.hex(":") if raw else ""
    if kind == "ip":
        if len(raw) not in {4, 16}:
            return raw.hex()
        return inet_ntop(AF_INET if len(raw) == 4 else AF_INET6, raw)
    return True if kind == "flag" else raw
