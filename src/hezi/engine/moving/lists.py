"""Lists of manifests that are made here and pushed as one index: ``manifest create``, ``annotate``, ``push``, ``rm``.

They are kept where docker keeps them and as it writes them, so that a list begun by the one is pushed by the other:

    $DOCKER_CONFIG/manifests/LIST/MANIFEST       LIST and MANIFEST: a reference with ":" as "-" and "/" as "_"

A file is what ``manifest inspect -v`` shows of the manifest; its platform is what ``annotate`` changes. Nothing of an
image's layers is here: they are in a registry, and pushing the list brings them to its repository, mostly by a mount.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import tempfile
from contextlib import ExitStack

from hezi import errors
from hezi._util import atomic
from hezi._util.record import NamedTuple
from hezi.engine.moving import manifests
from hezi.spec import image as documents
from hezi.spec.digest import Digest
from hezi.spec.fields import Fields
from hezi.spec.jsondoc import dumps, load_object
from hezi.spec.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from hezi.registry.client import RegistryClient
    from hezi.spec.image import Descriptor

_MAX_FILE = 16 << 20
_PLATFORM_ORDER = ("architecture", "os", "os.version", "os.features", "variant")
# What docker lets an entry be for.
_KNOWN = {
    "darwin": "386 amd64 arm arm64",
    "dragonfly": "amd64",
    "freebsd": "386 amd64 arm",
    "linux": "386 amd64 arm arm64 mips64 mips64le ppc64le riscv64 s390x",
    "netbsd": "386 amd64 arm",
    "openbsd": "386 amd64 arm",
    "plan9": "386 amd64",
    "solaris": "amd64",
    "windows": "386 amd64",
}


class Entry(NamedTuple):
    """A manifest of a list.

    :ivar reference: where it came from.
    :ivar descriptor: with the platform that the list is to say.
    :ivar raw: the manifest's bytes.
    :ivar document: as docker's file has it.
    """

    reference: Reference
    descriptor: Descriptor
    raw: bytes
    document: dict[str, Any]


class Annotations(NamedTuple):
    """What ``manifest annotate`` sets; what is empty stays as it is. ``os_features`` are added."""

    os: str = ""
    architecture: str = ""
    variant: str = ""
    os_version: str = ""
    os_features: tuple[str, ...] = ()


class PushedList(NamedTuple):
    """What a registry has now: manifests that it had not got in this repository, and the digest of the index."""

    manifests: tuple[str, ...]
    digest: str


def create(name: str, names: Sequence[str], *, amend: bool = False, insecure: bool = False) -> str:
    """See :meth:`hezi.engine.moving.registries.Registries.create_list`."""
    reference = _parsed(name, "error parsing name for manifest list")
    wanted = [Reference.parse(text).with_default_tag() for text in names]
    known = _entries(reference)
    if known and not amend:
        message = "refusing to amend an existing manifest list with no --amend flag"
        raise errors.Error(errors.CONFLICT, message)
    here = {str(entry.reference) for entry in known}
    # All of them or none: docker leaves a half-made list behind when the second is missing.
    found = [(one, manifests.entry(one, insecure=insecure)) for one in wanted if str(one) not in here]
    for one, document in found:
        _save(reference, one, document)
    return str(reference)


def annotate(name: str, manifest: str, changes: Annotations) -> None:
    """See :meth:`hezi.engine.moving.registries.Registries.annotate`."""
    reference = _parsed(name, "annotate: error parsing name for manifest list")
    wanted = _parsed(manifest, "annotate: error parsing name for manifest")
    found = next((entry for entry in _entries(reference) if entry.reference == wanted), None)
    if found is None:
        message = f"manifest for image {wanted.familiar} does not exist in {reference.familiar}"
        raise errors.Error(errors.NOT_FOUND, message)
    platform = dict(found.document["Descriptor"].get("platform") or {})
    given = (("os", changes.os), ("architecture", changes.architecture), ("variant", changes.variant))
    platform.update((key, value) for key, value in (*given, ("os.version", changes.os_version)) if value)
    if changes.os_features:
        known = [*platform.get("os.features", ()), *changes.os_features]
        platform["os.features"] = list(dict.fromkeys(known))
    if platform.get("architecture") not in _KNOWN.get(platform.get("os", ""), "").split():
        message = f"manifest entry for image has unsupported os/arch combination: {changes.os}/{changes.architecture}"
        raise errors.Error(errors.INVALID, message)
    descriptor = {**found.document["Descriptor"], "platform": _ordered(platform)}
    _save(reference, wanted, {**found.document, "Descriptor": descriptor})


def inspect(name: str, manifest: str = "", *, verbose: bool = False) -> dict[str, Any] | list[dict[str, Any]] | None:
    """Return a list of this machine, or a manifest of it; None when there is no such list.

    :raises errors.Error: NOT_FOUND: there is no such manifest in it.
    """
    reference = Reference.parse(name).with_default_tag()
    found = _entries(reference)
    if manifest:
        wanted = Reference.parse(manifest).with_default_tag()
        for entry in found:
            if entry.reference == wanted:
                shown: dict[str, Any] = entry.document if verbose else manifests.ordered(entry.raw, _type(entry))
                return shown
        raise _missing(wanted)
    if not found:
        return None
    return [entry.document for entry in found] if verbose else _index(found)


def remove(name: str) -> None:
    """See :meth:`hezi.engine.moving.registries.Registries.remove_list`."""
    reference = Reference.parse(name).with_default_tag()
    # What cannot be read can be removed all the same.
    if not os.path.isdir(_directory(reference)):
        raise _missing(reference)
    _remove(reference)


def push(
    name: str, *, purge: bool = False, insecure: bool = False, pushed: Callable[[str], None] | None = None
) -> PushedList:
    """See :meth:`hezi.engine.moving.registries.Registries.push_list`."""
    from hezi.registry.client import RegistryClient

    reference = Reference.parse(name).with_default_tag()
    entries = _wanted(reference)
    for entry in entries:
        _check(reference, entry)
    done = []
    with RegistryClient(reference.domain, policy=manifests.policy(reference, insecure=insecure)) as client:
        for entry in entries:
            if entry.reference.path != reference.path:
                _bring(client, reference.path, entry)
                done.append(f"{reference.name}@{entry.descriptor.digest}")
                if pushed is not None:
                    pushed(done[-1])
        index = _index(entries)
        raw = json.dumps(index, indent="   ", ensure_ascii=False).encode()
        digest = client.push_manifest(reference.path, _tag(reference, raw), index["mediaType"], raw)
    if purge:
        _remove(reference)
    return PushedList(tuple(done), str(digest))


def _tag(reference: Reference, raw: bytes) -> str:
    if reference.digest is None:
        return reference.tag or ""
    if Digest.of(raw) != reference.digest:
        message = f"the list's digest is {Digest.of(raw)}, not the one of its name"
        raise errors.Error(errors.INVALID, message, hint="push it by a tag")
    return reference.digest


def _check(target: Reference, entry: Entry) -> None:
    if entry.reference.domain != target.domain:
        message = "cannot use source images from a different registry than the target image"
        raise errors.Error(errors.INVALID, f"{message}: {entry.reference.domain} != {target.domain}")
    platform = entry.descriptor.platform
    if platform is None or not (platform.os and platform.architecture):
        message = f"manifest {entry.reference} must have an OS and Architecture to be pushed to a registry"
        raise errors.Error(errors.INVALID, message, hint="manifest annotate --os ... --arch ... sets them")


def _bring(client: RegistryClient, path: str, entry: Entry) -> None:
    """Have a manifest with all its parts in another repository of the same registry."""
    found = documents.parse_manifest(entry.raw, entry.descriptor.media_type)
    if isinstance(found, documents.Index):
        raise errors.Error(errors.CORRUPT, f"{entry.reference.familiar} is a manifest list")
    for part in dict.fromkeys((found.config, *found.layers)):
        with ExitStack() as stack:
            reader = _Remote(client, entry.reference.path, part)
            stack.callback(reader.close)
            client.bring_blob(path, part, reader, mount_from=(entry.reference.path,))
    client.push_manifest(path, entry.descriptor.digest, found.media_type, entry.raw)


class _Remote:
    """A blob of a registry, downloaded only when somebody wants its bytes: most registries mount it instead."""

    def __init__(self, client: RegistryClient, path: str, descriptor: Descriptor) -> None:
        self._client = client
        self._path = path
        self._descriptor = descriptor
        # It must be read several times if need be, and may be larger than the memory.
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._here = False

    def close(self) -> None:
        self._file.close()

    def read(self, amount: int = -1, /) -> bytes:
        self._fetch()
        return self._file.read(amount)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def _fetch(self) -> None:
        if self._here:
            return
        at = self._file.tell()
        self._file.seek(0)
        hasher = self._descriptor.digest.hasher()
        with self._client.blob(self._path, self._descriptor) as stream:
            for chunk in stream:
                hasher.update(chunk)
                self._file.write(chunk)
        if f"{self._descriptor.digest.algorithm}:{hasher.hexdigest()}" != self._descriptor.digest:
            message = f"blob {self._descriptor.digest} of {self._path} is corrupt: its content has another digest"
            raise errors.Error(errors.CORRUPT, message)
        self._file.seek(at)
        self._here = True


def _index(entries: list[Entry]) -> dict[str, Any]:
    """Docker's index; the first manifest says of which kind it is."""
    is_oci = _type(entries[0]) == documents.OCI_MANIFEST
    listed = []
    for entry in entries:
        described = {"mediaType": _type(entry), "size": entry.descriptor.size, "digest": str(entry.descriptor.digest)}
        platform = entry.document["Descriptor"].get("platform")
        listed.append({**described, "platform": _ordered(platform)} if platform else described)
    media_type = documents.OCI_INDEX if is_oci else documents.DOCKER_INDEX
    return {"schemaVersion": 2, "mediaType": media_type, "manifests": listed}


