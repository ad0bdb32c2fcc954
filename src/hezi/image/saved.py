"""What an archive of images says it has: docker's ``manifest.json``, an OCI image layout, or both.

    docker before 25, podman, skopeo   manifest.json, a config and plain tars for each image, symbolic links
    docker since 25, hezi              an OCI image layout with a manifest.json beside it that says the same
    podman, skopeo, umoci, buildah     an OCI image layout: oci-layout, index.json, blobs/

Nothing is believed here that is not checked: a document's digest is computed, what both forms say must be the same,
and what a layer is turns out when it is unpacked (its DiffID is in the config, whose digest is the image's id).
Sources: OCI image-spec 1.1, image-layout.md; moby, image/tarexport.
"""

from __future__ import annotations

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.spec import image
from hezi.spec.digest import Digest, shown
from hezi.spec.fields import Fields
from hezi.spec.image import Descriptor, ImageConfig, Index, Manifest
from hezi.spec.jsondoc import loads
from hezi.spec.platform import Platform, choose
from hezi.spec.reference import Reference, is_tag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NoReturn

    from hezi.image.archive import Archive, Member

LAYOUT = "oci-layout"
INDEX = "index.json"
MANIFEST = "manifest.json"
IMAGE_NAME = "io.containerd.image.name"
REF_NAME = "org.opencontainers.image.ref.name"

_MAX_DOCUMENT = 8 << 20
_MAX_IMAGES = 10_000
_MAX_NESTING = 4
_MAX_PARTS = 100_000


class SavedLayer(NamedTuple):
    """A layer; ``descriptor`` is None where the archive does not say how it is packed."""

    member: Member
    diff_id: Digest
    descriptor: Descriptor | None = None


class SavedImage(NamedTuple):
    """One image of the archive.

    names: what the archive calls it, each with a tag.
    manifest: with its digest; None in docker's old form, which has none.
    chosen_from: the index that the image was chosen from, as (digest, media type, bytes).
    others: what else the index has that is no image for Linux, with all its parts: what builders attest.
    beside: the index's images for other platforms, as far as they are whole.
    siblings: ids of all images of the index that the archive has, complete or not.
    """

    names: tuple[Reference, ...]
    config_raw: bytes
    config: ImageConfig
    layers: tuple[SavedLayer, ...]
    manifest: Manifest | None = None
    chosen_from: tuple[Digest, str, bytes] | None = None
    others: tuple[Descriptor, ...] = ()
    siblings: frozenset[Digest] = frozenset()
    beside: tuple[SavedImage, ...] = ()


class Choice(NamedTuple):
    """Which platform to take; ``explicit`` when the user asked for it."""

    platform: Platform
    explicit: bool


def read(archive: Archive, choice: Choice) -> tuple[SavedImage, ...]:
    """Return the images of an archive.

    :raises errors.Error: CORRUPT: a document is wrong, or two contradict each other; NOT_FOUND: nothing for the
        platform; UNSUPPORTED: no container image.
    """
    if LAYOUT in archive and INDEX in archive:
        found = tuple(_from_layout(archive, choice))
        if MANIFEST in archive:
            found = _agreed(found, _entries(archive), archive)
    elif MANIFEST in archive:
        found = tuple(_from_entry(archive, entry) for entry in _entries(archive))
    elif "repositories" in archive:
        message = "the archive has the form of docker before 1.10 (2016), which is not read any more"
        raise errors.Error(errors.UNSUPPORTED, message, hint="load it into a docker of that time and save it again")
    else:
        message = "it is no archive of images: it has neither manifest.json nor oci-layout and index.json"
        hint = "hezi load reads what save writes; for the files of a root directory there is hezi import"
        raise errors.Error(errors.INVALID, message, hint=hint)
    if not found:
        _refuse("there is no image in it")
    for one in found:
        _check_platform(one, choice)
    return found


class _Entry(NamedTuple):
    """One image of ``manifest.json``."""

    config: str
    names: tuple[Reference, ...]
    layers: tuple[str, ...]


