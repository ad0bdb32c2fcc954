"""The documents of an image: descriptor, manifest, index and config, read strictly and written reproducibly.

Sources: OCI image-spec 1.1 (descriptor.md, manifest.md, image-index.md, config.md) and Docker's image manifest
version 2, schema 2. The two families differ in media types only. A document is read as the type that its transport
promised, and refused when its own words point to another type (CVE-2021-41190): see :func:`parse_manifest`.
"""

from __future__ import annotations

from hezi._util.record import NamedTuple
from hezi.errors import CORRUPT, UNSUPPORTED, Error
from hezi.spec.digest import Digest, shown
from hezi.spec.fields import Fields
from hezi.spec.jsondoc import Json, dumps, load_object
from hezi.spec.platform import Platform

MAX_MANIFEST = 4 << 20  # bytes; the least that registries accept, hence the most that images use
MAX_CONFIG = 8 << 20
MAX_LAYERS = 500  # OVL_MAX_STACK of the kernel's overlayfs: more cannot be mounted

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_LAYER_GZIP = OCI_LAYER + "+gzip"
OCI_LAYER_ZSTD = OCI_LAYER + "+zstd"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
DOCKER_LAYER_GZIP = DOCKER_LAYER + ".gzip"
DOCKER_LAYER_ZSTD = DOCKER_LAYER + ".zstd"

MANIFEST_TYPES = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
INDEX_TYPES = frozenset({OCI_INDEX, DOCKER_INDEX})
CONFIG_TYPES = frozenset({OCI_CONFIG, DOCKER_CONFIG})
# In the order in which a client prefers them.
ACCEPTED = (OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST)
SCHEMA1_TYPES = frozenset(
    {
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    }
)
# What a server says that does not know what it serves; then the document has to say it.
_UNTYPED = frozenset({"", "application/json", "application/octet-stream", "text/plain"})

_INDEX_KEYS = frozenset({"manifests"})
_MANIFEST_KEYS = frozenset({"config", "layers"})
_SCHEMA1_KEYS = frozenset({"fsLayers", "history", "signatures"})
_KNOWN_KEYS = {
    key.casefold(): key
    for key in (
        *_INDEX_KEYS, *_MANIFEST_KEYS, *_SCHEMA1_KEYS, "schemaVersion", "mediaType", "annotations", "subject",
        "artifactType",
    )
}  # fmt: skip

Pairs = tuple[tuple[str, str], ...]


class Descriptor(NamedTuple):
    """What a blob is, and how to know that it is the right one. ``urls`` is kept and never followed."""

    media_type: str
    digest: Digest
    size: int
    urls: tuple[str, ...] = ()
    annotations: Pairs = ()
    platform: Platform | None = None
    artifact_type: str | None = None


class Manifest(NamedTuple):
    """One image: its config and its layers, lowest first."""

    raw: bytes
    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: Pairs = ()
    subject: Descriptor | None = None
    artifact_type: str | None = None


class Index(NamedTuple):
    """Several images under one name, one for each platform."""

    raw: bytes
    media_type: str
    manifests: tuple[Descriptor, ...]
    annotations: Pairs = ()
    subject: Descriptor | None = None
    artifact_type: str | None = None


class Healthcheck(NamedTuple):
    """Durations are nanoseconds, 0 means the default."""

    test: tuple[str, ...] = ()
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


class ContainerConfig(NamedTuple):
    """How to run the image. ``entrypoint`` None means none given; an empty one is the empty tuple."""

    env: tuple[str, ...] = ()
    cmd: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    user: str = ""
    working_dir: str = ""
    exposed_ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    labels: Pairs = ()
    stop_signal: str = ""
    stop_timeout: int | None = None
    shell: tuple[str, ...] = ()
    healthcheck: Healthcheck | None = None
    onbuild: tuple[str, ...] = ()


class History(NamedTuple):
    """How one layer, or one change that made no layer, came to be."""

    created: str = ""
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False


class ImageConfig(NamedTuple):
    """The config document; its digest is the image's id. ``created`` is RFC 3339 text as found."""

    raw: bytes
    architecture: str
    os: str
    variant: str | None
    created: str
    config: ContainerConfig
    diff_ids: tuple[Digest, ...]
    history: tuple[History, ...] = ()
    author: str = ""
    os_version: str | None = None
    os_features: tuple[str, ...] = ()

    @property
    def platform(self) -> Platform:
        """What the image is for."""
        return Platform(self.os, self.architecture, self.variant, self.os_version, self.os_features)


