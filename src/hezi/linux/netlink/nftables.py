"""Elements of sets and maps of nftables, put in and taken out in one transaction, without the program ``nft``.

To run nft takes 10 to 20 ms, this half of one. Tables, chains and rules are still nft's to write: their encoding is
larger than all that is here, and they seldom change. (linux/netfilter/nf_tables.h, nfnetlink.h; Linux 3.13 and newer.)
"""

from __future__ import annotations

import errno
from _socket import AF_INET, AF_INET6, inet_pton  # noqa: PLC2701 - the socket module costs 3 ms
from struct import Struct

from hezi._util.record import NamedTuple
from hezi.linux.netlink.attributes import attribute
from hezi.linux.netlink.connection import NETLINK_NETFILTER, Netlink, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

INET, IP, IP6 = 1, 2, 10  # NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6
_NFTABLES = 10  # NFNL_SUBSYS_NFTABLES
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_NEWSETELEM, _DELSETELEM, _GETGEN = (_NFTABLES << 8) | 12, (_NFTABLES << 8) | 14, (_NFTABLES << 8) | 16
_NLM_F_CREATE = 0x400
_HEAD = Struct("!BBH")  # struct nfgenmsg: family, version, resource
_NUMBER, _PORT = Struct("!I"), Struct("!H2x")
_NESTED = 0x8000
_GENERATION = 1  # NFNL_BATCH_GENID, and NFTA_GEN_ID
_TABLE, _SET, _ELEMENTS, _ELEMENT = 1, 2, 3 | _NESTED, 1 | _NESTED
_KEY, _DATA, _VALUE = 1 | _NESTED, 2 | _NESTED, 1
# Of one message: each has less than 100 bytes, and an attribute 64 KiB at most.
MOST_ELEMENTS = 400


class Change(NamedTuple):
    """Elements of one set or map, to be added or to be removed.

    :ivar family: of its table: INET, IP or IP6.
    :ivar elements: (key, data) as the kernel has them: see :func:`joined`; data is empty for a set.
    """

    family: int
    table: str
    name: str
    elements: tuple[tuple[bytes, bytes], ...]
    add: bool = True


def joined(*parts: int | str) -> bytes:
    """Return a concatenated key as the kernel has it: each part is filled up to four bytes.

    :param parts: a protocol by its number, a port as ``":80"``, an IPv4 or IPv6 address as text.
    """
    raw = []
    for part in parts:
        if isinstance(part, int):
            raw.append(bytes((part, 0, 0, 0)))
        elif part.startswith(":") and part[1:].isdecimal():
            raw.append(_PORT.pack(int(part[1:])))
        else:
            raw.append(inet_pton(AF_INET6 if ":" in part else AF_INET, part))
    return b"".join(raw)


def generation() -> int | None:
    """Return how many transactions the rules of this namespace have seen; None when the kernel does not tell.

    :raises OSError: another error than that nftables are not there, or may not be asked.
    """
    try:
        with Netlink(NETLINK_NETFILTER) as connection:
            (answer, *_) = connection.get(Request("NFT_MSG_GETGEN", _GETGEN, 0, _HEAD.pack(0, 0, 0)))
    except OSError as error:
        if error.errno in {errno.EPROTONOSUPPORT, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM}:
            return None
        raise
    at = answer.find(attribute(_GENERATION, bytes(4))[:4], 4)
    return int.from_bytes(answer[at + 4 : at + 8], "big") if at >= 0 else None


def change(changes: Sequence[Change], seen: int) -> int:
    """Make all changes, or none; return the number of the generation after them.

    :param seen: the generation that they are made for.
    :raises OSError: ERESTART when there was another transaction since, ENOENT for an element or a set that is not
        there, EEXIST for one that is there with other data; nothing is changed then.
    """
    requests = [request for one in changes for request in _requests(one)]
    head = _HEAD.pack(0, 0, _NFTABLES)
    begin = Request("NFNL_MSG_BATCH_BEGIN", _BATCH_BEGIN, 0, head + attribute(_GENERATION, _NUMBER.pack(seen)))
    with Netlink(NETLINK_NETFILTER) as connection:
        connection.call(requests, around=(begin, Request("NFNL_MSG_BATCH_END", _BATCH_END, 0, head)))
    return (seen + 1) & 0xFFFFFFFF or 1


def _requests(one: Change) -> Iterable[Request]:
    kind, name, flags = (
        (_NEWSETELEM, "NFT_MSG_NEWSETELEM", _NLM_F_CREATE) if one.add else (_DELSETELEM, "NFT_MSG_DELSETELEM", 0)
    )
    for first in range(0, len(one.elements), MOST_ELEMENTS):
        listed = b"".join(
            attribute(_ELEMENT, _element(key, data if one.add else b""))
            for key, data in one.elements[first : first + MOST_ELEMENTS]
        )
        where = attribute(_TABLE, one.table.encode() + b"\0") + attribute(_SET, one.name.encode() + b"\0")
        yield Request(name, kind, flags, _HEAD.pack(one.family, 0, 0) + where + attribute(_ELEMENTS, listed))


def _element(key: bytes, data: bytes) -> bytes:
    raw = attribute(_KEY, attribute(_VALUE, key))
    return raw + attribute(_DATA, attribute(_VALUE, data)) if data else raw