def _entries(archive: Archive) -> tuple[_Entry, ...]:
    raw = archive.read(archive.get(MANIFEST), _MAX_DOCUMENT)
    document = loads(raw, limit=_MAX_DOCUMENT, what=MANIFEST)
    if not isinstance(document, list) or not 0 < len(document) <= _MAX_IMAGES:
        _refuse(f"{MANIFEST} is no list of images")
    found = []
    for number, item in enumerate(document):
        fields = Fields(item, f"{MANIFEST}[{number}]")
        names = tuple(_reference(text) for text in fields.texts("RepoTags"))
        layers = fields.texts("Layers")
        if len(layers) > image.MAX_LAYERS:
            fields.fail("Layers", f"has {len(layers)} entries, the limit is {image.MAX_LAYERS}")
        if not fields.text("Config"):
            fields.fail("Config", "is missing")
        found.append(_Entry(fields.text("Config"), names, layers))
    return tuple(found)


def _reference(text: str) -> Reference:
    reference = Reference.parse(text)
    if reference.tag is None or reference.digest is not None:
        _refuse(f"'{shown(text)}' is no name with a tag")
    return reference


def _from_entry(archive: Archive, entry: _Entry) -> SavedImage:
    raw = archive.read(archive.get(entry.config), image.MAX_CONFIG)
    config = image.parse_config(raw)
    stem = entry.config.rpartition("/")[2].partition(".")[0].removeprefix("sha256:")
    digest = Digest.of(raw)
    if len(stem) == 64 and not stem.strip("0123456789abcdef") and stem != digest.hex:
        _refuse(f"the config '{shown(entry.config)}' has another digest than its name says: {digest}")
    if len(entry.layers) != len(config.diff_ids):
        _refuse(f"an image has {len(entry.layers)} layers and {len(config.diff_ids)} DiffIDs")
    members = [archive.get(name) for name in entry.layers]
    layers = tuple(SavedLayer(member, config.diff_ids[number]) for number, member in enumerate(members))
    return SavedImage(entry.names, raw, config, layers)


def _from_layout(archive: Archive, choice: Choice) -> Iterator[SavedImage]:
    raw = archive.read(archive.get(INDEX), image.MAX_MANIFEST)
    top = image.parse_manifest(raw, image.OCI_INDEX)
    if not isinstance(top, Index) or len(top.manifests) > _MAX_IMAGES:
        _refuse(f"{INDEX} is no list of images")
    for names, group in _groups(top.manifests):
        yield _one(archive, names, group, choice)


def _groups(entries: tuple[Descriptor, ...]) -> list[tuple[tuple[Reference, ...], tuple[Descriptor, ...]]]:
    """Bring together what belongs together: a document's names, and the platforms of one name."""
    names: dict[Digest, list[Reference]] = {}
    for entry in entries:
        name = _name_of(entry)
        names.setdefault(entry.digest, [])
        if name is not None and name not in names[entry.digest]:
            names[entry.digest].append(name)
    # The same name twice: one image for each platform, or a contradiction.
    groups: dict[tuple[Reference, ...], list[Descriptor]] = {}
    alone: list[tuple[tuple[Reference, ...], tuple[Descriptor, ...]]] = []
    seen: set[Digest] = set()
    for entry in entries:
        if entry.digest in seen:
            continue
        seen.add(entry.digest)
        if names[entry.digest]:
            groups.setdefault(tuple(names[entry.digest]), []).append(entry)
        elif not _is_attestation(entry):
            alone.append(((), (entry,)))
    for key, group in groups.items():
        if len({entry.platform for entry in group}) < len(group):
            _refuse(f"{INDEX} has several images called '{key[0].familiar}' for the same platform")
    return [*((key, tuple(group)) for key, group in groups.items()), *alone]


def _name_of(entry: Descriptor) -> Reference | None:
    """Return the name of an entry; a tag alone (``latest``) says nothing of the repository and is no name."""
    annotations = dict(entry.annotations)
    full, short = annotations.get(IMAGE_NAME, ""), annotations.get(REF_NAME, "")
    name, other = _tagged(full), _tagged(short) if "/" in short or ":" in short else None
    if name is None or other is not None:
        # Both full: one tool writes the same twice; another, which knows only the second, has given a name of its own.
        return other or name
    # umoci copies the first when it tags, and writes the tag into the second.
    return name._replace(tag=short) if is_tag(short) else name