def parse_manifest(raw: bytes, content_type: str | None) -> Manifest | Index:
    """Read a manifest or an index.

    :param content_type: what the transport or a descriptor said the document is; None or a general type like
        ``application/json`` leaves it to the document. Parameters (``; charset=utf-8``) do not count.
    :raises Error: CORRUPT for a document that is wrong or could be read as two types; UNSUPPORTED for schema 1 and
        for types that are no image.
    """
    promised = (content_type or "").partition(";")[0].strip().lower()
    if promised in SCHEMA1_TYPES:
        raise _schema1()
    fields = Fields(load_object(raw, limit=MAX_MANIFEST, what="manifest"), "manifest")
    _refuse_misspelt(fields)
    if fields.integer("schemaVersion") == 1:
        raise _schema1()
    if fields.integer("schemaVersion") != 2:
        fields.fail("schemaVersion", "is not 2")
    media_type = _media_type(fields, promised)
    annotations = fields.pairs("annotations")
    subject_fields = fields.child("subject")
    subject = parse_descriptor(subject_fields) if subject_fields else None
    artifact = fields.text("artifactType") or None
    if media_type in INDEX_TYPES:
        manifests = tuple(parse_descriptor(entry) for entry in fields.children("manifests"))
        return Index(raw, media_type, manifests, annotations, subject, artifact)
    config = fields.child("config")
    if config is None:
        fields.fail("config", "is missing")
    layers = tuple(parse_descriptor(entry) for entry in fields.children("layers"))
    if len(layers) > MAX_LAYERS:
        fields.fail("layers", f"has {len(layers)} entries, the limit is {MAX_LAYERS}")
    return Manifest(raw, media_type, parse_descriptor(config), layers, annotations, subject, artifact)


def parse_config(raw: bytes) -> ImageConfig:
    """Read an image config.

    :raises Error: CORRUPT.
    """
    fields = Fields(load_object(raw, limit=MAX_CONFIG, what="image config"), "image config")
    for key in ("architecture", "os"):
        if not fields.text(key):
            fields.fail(key, "is missing")
    rootfs = fields.child("rootfs")
    if rootfs is None:
        fields.fail("rootfs", "is missing")
    if rootfs.text("type") != "layers":
        rootfs.fail("type", "is not 'layers'")
    config = fields.child("config")
    return ImageConfig(
        raw=raw,
        architecture=fields.text("architecture"),
        os=fields.text("os"),
        variant=fields.text("variant") or None,
        created=fields.text("created"),
        config=_container_config(config) if config else ContainerConfig(),
        diff_ids=rootfs.digests("diff_ids"),
        history=tuple(_history(entry) for entry in fields.children("history")),
        author=fields.text("author"),
        os_version=fields.text("os.version") or None,
        os_features=fields.texts("os.features"),
    )


def parse_descriptor(fields: Fields) -> Descriptor:
    """Read a descriptor. Embedded ``data`` is ignored: the blob is fetched and verified like any other.

    :raises Error: CORRUPT or INVALID.
    """
    if "size" not in fields:
        fields.fail("size", "is missing")
    platform = fields.child("platform")
    return Descriptor(
        media_type=fields.text("mediaType"),
        digest=fields.digest("digest"),
        size=fields.integer("size", least=0),
        urls=fields.texts("urls"),
        annotations=fields.pairs("annotations"),
        platform=_platform(platform) if platform else None,
        artifact_type=fields.text("artifactType") or None,
    )


def check_image(manifest: Manifest, config: ImageConfig | None = None) -> None:
    """Check that a manifest is one of a container image, and that ``config`` has a DiffID for each layer.

    :raises Error: UNSUPPORTED for an artifact (a signature, a Helm chart), CORRUPT for a wrong count.
    """
    if manifest.config.media_type not in CONFIG_TYPES:
        kind = manifest.artifact_type or manifest.config.media_type or "unknown"
        raise Error(UNSUPPORTED, f"it is not a container image but an artifact of type '{shown(kind)}'")
    if config is not None and len(config.diff_ids) != len(manifest.layers):
        counts = f"{len(manifest.layers)} layers and {len(config.diff_ids)} DiffIDs"
        raise Error(CORRUPT, f"manifest and image config do not belong together: {counts}")


