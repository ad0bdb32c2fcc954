"""``--network``, ``--add-host``, ``--dns`` and their like: docker's grammar and words."""

from __future__ import annotations

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.network import bridge, model, prefixes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from hezi.network.prefixes import Prefix

HOST_GATEWAY = "host-gateway"
# What a plain word may mean: anything else is the name of a network.
_MODES = {"none": "none", "host": "host", "bridge": "bridge", "default": "bridge"}
_KEYS = ("name", "alias", "ip", "ip6", "mac-address", "driver-opt", "link-local-ip", "gw-priority")


_IFNAME, _SYSCTLS = "com.docker.network.endpoint.ifname", "com.docker.network.endpoint.sysctls"
_PARAMETERS = {("net", family, kind, "IFNAME") for family in ("ipv4", "ipv6") for kind in ("conf", "neigh")}
_LONGEST_NAME, _LONGEST_NUMBER = 15, 9


# What other words of --network, and of other engines, begin with.
FOREIGN = ("container:", "ns:")


class Asked(NamedTuple):
    """One ``--network``: its name, and what is wanted there."""

    name: str
    aliases: tuple[str, ...] = ()
    ipv4: str = ""
    ipv6: str = ""
    mac: str = ""
    link_local: tuple[str, ...] = ()
    priority: int = 0
    options: tuple[tuple[str, str], ...] = ()


def parse(text: str) -> Asked:
    """Read ``NAME`` or ``name=NAME,alias=...,ip=...,ip6=...,mac-address=...,gw-priority=...``.

    :raises errors.Error: INVALID.
    """
    if "=" not in text:
        if not text:
            raise errors.Error(errors.INVALID, "no name set for network")
        return Asked(_named(text))
    fields: dict[str, str] = {}
    several: dict[str, list[str]] = {"alias": [], "link-local-ip": [], "driver-opt": []}
    for part in fields_of(text):
        key, equals, value = part.partition("=")
        key = key.strip().lower()
        if not equals or key not in _KEYS:
            raise errors.Error(errors.INVALID, f"invalid field {part}" if not equals else f"invalid field key {key}")
        if key in several:
            several[key] += [value] if value else []
        else:
            fields[key] = value
    if not fields.get("name"):
        raise errors.Error(errors.INVALID, "no name set for network")
    return Asked(
        _named(fields["name"]),
        tuple(map(check_alias, several["alias"])),
        check_address(fields.get("ip", ""), 4),
        check_address(fields.get("ip6", ""), 6),
        check_mac(fields.get("mac-address", "")),
        tuple(map(check_link_local, several["link-local-ip"])),
        parse_priority(fields.get("gw-priority", "0")),
        tuple(map(parse_option, several["driver-opt"])),
    )


def parse_priority(text: str) -> int:
    """Read ``gw-priority``.

    :raises errors.Error: INVALID, docker's text.
    """
    digits = text[1:] if text[:1] in {"+", "-"} else text
    if not digits.isascii() or not digits.isdecimal() or len(digits) > _LONGEST_NUMBER:
        raise errors.Error(errors.INVALID, f"invalid gw-priority: {text}")
    return int(text)


def parse_option(text: str) -> tuple[str, str]:
    """Read ``NAME=VALUE`` of ``driver-opt``.

    :raises errors.Error: INVALID, docker's text.
    """
    name, equals, value = text.partition("=")
    name = name.strip().lower()
    if not equals or not name:
        raise errors.Error(errors.INVALID, "invalid key value pair format in driver options")
    return name, value.strip()


def check_link_local(text: str) -> str:
    """Return a link-local address in its usual spelling.

    :raises errors.Error: INVALID, it is none.
    """
    family = 6 if ":" in text else 4
    shown = check_address(text, family)
    block = bridge.LINK_LOCAL6 if family == 6 else bridge.LINK_LOCAL4
    if not shown or not block.holds(prefixes.prefix(f"{shown}/{prefixes.bits(family)}")):
        raise errors.Error(errors.INVALID, f"invalid link local IP address: {text}")
    return shown