def _tagged(text: str) -> Reference | None:
    try:
        reference = Reference.parse(text) if text else None
    except errors.Error:
        return None  # a reference of another kind: the annotation is free text
    if reference is None or reference.tag is None or reference.digest is not None:
        return None
    return reference


def _is_attestation(entry: Descriptor) -> bool:
    return entry.platform is not None and entry.platform.os == "unknown"


def _one(archive: Archive, names: tuple[Reference, ...], group: tuple[Descriptor, ...], choice: Choice) -> SavedImage:
    descriptor = _choose(group, choice) if len(group) > 1 else group[0]
    found = _document(archive, descriptor)
    index: tuple[Digest, str, bytes] | None = None
    rest = _Rest()
    siblings: frozenset[Digest] = frozenset()
    for _ in range(_MAX_NESTING):
        if isinstance(found, Manifest):
            break
        if index is None:
            index = (descriptor.digest, found.media_type, found.raw)
            if not choice.explicit:
                _sort(archive, found, rest)
            siblings = frozenset(_configs(archive, found))
        descriptor = _choose(found.manifests, choice)
        found = _document(archive, descriptor)
    if not isinstance(found, Manifest):
        raise errors.Error(errors.UNSUPPORTED, f"an index of indexes is nested deeper than {_MAX_NESTING}")
    image.check_image(found)
    own = Digest.of(found.raw)
    beside = tuple(_image(archive, names, one, index) for digest, one in rest.images.items() if digest != own)
    one = _image(archive, names, found, index)
    parts = {part.digest for part in (found.config, *found.layers)} | {own}
    others = tuple(part for part in rest.others.values() if part.digest not in parts)
    return one._replace(others=others, siblings=siblings, beside=beside)


def _image(
    archive: Archive,
    names: tuple[Reference, ...],
    manifest: Manifest,
    chosen_from: tuple[Digest, str, bytes] | None,
) -> SavedImage:
    raw = _blob(archive, manifest.config, image.MAX_CONFIG)
    config = image.parse_config(raw)
    image.check_image(manifest, config)
    layers = tuple(
        SavedLayer(_member(archive, layer), config.diff_ids[number], layer)
        for number, layer in enumerate(manifest.layers)
    )
    return SavedImage(names, raw, config, layers, manifest, chosen_from)


class _Rest:
    """What an index has: images by the digests of their manifests, and the parts of everything else."""

    def __init__(self) -> None:
        self.images: dict[Digest, Manifest] = {}
        self.others: dict[Digest, Descriptor] = {}


def _choose(entries: tuple[Descriptor, ...], choice: Choice) -> Descriptor:
    found = choose(entries, choice.platform)
    if found is None:
        known = ", ".join(dict.fromkeys(str(one.platform) for one in entries if one.platform)) or "nothing"
        message = f"the archive has no image for {choice.platform}"
        raise errors.Error(errors.NOT_FOUND, message, hint=f"it has: {known[:300]}; choose one with --platform")
    return found


def _sort(archive: Archive, index: Index, rest: _Rest, depth: int = 0) -> None:
    """Sort out what an index refers to, as far as it is in the archive and whole: it need not have everything."""
    for entry in index.manifests:
        if archive.find(_path(entry)) is None or depth >= _MAX_NESTING:
            continue
        document = _document(archive, entry)
        if isinstance(document, Index):
            rest.others[entry.digest] = entry._replace(media_type=document.media_type)
            _sort(archive, document, rest, depth + 1)
        else:
            parts = (document.config, *document.layers)
            if any(archive.find(_path(part)) is None for part in parts):
                continue
            if document.config.media_type in image.CONFIG_TYPES and _for_linux(entry):
                rest.images[entry.digest] = document
            else:
                rest.others[entry.digest] = entry._replace(media_type=document.media_type)
                rest.others.update((part.digest, part) for part in parts)
        if len(rest.others) + len(rest.images) > _MAX_PARTS:
            _refuse(f"an index has more than {_MAX_PARTS} parts")


