"""Manifests as a registry has them: ``manifest inspect``, and what refers to an image."""

from __future__ import annotations

import base64

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.spec import image as documents
from hezi.spec.image import Descriptor, Manifest
from hezi.spec.jsondoc import load_object
from hezi.spec.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hezi.engine.paths import Paths
    from hezi.registry.client import RegistryClient
    from hezi.registry.config import HostPolicy
    from hezi.spec.digest import Digest

# The order in which docker writes a descriptor: that of its own type, and that of the OCI's.
_DOCKER_ORDER = ("mediaType", "size", "digest", "annotations", "urls", "platform")
_OCI_ORDER = ("mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType")
_MAX_ENTRIES = 1000


class Referrer(NamedTuple):
    """A manifest that names an image as its subject.

    :param artifact_type: what it is: a signature, a bill of materials.
    :param annotations: pairs.
    """

    digest: str
    media_type: str
    artifact_type: str
    size: int
    annotations: tuple[tuple[str, str], ...]


def inspect(name: str, *, insecure: bool = False, verbose: bool = False) -> dict[str, Any] | list[dict[str, Any]]:
    """See :meth:`hezi.engine.moving.registries.Registries.manifest`."""
    from hezi.registry.client import RegistryClient

    reference = Reference.parse(name).with_default_tag()
    with RegistryClient(reference.domain, policy=policy(reference, insecure=insecure)) as client:
        content_type, digest, raw = client.manifest(reference.path, reference.digest or reference.tag or "")
        found = documents.parse_manifest(raw, content_type)
        if not verbose:
            return ordered(raw, found.media_type)
        if isinstance(found, Manifest):
            descriptor = Descriptor(found.media_type, digest, len(raw))
            return _verbose(client, reference.path, str(reference), descriptor, raw)
        if len(found.manifests) > _MAX_ENTRIES:
            message = f"{reference.familiar} lists {len(found.manifests)} manifests, the limit is {_MAX_ENTRIES}"
            raise errors.Error(errors.CORRUPT, message)
        return [_entry(client, reference, entry) for entry in found.manifests]


def policy(reference: Reference, *, insecure: bool) -> HostPolicy:
    """Return how a registry is spoken to; ``insecure`` is for this one time."""
    from hezi.registry.config import host_policy

    found = host_policy(reference.domain)
    return found._replace(insecure=True) if insecure else found


def entry(reference: Reference, *, insecure: bool) -> dict[str, Any]:
    """Return a manifest as ``manifest inspect -v`` shows it.

    :raises errors.Error: NOT_FOUND; INVALID: it is an index.
    """
    from hezi.registry.client import RegistryClient

    with RegistryClient(reference.domain, policy=policy(reference, insecure=insecure)) as client:
        try:
            content_type, digest, raw = client.manifest(reference.path, reference.digest or reference.tag or "")
        except errors.Error as error:
            if error.kind == errors.NOT_FOUND:
                error.message = f"no such manifest: {reference.familiar}"
            raise
        found = documents.parse_manifest(raw, content_type)
        if not isinstance(found, Manifest):
            raise errors.Error(errors.INVALID, f"{reference.familiar} is a manifest list")
        descriptor = Descriptor(found.media_type, digest, len(raw))
        return _verbose(client, reference.path, str(reference), descriptor, raw)


def _entry(client: RegistryClient, reference: Reference, entry: Descriptor) -> dict[str, Any]:
    _, _, raw = client.manifest(reference.path, entry.digest)
    where = f"{reference.name}:{reference.tag}@{entry.digest}" if reference.tag else f"{reference.name}@{entry.digest}"
    return _verbose(client, reference.path, where, entry, raw)


def _verbose(client: RegistryClient, path: str, where: str, descriptor: Descriptor, raw: bytes) -> dict[str, Any]:
    found = documents.parse_manifest(raw, descriptor.media_type)
    described: dict[str, Any] = {
        "mediaType": found.media_type,
        "digest": str(descriptor.digest),
        "size": descriptor.size,
    }
    platform = descriptor.platform
    is_image = isinstance(found, Manifest) and found.config.media_type in documents.CONFIG_TYPES
    if platform is None and is_image and isinstance(found, Manifest):
        config = documents.parse_config(client.document(path, found.config, documents.MAX_CONFIG))
        platform = config.platform
    if platform is not None:
        described["platform"] = {"architecture": platform.architecture, "os": platform.os}
        more = (("os.version", platform.os_version), ("os.features", list(platform.os_features)))
        described["platform"].update((key, value) for key, value in (*more, ("variant", platform.variant)) if value)
    kind = {documents.OCI_MANIFEST: "OCIManifest", documents.DOCKER_MANIFEST: "SchemaV2Manifest"}
    return {
        "Ref": where,
        "Descriptor": described,
        "Raw": base64.b64encode(raw).decode("ascii"),
        kind.get(found.media_type, "Index"): ordered(raw, found.media_type),
    }


def ordered(raw: bytes, media_type: str) -> dict[str, Any]:
    """Return a document with its descriptors' fields in docker's order; fields that docker does not know stay, last."""
    document: dict[str, Any] = dict(load_object(raw, limit=documents.MAX_MANIFEST, what="manifest"))
    order = _OCI_ORDER if media_type == documents.OCI_MANIFEST else _DOCKER_ORDER

    def arrange(value: object) -> object:
        if isinstance(value, dict):
            known = [key for key in order if key in value]
            return {key: value[key] for key in [*known, *(key for key in value if key not in known)]}
        return value

    for key in ("config", "subject"):
        if key in document:
            document[key] = arrange(document[key])
    for key in ("layers", "manifests"):
        if isinstance(document.get(key), list):
            document[key] = [arrange(value) for value in document[key]]
    first = [key for key in ("schemaVersion", "mediaType", "artifactType") if key in document]
    return {key: document[key] for key in [*first, *(key for key in document if key not in first)]}


def referrers(paths: Paths, name: str) -> tuple[Referrer, ...]:
    """See :meth:`hezi.engine.moving.api.Moving.referrers`."""
    from hezi.registry.client import RegistryClient

    reference, digests = _known(paths, name)
    found: dict[Digest, Referrer] = {}
    with RegistryClient(reference.domain) as client:
        for digest in digests:
            for one in client.referrers(reference.path, digest):
                found[one.digest] = Referrer(
                    str(one.digest), one.media_type, one.artifact_type or "", one.size, one.annotations
                )
    return tuple(found.values())


def _known(paths: Paths, name: str) -> tuple[Reference, list[Digest]]:
    """Return the repository to ask, and under which digests it has the image: the index's and the manifest's."""
    from hezi.store.images import ImageStore

    paths.make()
    with ImageStore(paths.root) as store:
        image = store.resolve(name)
    try:
        wanted: Reference | None = Reference.parse(name).with_default_tag()
    except errors.Error:
        wanted = None  # an id
    for tag in image.tags:
        if tag.digest is not None and (wanted is None or tag.reference == str(wanted)):
            return Reference.parse(tag.reference), list(dict.fromkeys((tag.digest, tag.manifest_digest)))
    for repository, digest in image.digests:
        if wanted is None or (wanted.name, wanted.digest) == (repository, digest):
            return Reference.parse(repository), list(dict.fromkeys((digest, image.manifest_digest)))
    message = f"no registry is known to have {name}: it was neither pulled nor pushed by that name"
    raise errors.Error(errors.NOT_FOUND, message, hint="hezi manifest inspect asks a registry about any name")