def extras(asked: Asked) -> model.Extras:
    """Return what is wanted of the interface; options that mean nothing are left out.

    :raises errors.Error: INVALID, a parameter of the kernel is none of the interface, or a name is none.
    """
    options = dict(asked.options)
    name = options.get(_IFNAME, "")
    if name and (len(name.encode()) > _LONGEST_NAME or set(name) & set("/: \t\n\0") or name in {".", "..", "lo"}):
        text = f"invalid interface name {name}: 1 to {_LONGEST_NAME} letters, no blank, / or :"
        raise errors.Error(errors.INVALID, text)
    wanted = filter(None, options.get(_SYSCTLS, "").split(","))
    return model.Extras(name, asked.link_local, tuple(map(_sysctl, wanted)))


def unknown_options(asked: Asked) -> tuple[str, ...]:
    """Return the options that mean nothing: they are kept and shown, as docker does."""
    return tuple(name for name, _ in asked.options if name not in {_IFNAME, _SYSCTLS})


def _sysctl(text: str) -> tuple[str, str]:
    """Read ``net.ipv4.conf.IFNAME.log_martians=1``: nothing but a parameter of this very interface."""
    name, equals, value = text.strip().partition("=")
    *where, last = name.split(".")
    if not equals or tuple(where) not in _PARAMETERS or not last.isidentifier() or not value.isprintable():
        what = "net.ipv4.conf.IFNAME.NAME=VALUE, or of net.ipv4.neigh, net.ipv6.conf, net.ipv6.neigh"
        raise errors.Error(errors.INVALID, f"invalid endpoint sysctl '{text}': {what}")
    return "/".join((*where, last)), value


def fields_of(text: str) -> list[str]:
    """Split at commas; a field in quotation marks may hold some, and a quotation mark twice (RFC 4180).

    :raises errors.Error: INVALID, a quotation mark where none may be.
    """
    if '"' not in text:
        return text.split(",")
    found = []
    rest = text
    while True:
        if rest.startswith('"'):
            parts = rest[1:].replace('""', "\0").partition('"')
            field, rest = parts[0].replace("\0", '"'), parts[2].replace("\0", '""')
            if not parts[1] or (rest and not rest.startswith(",")):
                raise errors.Error(errors.INVALID, f"parse error in {text}: a quotation mark is not closed")
            more, rest = bool(rest), rest[1:]
        else:
            field, comma, rest = rest.partition(",")
            if '"' in field:
                raise errors.Error(errors.INVALID, f"parse error in {text}: a quotation mark inside of a field")
            more = bool(comma)
        found.append(field)
        if not more:
            return found


def quoted(text: str) -> str:
    """Return a field for :func:`fields_of`."""
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"') else text


def _named(text: str) -> str:
    """Return the name that a word means: one that no network can have is a mistake, and nothing else (class D8)."""
    if not text.strip() or text != text.strip() or not text.isprintable() or text.startswith(FOREIGN):
        raise errors.Error(errors.INVALID, f"invalid network name {text}")
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
    plain = text.replace(".", "")
    if text.count(".") == 2 and len(plain) == 12:
        text = ":".join(plain[at : at + 2] for at in range(0, 12, 2))
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
    for text in search:
        search_domain(text)
    for text in options:
        if set(text) & set(" \t\n\r\0#;"):
            raise errors.Error(errors.INVALID, f"{text} is no option of a resolver")


def search_domain(text: str) -> str:
    """Return a domain that names are looked for in, without the dot at its end; "." alone stays.

    :raises errors.Error: INVALID, docker's text.
    """
    text = text.strip(" ")
    if text == ".":
        return text
    domain = text.removesuffix(".")
    letters = domain.replace("-", "").replace(".", "")
    if (
        len(domain) >= 255
        or not letters.isascii()
        or not letters.isalnum()
        or letters.isdecimal()
        or any(not part or part.startswith("-") or part.endswith("-") for part in domain.split("."))
    ):
        raise errors.Error(errors.INVALID, f"{text} is not a valid domain")
    return domain


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