def _for_linux(entry: Descriptor) -> bool:
    return entry.platform is not None and entry.platform.os == "linux"


def _configs(archive: Archive, index: Index, depth: int = 0) -> Iterator[Digest]:
    """Yield the ids of an index's images, as far as they are in the archive."""
    for entry in index.manifests:
        if archive.find(_path(entry)) is not None and depth < _MAX_NESTING:
            document = _document(archive, entry)
            if isinstance(document, Index):
                yield from _configs(archive, document, depth + 1)
            else:
                yield document.config.digest


def _document(archive: Archive, descriptor: Descriptor) -> Manifest | Index:
    found = image.parse_manifest(_blob(archive, descriptor, image.MAX_MANIFEST), descriptor.media_type)
    if descriptor.media_type and found.media_type != descriptor.media_type:
        _refuse(f"manifest {descriptor.digest} is of type '{found.media_type}', the index says otherwise")
    return found


def _blob(archive: Archive, descriptor: Descriptor, limit: int) -> bytes:
    raw = archive.read(_member(archive, descriptor), limit)
    if Digest.of(raw, descriptor.digest.algorithm) != descriptor.digest:
        _refuse(f"blob {descriptor.digest} has another digest than its name says")
    return raw


def _member(archive: Archive, descriptor: Descriptor) -> Member:
    member = archive.get(_path(descriptor))
    if member.size != descriptor.size:
        _refuse(f"blob {descriptor.digest} has {member.size} bytes, its descriptor says {descriptor.size}")
    return member


def _path(descriptor: Descriptor) -> str:
    return f"blobs/{descriptor.digest.algorithm}/{descriptor.digest.hex}"


def _agreed(found: tuple[SavedImage, ...], entries: tuple[_Entry, ...], archive: Archive) -> tuple[SavedImage, ...]:
    """Hold ``manifest.json`` against the layout: who reads the one must get what readers of the other get.

    An index with several platforms may have more, of which ``manifest.json`` names one.
    """
    configs = {Digest.of(one.config_raw): one for one in found}
    names: dict[Digest, list[Reference]] = {}
    for entry in entries:
        raw = archive.read(archive.get(entry.config), image.MAX_CONFIG)
        digest = Digest.of(raw)
        known = configs.get(digest)
        if known is None and not any(digest in one.siblings for one in found):
            _refuse(f"{MANIFEST} and {INDEX} contradict each other: the one has an image that the other has not")
        names.setdefault(digest, []).extend(entry.names)
    owner = {name: digest for digest, listed in names.items() for name in listed}
    for one in found:
        digest = Digest.of(one.config_raw)
        for name in one.names:
            other = owner.get(name, digest)
            if other != digest and other not in one.siblings:
                _refuse(f"{MANIFEST} and {INDEX} contradict each other about '{name.familiar}'")
    # What only manifest.json knows, where index.json has no annotation for it.
    claimed = {name for one in found for name in one.names}
    agreed = []
    for one in found:
        more = tuple(name for name in names.get(Digest.of(one.config_raw), ()) if name not in claimed)
        claimed.update(more)
        agreed.append(one._replace(names=(*one.names, *more)))
    return tuple(agreed)


def _check_platform(found: SavedImage, choice: Choice) -> None:
    if found.config.os != "linux":
        message = f'image operating system "{found.config.os}" cannot be used on this platform'
        raise errors.Error(errors.UNSUPPORTED, message)
    if choice.explicit and not choice.platform.matches(found.config.platform):
        what = found.names[0].familiar if found.names else Digest.of(found.config_raw).short
        message = (
            f"image {what} of the archive is for {found.config.platform}, which does not match the specified platform "
            f"({choice.platform})"
        )
        raise errors.Error(errors.NOT_FOUND, message)


def _refuse(why: str) -> NoReturn:
    message = f"the archive is not valid: {why}"
    raise errors.Error(errors.CORRUPT, message)