def chain_ids(diff_ids: tuple[Digest, ...]) -> tuple[Digest, ...]:
    """Return the chain id of each layer: what the tree is once this layer and all below it are applied."""
    result: list[Digest] = []
    for diff_id in diff_ids:
        result.append(Digest.of(f"{result[-1]} {diff_id}".encode("ascii")) if result else diff_id)
    return tuple(result)


def encode_manifest(
    config: Descriptor, layers: tuple[Descriptor, ...], *, media_type: str = OCI_MANIFEST, annotations: Pairs = ()
) -> bytes:
    """Write a manifest."""
    document: dict[str, Json] = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": descriptor_json(config),
        "layers": [descriptor_json(layer) for layer in layers],
    }
    if annotations:
        document["annotations"] = dict(annotations)
    return dumps(document)


def encode_index(manifests: tuple[Descriptor, ...], *, media_type: str = OCI_INDEX, annotations: Pairs = ()) -> bytes:
    """Write an index."""
    document: dict[str, Json] = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "manifests": [descriptor_json(entry) for entry in manifests],
    }
    if annotations:
        document["annotations"] = dict(annotations)
    return dumps(document)


def descriptor_json(descriptor: Descriptor) -> dict[str, Json]:
    """Return a descriptor as the JSON object that documents embed."""
    document: dict[str, Json] = {
        "mediaType": descriptor.media_type,
        "digest": str(descriptor.digest),
        "size": descriptor.size,
    }
    optional: tuple[tuple[str, Json], ...] = (
        ("urls", list(descriptor.urls)),
        ("annotations", dict(descriptor.annotations)),
        ("platform", _platform_json(descriptor.platform) if descriptor.platform else None),
        ("artifactType", descriptor.artifact_type),
    )
    document.update((key, value) for key, value in optional if value)
    return document


def encode_config(image: ImageConfig) -> bytes:
    """Write an image config from the fields; ``image.raw`` is not looked at."""
    document: dict[str, Json] = {}
    if image.created:
        document["created"] = image.created
    if image.author:
        document["author"] = image.author
    platform = _platform_json(image.platform)
    document["architecture"] = platform.pop("architecture")
    document.update(platform)
    document["config"] = _container_config_json(image.config)
    document["rootfs"] = {"type": "layers", "diff_ids": [str(digest) for digest in image.diff_ids]}
    if image.history:
        document["history"] = [_without_empty(entry._asdict()) for entry in image.history]
    return dumps(document)


def _refuse_misspelt(fields: Fields) -> None:
    """Refuse ``Layers`` beside or instead of ``layers``: Go's decoders take both, others do not."""
    for key in fields.keys():  # noqa: SIM118 - a method of Fields, which is no dict
        known = _KNOWN_KEYS.get(key.casefold())
        if known is not None and known != key:
            fields.fail(shown(key), f"is a misspelt '{known}'")


def _media_type(fields: Fields, promised: str) -> str:
    """Decide the one type that transport, document and structure agree on."""
    own = fields.text("mediaType")
    if own in SCHEMA1_TYPES or any(key in fields for key in _SCHEMA1_KEYS):
        raise _schema1()
    if promised not in _UNTYPED and own and own != promised:
        both = f"'{shown(own)}', but it was sent as '{shown(promised)}'"
        fields.fail("mediaType", f"says {both}")
    is_index = any(key in fields for key in _INDEX_KEYS)
    is_manifest = any(key in fields for key in _MANIFEST_KEYS)
    if is_index and is_manifest:
        message = "ambiguous manifest: it has both 'manifests' and 'layers' or 'config'"
        raise Error(CORRUPT, message, hint="the image was made wrong, or to deceive: ask who made it")
    if not is_index and not is_manifest:
        raise Error(CORRUPT, "invalid manifest: it has neither 'manifests' nor 'config' and 'layers'")
    media_type = own or (promised if promised not in _UNTYPED else "") or (OCI_INDEX if is_index else OCI_MANIFEST)
    if media_type not in MANIFEST_TYPES | INDEX_TYPES:
        raise Error(UNSUPPORTED, f"unsupported manifest type '{shown(media_type)}'")
    if (media_type in INDEX_TYPES) != is_index:
        fields.fail("mediaType", f"or its transport says '{media_type}', which its content is not")
    return media_type


