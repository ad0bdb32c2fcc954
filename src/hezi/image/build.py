"""Making layers and whole images in memory: for the demonstration, for tests, and for `import` and `build` later.

The same entries give the same bytes: nothing of the clock, of the user or of a directory's order gets in.
"""

from __future__ import annotations

import os
import stat

from hezi._util.record import NamedTuple
from hezi.image import compress, tarlayer, tarwrite
from hezi.spec import image
from hezi.spec.digest import Digest
from hezi.spec.image import Descriptor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hezi.spec.platform import Platform


class FileSpec(NamedTuple):
    """One file of a layer.

    name: path below the root, without a leading slash.
    kind: a type of :mod:`hezi.image.tarlayer`.
    data: content of a regular file.
    target: what a link points to.
    mtime_ns: nanoseconds since the epoch.
    device: major and minor number.
    """

    name: bytes
    kind: int = tarlayer.REGULAR
    data: bytes = b""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0
    target: bytes = b""
    device: tuple[int, int] = (0, 0)
    xattrs: tuple[tuple[bytes, bytes], ...] = ()


def directory(name: bytes, mode: int = 0o755) -> FileSpec:
    """Return a directory owned by root."""
    return FileSpec(name, tarlayer.DIRECTORY, mode=mode)


def symlink(name: bytes, target: bytes) -> FileSpec:
    """Return a symbolic link."""
    return FileSpec(name, tarlayer.SYMLINK, mode=0o777, target=target)


def layer(files: Iterable[FileSpec]) -> bytes:
    """Return the uncompressed tar of ``files``: ustar, with a PAX header where ustar has no room."""
    parts: list[bytes] = []
    for spec in files:
        parts.extend(_member(spec))
    parts.append(tarwrite.END)
    return b"".join(parts)


def from_directory(path: str) -> Iterator[FileSpec]:
    """Yield what is below the directory ``path``, sorted by name; the tree is the caller's own and trusted.

    Hard links are kept, sockets are left out (an archive cannot hold one).

    :raises OSError: something cannot be read.
    """
    seen: dict[tuple[int, int], bytes] = {}
    root = os.fsencode(path)
    stack = [b""]
    while stack:
        relative = stack.pop()
        children = sorted(os.listdir(os.path.join(root, relative)))
        stack.extend(
            os.path.join(relative, name)
            for name in reversed(children)
            if stat.S_ISDIR(os.lstat(os.path.join(root, relative, name)).st_mode)
        )
        for name in children:
            spec = _from_file(root, os.path.join(relative, name), seen)
            if spec is not None:
                yield spec


_KINDS = {
    stat.S_IFREG: tarlayer.REGULAR,
    stat.S_IFLNK: tarlayer.SYMLINK,
    stat.S_IFDIR: tarlayer.DIRECTORY,
    stat.S_IFCHR: tarlayer.CHAR,
    stat.S_IFBLK: tarlayer.BLOCK,
    stat.S_IFIFO: tarlayer.FIFO,
}


def _from_file(root: bytes, name: bytes, seen: dict[tuple[int, int], bytes]) -> FileSpec | None:
    path = os.path.join(root, name)
    info = os.lstat(path)
    kind = _KINDS.get(stat.S_IFMT(info.st_mode))
    if kind is None:
        return None
    data = target = b""
    if kind == tarlayer.SYMLINK:
        target = os.readlink(path)
    elif kind == tarlayer.REGULAR:
        first = seen.setdefault((info.st_dev, info.st_ino), name)
        if first != name:
            kind, target = tarlayer.HARDLINK, first
        else:
            with open(path, "rb") as file:
                data = file.read()
    names = sorted(os.listxattr(path, follow_symlinks=False)) if kind != tarlayer.HARDLINK else ()
    xattrs = tuple((os.fsencode(key), os.getxattr(path, key, follow_symlinks=False)) for key in names)
    device = (os.major(info.st_rdev), os.minor(info.st_rdev))
    mode = stat.S_IMODE(info.st_mode)
    return FileSpec(name, kind, data, mode, info.st_uid, info.st_gid, info.st_mtime_ns, target, device, xattrs)


def _member(spec: FileSpec) -> list[bytes]:
    member = tarwrite.Member(
        spec.name,
        spec.kind,
        spec.mode,
        spec.uid,
        spec.gid,
        len(spec.data),
        spec.mtime_ns,
        spec.target,
        spec.device,
        spec.xattrs,
    )
    return [tarwrite.header(member), spec.data, bytes(-len(spec.data) % 512)]


class BuiltImage(NamedTuple):
    """An image in memory, ready to be pushed or put into a store.

    blobs: (descriptor, bytes) of the layers, lowest first, and then of the config; the manifest is apart.
    """

    manifest: Descriptor
    manifest_raw: bytes
    config_raw: bytes
    blobs: tuple[tuple[Descriptor, bytes], ...]


_MEDIA_TYPES = {
    compress.PLAIN: image.OCI_LAYER,
    compress.GZIP: image.OCI_LAYER_GZIP,
    compress.ZSTD: image.OCI_LAYER_ZSTD,
}


def build_image(
    layers: Sequence[bytes | Sequence[FileSpec]],
    config: image.ContainerConfig,
    platform: Platform,
    *,
    created: str = "1970-01-01T00:00:00Z",
    compression: str = compress.GZIP,
) -> BuiltImage:
    """Make an OCI image.

    :param layers: lowest first; each an uncompressed tar or the files of one.
    :param compression: PLAIN, GZIP or ZSTD of :mod:`hezi.image.compress`.
    """
    blobs: list[tuple[Descriptor, bytes]] = []
    diff_ids: list[Digest] = []
    for content in layers:
        tar = content if isinstance(content, bytes) else layer(content)
        diff_ids.append(Digest.of(tar))
        blob = _compress(tar, compression)
        blobs.append((Descriptor(_MEDIA_TYPES[compression], Digest.of(blob), len(blob)), blob))
    history = tuple(image.History(created=created, created_by="hezi") for _ in layers)
    document = image.ImageConfig(
        raw=b"",
        architecture=platform.architecture,
        os=platform.os,
        variant=platform.variant,
        created=created,
        config=config,
        diff_ids=tuple(diff_ids),
        history=history,
    )
    config_raw = image.encode_config(document)
    described = Descriptor(image.OCI_CONFIG, Digest.of(config_raw), len(config_raw))
    raw = image.encode_manifest(described, tuple(descriptor for descriptor, _ in blobs))
    manifest = Descriptor(image.OCI_MANIFEST, Digest.of(raw), len(raw), platform=platform)
    return BuiltImage(manifest, raw, config_raw, (*blobs, (described, config_raw)))


def _compress(tar: bytes, compression: str) -> bytes:
    if compression == compress.GZIP:
        import zlib

        # zlib writes no name and no time into the header: the same bytes each time.
        packer = zlib.compressobj(6, zlib.DEFLATED, 31)
        return packer.compress(tar) + packer.flush()
    if compression == compress.ZSTD:
        from backports import zstd

        return bytes(zstd.compress(tar))
    return tar
