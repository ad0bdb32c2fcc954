"""Which addresses a network has, and which of them a container gets. Pure: what is in use is told, not looked up."""

from __future__ import annotations

import os

from hezi import errors
from hezi.network import prefixes
from hezi.network.model import Subnet
from hezi.network.prefixes import Prefix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

# docker's, in its order: (block, length of the subnets cut from it).
DEFAULT_POOLS = (
    ("172.17.0.0/16", 16),
    ("172.18.0.0/16", 16),
    ("172.19.0.0/16", 16),
    ("172.20.0.0/14", 16),
    ("172.24.0.0/14", 16),
    ("172.28.0.0/14", 16),
    ("192.168.0.0/16", 20),
)


def choose_ipv4(used: Collection[Prefix]) -> Prefix:
    """Return the first default subnet that touches nothing of ``used``: other networks, routes and addresses here.

    :raises errors.Error: EXHAUSTED, with docker's text.
    """
    for pool, length in DEFAULT_POOLS:
        block = prefixes.prefix(pool)
        step = 1 << (32 - length)
        for first in range(block.first, block.last, step):
            candidate = Prefix(4, first, length)
            if not any(candidate.overlaps(other) for other in used):
                return candidate
    text = "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network"
    raise errors.Error(errors.EXHAUSTED, text, hint="give --subnet, or remove networks that nobody uses")


def choose_ipv6(used: Collection[Prefix]) -> Prefix:
    """Return a random unique local /64 (RFC 4193) that touches nothing of ``used``."""
    while True:
        first = (0xFD << 120) | int.from_bytes(os.urandom(7), "big") << 64
        candidate = Prefix(6, first, 64)
        if not any(candidate.overlaps(other) for other in used):
            return candidate


def complete(asked: Sequence[Subnet], families: Iterable[int], used: Collection[Prefix]) -> tuple[Subnet, ...]:
    """Check the subnets that the user gave, and add what was left to us: missing subnets and gateways.

    :param families: those the network is to have, 4 and 6.
    :param used: what is taken on this machine.
    :raises errors.Error: they overlap each other or others, a gateway is outside ...
    """
    done: list[Subnet] = []
    wanted = list(families)
    for subnet in asked:
        block = prefixes.prefix(subnet.subnet, strict=True)
        if block.family not in wanted:
            continue
        if any(block.overlaps(other) for other in used):
            raise errors.Error(errors.CONFLICT, "Pool overlaps with other one on this address space")
        if any(block.overlaps(other.prefix) for other in done):
            raise errors.Error(errors.INVALID, "multiple overlapping subnet configuration is not supported")
        done.append(subnet._replace(gateway=_gateway(block, subnet), chosen=not subnet.gateway))
    for family in wanted:
        if not any(subnet.prefix.family == family for subnet in done):
            block = choose_ipv4(used) if family == 4 else choose_ipv6(used)
            done.append(Subnet(str(block), prefixes.show(family, block.first + 1)))
    return tuple(sorted(done, key=lambda subnet: subnet.prefix.family))


def _gateway(block: Prefix, subnet: Subnet) -> str:
    """Return the gateway, and check that nothing is somebody else's; in docker's order: the gateway is taken first."""
    if subnet.ip_range and not block.holds(prefixes.prefix(subnet.ip_range)):
        raise errors.Error(errors.INVALID, f"no matching subnet for range {subnet.ip_range}")
    for name, text in subnet.aux.items():
        _inside(block, text, f"no matching subnet for aux-address {name}:{text}")
    if subnet.gateway:
        _, gateway = _inside(block, subnet.gateway, f"no matching subnet for gateway {subnet.gateway}")
        if gateway not in _usable(block):
            text = f"failed to allocate gateway ({subnet.gateway}): Address already in use"
            raise errors.Error(errors.CONFLICT, text, hint="the first address is the network, the last one everybody")
    else:
        start = prefixes.prefix(subnet.ip_range).first if subnet.ip_range else block.first
        gateway = next(iter(_usable(block, max(start, block.first + 1), block.last)), -1)
        if gateway < 0:
            text = f"no available IPv{block.family} addresses on this network's address pools"
            raise errors.Error(errors.EXHAUSTED, text)
    taken = {gateway}
    for name, text in subnet.aux.items():
        number = prefixes.address(text)[1]
        if number in taken or number not in _usable(block):
            message = f"failed to allocate secondary ip address ({name}:{text}): Address already in use"
            hint = "it is the gateway's, unless --gateway names another one" if number == gateway else ""
            raise errors.Error(errors.CONFLICT, message, hint=hint)
        taken.add(number)
    return prefixes.show(block.family, gateway)


def _inside(block: Prefix, text: str, complaint: str) -> tuple[int, int]:
    family, number = prefixes.address(text)
    if family != block.family or not block.first <= number <= block.last:
        raise errors.Error(errors.INVALID, complaint)
    return family, number


def _usable(block: Prefix, start: int = 0, stop: int = 1 << 128) -> range:
    """Numbers from ``start`` to ``stop`` that a host can have; in small blocks (/31, /32) that is all."""
    small = block.size <= 2
    lowest = block.first if small else block.first + 1
    highest = block.last if small or block.family == 6 else block.last - 1
    return range(max(start, lowest), min(stop, highest) + 1)


def reserved(subnet: Subnet) -> set[str]:
    """Return the addresses of a subnet that no container gets."""
    return {subnet.gateway, *subnet.aux.values()} - {""}


def pick(subnet: Subnet, taken: Collection[str]) -> str:
    """Return the lowest free address.

    :param taken: addresses as :func:`hezi.network.prefixes.show` writes them.
    :raises errors.Error: EXHAUSTED, with docker's text.
    """
    block = subnet.prefix
    part = prefixes.prefix(subnet.ip_range) if subnet.ip_range else block
    blocked = {*taken, *map(_usual, reserved(subnet))}
    # Compared as texts: to write one down costs less than to read one.
    for number in _usable(block, part.first, part.last):
        text = prefixes.show(block.family, number)
        if text not in blocked:
            return text
    raise errors.Error(errors.EXHAUSTED, "no available addresses on this network: all are given away")


def _usual(text: str) -> str:
    return prefixes.show(*prefixes.address(text))


def check_asked(subnets: Iterable[Subnet], text: str, taken: Mapping[str, str] | Collection[str]) -> str:
    """Return the address that the user asked for, when a container can have it.

    :raises errors.Error: it is outside of the network, or somebody's.
    """
    family, number = prefixes.address(text)
    shown = prefixes.show(family, number)
    for subnet in subnets:
        block = subnet.prefix
        if block.family != family or not block.first <= number <= block.last:
            continue
        if shown in taken or shown in reserved(subnet) or number not in _usable(block):
            raise errors.Error(errors.CONFLICT, "Address already in use", hint=f"{shown} is taken or reserved")
        return shown
    text = f"invalid IPv{family} address {shown}: no configured subnet contains it"
    raise errors.Error(errors.CONFLICT, text, hint="give the network another --subnet, or ask for another address")


def mac(ipv4: str | None) -> str:
    """Return a hardware address: made from the IPv4 one, as docker does, so that no neighbour's table gets stale."""
    tail = prefixes.address(ipv4)[1].to_bytes(4, "big") if ipv4 else os.urandom(4)
    return (b"\x02\x42" + tail).hex(":")
