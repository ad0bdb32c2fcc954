"""``--device HOST[:CONTAINER[:PERMISSIONS]]``."""

from __future__ import annotations

from hezi import errors
from hezi._util.record import NamedTuple


class DeviceAsk(NamedTuple):
    """A device, or a directory of devices, of the host that the container is to have."""

    source: str
    destination: str
    access: str = "rwm"


def parse_device(text: str) -> DeviceAsk:
    """Read the option; whether the device exists is looked at later.

    :raises errors.Error: docker's texts.
    """
    parts = text.split(":")
    source, destination, access = parts[0], parts[0], "rwm"
    if len(parts) > 3:
        raise errors.Error(errors.INVALID, f"bad format for path: {text}")
    if len(parts) == 3:
        destination, access = parts[1], parts[2]
        if not _is_access(access):
            raise errors.Error(errors.INVALID, f"bad mode specified: {access}")
    elif len(parts) == 2:
        if _is_access(parts[1]):
            access = parts[1]
        else:
            destination = parts[1]
    for path in (source, destination):
        if not path.startswith("/") or "\0" in path:
            raise errors.Error(errors.INVALID, f"{path} is not an absolute path")
    if ".." in destination.split("/"):
        raise errors.Error(errors.INVALID, f"bad format for path: {text}")
    return DeviceAsk(source, destination, access)


def _is_access(text: str) -> bool:
    return bool(text) and set(text) <= set("rwm") and len(set(text)) == len(text)
