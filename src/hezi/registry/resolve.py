"""From a name and a platform to one image: manifest, config, and the index they were chosen from."""

from __future__ import annotations

from hezi._util.record import NamedTuple
from hezi.errors import CORRUPT, NOT_FOUND, UNSUPPORTED, Error
from hezi.spec.image import (
    MAX_CONFIG,
    Descriptor,
    ImageConfig,
    Index,
    Manifest,
    check_image,
    parse_config,
    parse_manifest,
)
from hezi.spec.platform import Platform, choose

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.registry.mirrors import ImageSource
    from hezi.spec.reference import Reference

_MAX_NESTING = 4
_SHOWN_PLATFORMS = 12


class Resolved(NamedTuple):
    """What a reference means for a platform. ``index_document`` and its descriptor are None for a plain image."""

    reference: Reference
    manifest: Manifest
    manifest_descriptor: Descriptor
    index_document: Index | None
    index_descriptor: Descriptor | None
    config_raw: bytes
    config: ImageConfig


def resolve(client: ImageSource, reference: Reference, platform: Platform, *, explicit: bool = False) -> Resolved:
    """Fetch and verify everything of an image but its layers.

    :param platform: the machine's, or the one asked for.
    :param explicit: the user asked for ``platform``: an image for another one is an error. Otherwise a plain image for
        another platform is returned, and it is for the caller to warn.
    :raises Error: NOT_FOUND when there is nothing for the platform.
    """
    reference = reference.with_default_tag()
    wanted: str = reference.digest or reference.tag or ""
    content_type, digest, raw = client.manifest(reference.path, wanted)
    found = parse_manifest(raw, content_type)
    descriptor = Descriptor(found.media_type, digest, len(raw))
    index: Index | None = None
    index_descriptor: Descriptor | None = None
    for _ in range(_MAX_NESTING):
        if isinstance(found, Manifest):
            break
        if index is None:
            index, index_descriptor = found, descriptor
        descriptor = _choose(found, platform)
        found = _fetch(client, reference, descriptor)
    if not isinstance(found, Manifest):
        raise Error(UNSUPPORTED, f"{reference.familiar} is an index of indexes, nested deeper than {_MAX_NESTING}")
    check_image(found)
    config_raw = client.document(reference.path, found.config, MAX_CONFIG)
    config = parse_config(config_raw)
    check_image(found, config)
    # An index that does not say what its single image is for leaves that to the config.
    silent = index is not None and descriptor.platform is None
    _check_platform(reference, config, platform, strict=explicit or silent)
    return Resolved(reference, found, descriptor, index, index_descriptor, config_raw, config)


def _choose(index: Index, platform: Platform) -> Descriptor:
    chosen = choose(index.manifests, platform)
    if chosen is not None:
        return chosen
    there = dict.fromkeys(
        str(entry.platform) for entry in index.manifests if entry.platform and entry.platform.os != "unknown"
    )
    some = ", ".join(list(there)[:_SHOWN_PLATFORMS]) or "nothing"
    more = f" and {len(there) - _SHOWN_PLATFORMS} more" if len(there) > _SHOWN_PLATFORMS else ""
    message = f"no matching manifest for {platform} in the manifest list entries"
    raise Error(NOT_FOUND, message, hint=f"it has: {some}{more}; choose one with --platform")


def _fetch(client: ImageSource, reference: Reference, descriptor: Descriptor) -> Manifest | Index:
    content_type, _, raw = client.manifest(reference.path, descriptor.digest)
    if len(raw) != descriptor.size:
        message = f"manifest {descriptor.digest} has {len(raw)} bytes, the index says {descriptor.size}"
        raise Error(CORRUPT, message)
    found = parse_manifest(raw, content_type)
    if descriptor.media_type and found.media_type != descriptor.media_type:
        message = f"manifest {descriptor.digest} is of type '{found.media_type}', the index says otherwise"
        raise Error(CORRUPT, message)
    return found


def _check_platform(reference: Reference, config: ImageConfig, platform: Platform, *, strict: bool) -> None:
    if strict and not platform.matches(config.platform):
        message = (
            f"image with reference {reference.familiar} was found but its platform ({config.platform}) does not match "
            f"the specified platform ({platform})"
        )
        raise Error(NOT_FOUND, message)
    if config.os != "linux":
        raise Error(UNSUPPORTED, f'image operating system "{config.os}" cannot be used on this platform')