def _type(entry: Entry) -> str:
    return entry.descriptor.media_type


def _ordered(platform: dict[str, Any]) -> dict[str, Any]:
    return {key: platform[key] for key in _PLATFORM_ORDER if platform.get(key)}


def _parsed(text: str, doing: str) -> Reference:
    try:
        return Reference.parse(text).with_default_tag()
    except errors.Error as error:
        raise errors.Error(error.kind, f"{doing} {text}: {error.message}", hint=error.hint) from error


def _wanted(reference: Reference) -> list[Entry]:
    found = _entries(reference)
    if not found:
        raise _missing(reference)
    return found


def _missing(reference: Reference) -> errors.Error:
    return errors.Error(errors.NOT_FOUND, f"No such manifest: {reference}")


def _directory(reference: Reference) -> str:
    from hezi.registry.credentials import default_path

    return os.path.join(os.path.dirname(default_path()), "manifests", _file_name(reference))


def _file_name(reference: Reference) -> str:
    return str(reference).replace(":", "-").replace("/", "_")


def _entries(reference: Reference) -> list[Entry]:
    """Read a list, in docker's order: that of the files' names."""
    directory = _directory(reference)
    try:
        # A name that begins with a dot is a file that somebody is writing.
        names = sorted(name for name in os.listdir(directory) if not name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        doing = "cannot read the manifest list"
        raise errors.from_os_error(doing, error) from error
    return [_entry(os.path.join(directory, name)) for name in names]


def _entry(path: str) -> Entry:
    try:
        with open(path, "rb") as stream:
            data = stream.read(_MAX_FILE + 1)
    except OSError as error:
        doing = "cannot read the manifest list"
        raise errors.from_os_error(doing, error) from error
    try:
        document = load_object(data, limit=_MAX_FILE, what="manifest of a list")
        fields = Fields(document, "manifest of a list")
        described = fields.child("Descriptor")
        if described is None:
            fields.fail("Descriptor", "is missing")
        descriptor = documents.parse_descriptor(described)
        raw = base64.b64decode(fields.text("Raw"), validate=True)
        if Digest.of(raw, descriptor.digest.algorithm) != descriptor.digest or len(raw) != descriptor.size:
            fields.fail("Raw", "is not what its descriptor says")
        return Entry(Reference.parse(fields.text("Ref")), descriptor, raw, document)
    except binascii.Error as error:
        raise errors.Error(errors.CORRUPT, "a manifest of a list is not base64", path=path) from error
    except errors.Error as error:
        hint = "remove the list and make it again"
        raise errors.Error(error.kind, error.message, path=path, hint=hint) from error


def _save(reference: Reference, manifest: Reference, document: dict[str, Any]) -> None:
    directory = _directory(reference)
    try:
        os.makedirs(directory, mode=0o755, exist_ok=True)
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            atomic.write_file(fd, _file_name(manifest), dumps(document), mode=0o644)
        finally:
            os.close(fd)
    except OSError as error:
        doing = "cannot write the manifest list"
        raise errors.from_os_error(doing, error) from error


def _remove(reference: Reference) -> None:
    try:
        atomic.remove_path(_directory(reference))
    except OSError as error:
        doing = "cannot remove the manifest list"
        raise errors.from_os_error(doing, error) from error
