"""``--network``, ``--add-host``, ``--dns`` and their like: docker's grammar and words."""

from __future__ import annotations

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.network import prefixes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from hezi.network.prefixes import Prefix

HOST_GATEWAY = "host-gateway"
# What a plain word may mean: anything else is the name of a network.
_MODES = {"none": "none", "host": "host", "bridge": "bridge", "default": "bridge"}
_KEYS = ("name", "alias", "ip", "ip6", "mac-address", "driver-opt", "link-local-ip", "gw-priority")


class Asked(NamedTuple):
    """One ``--network``: its name, and what is wanted there."""

    name: str
    aliases: tuple[str, ...] = ()
    ipv4: str = ""
    ipv6: str = ""
    mac: str = ""


def parse(text: str) -> Asked:
    """Read ``NAME`` or ``name=NAME,alias=...,ip=...,ip6=...,mac-address=...``.

    :raises errors.Error: INVALID; UNSUPPORTED for what hezi does not do.
    """
    if "=" not in text:
        if not text:
            raise errors.Error(errors.INVALID, "no name set for network")
        return Asked(_named(text))
    fields: dict[str, str] = {}
    aliases = []
    for part in text.split(","):
        key, equals, value = part.partition("=")
        key = key.strip().lower()
        if not equals or key not in _KEYS:
            raise errors.Error(errors.INVALID, f"invalid field {part}" if not equals else f"invalid field key {key}")
        if key in {"driver-opt", "link-local-ip", "gw-priority"}:
            raise errors.Error(errors.UNSUPPORTED, f"--network {key}=... is not built yet")
        if key == "alias":
            aliases.append(value)
        else:
            fields[key] = value
    if not fields.get("name"):
        raise errors.Error(errors.INVALID, "no name set for network")
    return Asked(
        _named(fields["name"]),
        tuple(map(check_alias, aliases)),
        check_address(fields.get("ip", ""), 4),
        check_address(fields.get("ip6", ""), 6),
        check_mac(fields.get("mac-address", "")),
    )


def _named(text: str) -> str:
    """Return the name that a word means: one that no network can have is a mistake, and nothing else (class D8)."""
    plain = text.replace("_", "").replace(".", "").replace("-", "")
    if not text.isascii() or not text[:1].isalnum() or not plain.isalnum():
        raise errors.Error(errors.INVALID, f"invalid network name {text}: only [a-zA-Z0-9][a-zA-Z0-9_.-]* are allowed")
    return _MODES.get(text, text)


def check_address(text: str, family: int) -> str:
    """Return an address in its usual spelling; "" stays.

    :raises errors.Error: it is none of that family.
    """
    if not text:
        return ""
    try:
        found, number = prefixes.address(text)
    except errors.Error:
        found, number = 0, 0
    if found != family:
        raise errors.Error(errors.INVALID, f"invalid IPv{family} address: {text}")
    return prefixes.show(family, number)


def check_mac(text: str) -> str:
    """Return a hardware address in its usual spelling; "" stays.

    :raises errors.Error: it is none, or one of a group.
    """
    if not text:
        return ""
    parts = text.replace("-", ":").split(":")
    digits = set("0123456789abcdefABCDEF")
    if len(parts) != 6 or not all(len(part) == 2 and set(part) <= digits for part in parts):
        raise errors.Error(errors.INVALID, f"{text} is not a valid mac address")
    if int(parts[0], 16) & 1:
        raise errors.Error(errors.INVALID, f"{text} is the address of a group, and no interface's")
    return ":".join(parts).lower()


def check_alias(text: str) -> str:
    """Return a name that containers can be asked for.

    :raises errors.Error: it holds what no name can.
    """
    if not text or len(text) > 253 or set(text) & set(" \t\n\0/") or not text.isascii():
        raise errors.Error(errors.INVALID, f"invalid network alias '{text}'")
    return text


def parse_host(text: str) -> tuple[str, str]:
    """Read ``NAME:IP`` or ``NAME=IP``; the address may be ``host-gateway``.

    :raises errors.Error: INVALID, docker's texts.
    """
    cut = min((at for at in (text.find(":"), text.find("=")) if at > 0), default=-1)
    if cut < 0:
        raise errors.Error(errors.INVALID, f'bad format for add-host: "{text}"')
    name, address = text[:cut], text[cut + 1 :]
    if address.startswith("[") and address.endswith("]"):
        address = address[1:-1]
    if address != HOST_GATEWAY:
        try:
            prefixes.address(address)
        except errors.Error:
            raise errors.Error(errors.INVALID, f'invalid IP address in add-host: "{address}"') from None
    if set(name) & set(" \t\n\0"):
        raise errors.Error(errors.INVALID, f'bad format for add-host: "{text}"')
    return name, address


def parse_link(text: str) -> tuple[str, str]:
    """Read ``CONTAINER[:ALIAS]``.

    :raises errors.Error: INVALID.
    """
    name, _, alias = text.partition(":")
    name = name.removeprefix("/")
    if not name or ":" in alias:
        raise errors.Error(errors.INVALID, f"bad format for links: {text}")
    return name, check_alias(alias or name)


def check_dns(texts: Sequence[str], search: Sequence[str], options: Sequence[str]) -> None:
    """Check what is to be written to /etc/resolv.conf: it must stay one line each.

    :raises errors.Error: INVALID, docker's texts.
    """
    for text in texts:
        try:
            prefixes.address(text)
        except errors.Error:
            raise errors.Error(errors.INVALID, f"IP address is not correctly formatted: {text}") from None
    for text in (*search, *options):
        if not text or set(text) & set(" \t\n\r\0#;"):
            raise errors.Error(errors.INVALID, f"{text} is not a valid domain")


def consolidate(
    subnets: Sequence[str], ranges: Sequence[str], gateways: Sequence[str], aux: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Sort what ``network create`` was told into subnets, for :meth:`hezi.engine.networks.Networks.create`.

    :raises errors.Error: INVALID, docker's texts.
    """
    if len(subnets) < len(ranges) or len(subnets) < len(gateways):
        raise errors.Error(errors.INVALID, "every ip-range or gateway must have a corresponding subnet")
    blocks: list[tuple[Prefix, dict[str, Any]]] = []
    for text in subnets:
        block = prefixes.prefix(text)
        if any(block.overlaps(other) for other, _ in blocks):
            raise errors.Error(errors.INVALID, "multiple overlapping subnet configuration is not supported")
        blocks.append((block, {"subnet": text, "aux": {}}))
    for text in ranges:
        _put(blocks, prefixes.prefix(text), "ip_range", text, f"no matching subnet for range {text}")
    for text in gateways:
        _put(blocks, _single(text), "gateway", text, f"no matching subnet for gateway {text}")
    for name, text in aux.items():
        block = _single(text)
        found = next((values for other, values in blocks if other.holds(block)), None)
        if found is None:
            raise errors.Error(errors.INVALID, f"no matching subnet for aux-address {text}")
        found["aux"][name] = text
    return [values for _, values in blocks]


def _single(text: str) -> Prefix:
    return prefixes.prefix(f"{text}/{128 if ':' in text else 32}")


def _put(blocks: list[tuple[Prefix, dict[str, Any]]], block: Prefix, key: str, text: str, complaint: str) -> None:
    for other, values in blocks:
        if other.holds(block):
            if key in values:
                kind = "ranges" if key == "ip_range" else "gateways"
                message = f"cannot configure multiple {kind} ({text}, {values[key]}) on the same subnet ({other})"
                raise errors.Error(errors.INVALID, message)
            values[key] = text
            return
    raise errors.Error(errors.INVALID, complaint)
