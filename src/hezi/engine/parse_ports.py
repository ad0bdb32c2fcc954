"""``--publish`` and ``--expose``: docker's grammar and its words for what is wrong (docker/go-connections/nat)."""

from __future__ import annotations

from hezi import errors
from hezi.network import prefixes
from hezi.network.ports import Publish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

PROTOCOLS = ("tcp", "udp", "sctp")
_LAST = 65535


def parse_publish(text: str) -> tuple[Publish, ...]:
    """Read ``[[IP:][HOST[-HOST]]:]CONTAINER[-CONTAINER][/PROTOCOL]``, or ``target=80,published=8080,protocol=tcp``.

    :return: one for each port of the container; one that names no port of the host gets any.
    :raises errors.Error: INVALID, docker's texts.
    """
    if "=" in text:
        text = _long(text)
    spec, protocol = _protocol(text)
    address, host, container = _split(spec)
    if not container:
        raise errors.Error(errors.INVALID, f"no port specified: {text}<empty>")
    first, last = _range(container, "invalid containerPort: {}")
    host_first, host_last = _range(host, "invalid hostPort: {}") if host else (0, 0)
    if protocol not in PROTOCOLS:
        raise errors.Error(errors.INVALID, f"invalid proto: {protocol}")
    if host and host_last - host_first != last - first and first != last:
        raise errors.Error(
            errors.INVALID, f"invalid ranges specified for container and host Ports: {container} and {host}"
        )
    if first == last:
        return (Publish(first, protocol, address, host_first, host_last),)
    return tuple(
        Publish(port, protocol, address, *((host_first + port - first,) * 2 if host else (0, 0)))
        for port in range(first, last + 1)
    )


def _protocol(text: str) -> tuple[str, str]:
    """Cut off the protocol, tcp when there is none; as docker reads it, nothing stands behind one more slash."""
    spec, *rest = text.split("/")
    return spec, (rest[0].lower() if rest else "") or "tcp"


def _split(spec: str) -> tuple[str, str, str]:
    """Return (address, port of the host, port of the container), from the right: an IPv6 address has colons itself."""
    parts = spec.split(":")
    if len(parts) < 3:
        return "", parts[0] if len(parts) == 2 else "", parts[-1]
    address = ":".join(parts[:-2])
    if not address:
        return "", parts[-2], parts[-1]
    bare = address[1:-1] if address.startswith("[") and address.endswith("]") else address
    try:
        family, number = prefixes.address(bare)
    except errors.Error:
        raise errors.Error(errors.INVALID, f"invalid IP address: {address}") from None
    return prefixes.show(family, number), parts[-2], parts[-1]


def _range(text: str, complaint: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    numbers = [first, last] if dash else [first]
    if not all(part.isascii() and part.isdecimal() and int(part) <= _LAST for part in numbers):
        raise errors.Error(errors.INVALID, complaint.format(text))
    found = int(first), int(last) if dash else int(first)
    if found[0] > found[1]:
        raise errors.Error(errors.INVALID, complaint.format(text))
    return found


def _long(text: str) -> str:
    values = {"protocol": "tcp", "published": "", "target": "", "mode": ""}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not equals or name not in values:
            raise errors.Error(errors.INVALID, f"invalid field key {name}")
        values[name] = value.lower()
    if not values["target"].replace("-", "", 1).isdecimal():
        raise errors.Error(errors.INVALID, f"invalid target port ({values['target']}): value must be an integer")
    if values["mode"] not in {"", "host", "ingress"}:
        raise errors.Error(
            errors.INVALID, f"invalid publish mode value ({values['mode']}): must be either 'ingress' or 'host'"
        )
    host = f"{values['published']}:" if values["published"] else ""
    return f"{host}{values['target']}/{values['protocol']}"


def parse_expose(text: str) -> tuple[tuple[int, str], ...]:
    """Read ``PORT[-PORT][/PROTOCOL]``: (port, protocol) for each.

    :raises errors.Error: INVALID, docker's texts.
    """
    ports, protocol = _protocol(text)
    if protocol not in PROTOCOLS:
        raise errors.Error(errors.INVALID, f"invalid proto: {protocol}")
    if ":" in text:
        raise errors.Error(errors.INVALID, f"invalid port format for --expose: {text}")
    first, last = _range(ports, f"invalid range format for --expose: {text}")
    return tuple((port, protocol) for port in range(first, last + 1))


def wanted(
    publish: Iterable[str], expose: Iterable[str], image_ports: Iterable[str], *, everything: bool
) -> list[Publish]:
    """Return all that is to be published.

    :param image_ports: ``80/tcp``, as the image exposes them.
    :param everything: ``-P``: what is exposed gets any port of the host, unless ``-p`` gives it one.
    """
    found = [one for text in publish for one in parse_publish(text)]
    if everything:
        given = {(one.container_port, one.protocol) for one in found}
        exposed = {pair for text in (*expose, *image_ports) for pair in parse_expose(text)}
        found += [Publish(*pair) for pair in sorted(exposed - given)]
    return found