def _schema1() -> Error:
    message = "docker image manifest schema 1 is not supported: it was deprecated in 2019"
    return Error(UNSUPPORTED, message, hint="have its maker push the image again with a current tool")


def _platform(fields: Fields) -> Platform:
    return Platform(
        fields.text("os"),
        fields.text("architecture"),
        fields.text("variant") or None,
        fields.text("os.version") or None,
        fields.texts("os.features"),
    )


def _platform_json(platform: Platform) -> dict[str, Json]:
    document: dict[str, Json] = {"architecture": platform.architecture, "os": platform.os}
    optional: tuple[tuple[str, Json], ...] = (
        ("variant", platform.variant),
        ("os.version", platform.os_version),
        ("os.features", list(platform.os_features)),
    )
    document.update((key, value) for key, value in optional if value)
    return document


def _container_config(fields: Fields) -> ContainerConfig:
    """Read the ``config`` object of a config.

    An ``Env`` entry without ``=`` or without a name is dropped. Docker's command line reads such an entry as "take it
    from my environment"; what an image says must never select anything of the host.
    """
    health = fields.child("Healthcheck")
    return ContainerConfig(
        env=tuple(entry for entry in fields.texts("Env") if entry.find("=") > 0),
        cmd=_optional_texts(fields, "Cmd"),
        entrypoint=_optional_texts(fields, "Entrypoint"),
        user=fields.text("User"),
        working_dir=fields.text("WorkingDir"),
        exposed_ports=fields.names("ExposedPorts"),
        volumes=fields.names("Volumes"),
        labels=fields.pairs("Labels"),
        stop_signal=fields.text("StopSignal"),
        stop_timeout=None if fields.is_null("StopTimeout") else fields.integer("StopTimeout"),
        shell=fields.texts("Shell", single=True),
        healthcheck=_healthcheck(health) if health else None,
        onbuild=fields.texts("OnBuild"),
    )


def _optional_texts(fields: Fields, key: str) -> tuple[str, ...] | None:
    return fields.texts(key, single=True) if not fields.is_null(key) else None


def _healthcheck(fields: Fields) -> Healthcheck:
    return Healthcheck(
        test=fields.texts("Test", single=True),
        interval=fields.integer("Interval"),
        timeout=fields.integer("Timeout"),
        start_period=fields.integer("StartPeriod"),
        start_interval=fields.integer("StartInterval"),
        retries=fields.integer("Retries"),
    )


def _history(fields: Fields) -> History:
    return History(
        created=fields.text("created"),
        created_by=fields.text("created_by"),
        author=fields.text("author"),
        comment=fields.text("comment"),
        empty_layer=fields.flag("empty_layer"),
    )


def _container_config_json(config: ContainerConfig) -> dict[str, Json]:
    health = config.healthcheck
    document: dict[str, Json] = {
        "User": config.user,
        "ExposedPorts": {port: {} for port in config.exposed_ports},
        "Env": list(config.env),
        "Entrypoint": None if config.entrypoint is None else list(config.entrypoint),
        "Cmd": None if config.cmd is None else list(config.cmd),
        "Healthcheck": _healthcheck_json(health) if health else None,
        "Volumes": {volume: {} for volume in config.volumes},
        "WorkingDir": config.working_dir,
        "OnBuild": list(config.onbuild),
        "Labels": dict(config.labels),
        "StopSignal": config.stop_signal,
        "StopTimeout": config.stop_timeout,
        "Shell": list(config.shell),
    }
    return _without_empty(document, keep=("Entrypoint", "Cmd", "StopTimeout"))


def _healthcheck_json(health: Healthcheck) -> dict[str, Json]:
    document: dict[str, Json] = {
        "Test": list(health.test),
        "Interval": health.interval,
        "Timeout": health.timeout,
        "StartPeriod": health.start_period,
        "StartInterval": health.start_interval,
        "Retries": health.retries,
    }
    return _without_empty(document)


def _without_empty(document: dict[str, Json], keep: tuple[str, ...] = ()) -> dict[str, Json]:
    return {key: value for key, value in document.items() if value or (key in keep and value is not None)}
