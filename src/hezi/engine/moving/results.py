"""What moving images gives back: plain immutable values."""

from __future__ import annotations

from hezi._util.record import NamedTuple


class LoadedImage(NamedTuple):
    """One name that an archive brought, or one image that came without.

    :param name: as people write it (``busybox:latest``); empty for an image without a name.
    :param image_id: digest of the image's configuration.
    :param replaced: id of another image that had the name until now, empty when there was none.
    """

    name: str
    image_id: str
    replaced: str = ""


class PushedImage(NamedTuple):
    """One name that a registry has now.

    :param name: as people write it.
    :param digest: of what the registry has under the name: a manifest, or an index that was complete here.
    :param size: bytes of that document.
    """

    name: str
    digest: str
    size: int
