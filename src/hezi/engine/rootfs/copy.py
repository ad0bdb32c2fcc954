"""``cp``: files and trees between a container and the host, with docker's rules about what becomes what.

    source \\ destination    not there                   file               directory
    file                    becomes it ("x/": refused)  replaces it        goes into it
    directory               becomes it                  refused            goes into it, merged
    directory/.             its contents become it      refused            its contents go into it
    archive (-)             refused                     refused            unpacked into it

Without ``archive`` what is made belongs to root in a container, and to the caller on the host.
"""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from contextlib import ExitStack

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.engine.rootfs import side as sides
from hezi.engine.rootfs import target
from hezi.engine.rootfs.place import Place
from hezi.engine.rootfs.side import Node, Side
from hezi.image import tarwrite
from hezi.image.treewalk import TreeSource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hezi.engine.paths import Paths
    from hezi.image.tarlayer import EntrySource

_CHUNK = 1 << 20


class Copied(NamedTuple):
    """What a copy did.

    transferred: bytes that an archive of it would have.
    destination: the path it went to, as docker tells it.
    """

    transferred: int
    destination: str


class Options(NamedTuple):
    """How to copy.

    archive: keep owners.
    follow: copy what the source points to when it is a link.
    """

    archive: bool = False
    follow: bool = False


PLAIN = Options()
_OUT, _IN = "archive-path", "extract-to-dir"


def copy_out(paths: Paths, container: str, path: str, destination: str, options: Options = PLAIN) -> Copied:
    """Copy a file or tree of a container to the host.

    :raises errors.Error: docker's words where it has some.
    """
    with ExitStack() as stack:
        inside = _container_side(paths, container, stack, _OUT)
        _check_output(destination)
        source = _source(inside, path, options, stack)
        outside = _host_side(stack)
        owner = None if options.archive else (os.geteuid(), os.getegid())
        place, name = _place(source, path, outside, destination, owner, stack)
        place.take(TreeSource(source.probe, name, shown_as=inside.shown_as, closed=inside.hidden))
        return Copied(place.transferred, posixpath.normpath(posixpath.join(os.getcwd(), destination)))
    raise AssertionError  # no context manager above swallows exceptions


def archive_out(paths: Paths, container: str, path: str, options: Options = PLAIN) -> Iterator[bytes | memoryview]:
    """Yield the tar archive of a file or tree of a container, as ``cp CONTAINER:PATH -`` writes it."""
    with ExitStack() as stack:
        inside = _container_side(paths, container, stack, _OUT)
        source = _source(inside, path, options, stack)
        name = b"." if sides.contents_meant(path) else os.path.basename(sides.bare(source.path)) or b"."
        tree = TreeSource(source.probe, name, shown_as=inside.shown_as, closed=inside.hidden)
        yield from tarwrite.stream(tree, whole_seconds=True)


def copy_in(paths: Paths, source_path: str, container: str, path: str, options: Options = PLAIN) -> Copied:
    """Copy a file or tree of the host into a container.

    :raises errors.Error: docker's words where it has some.
    """
    with ExitStack() as stack:
        inside = _container_side(paths, container, stack, _IN)
        source = _source(_host_side(stack), source_path, options, stack)
        place, name = _place(source, source_path, inside, path, None if options.archive else (0, 0), stack)
        place.take(TreeSource(source.probe, name))
        return Copied(place.transferred, f"{container}:{path}")
    raise AssertionError  # no context manager above swallows exceptions


def archive_in(paths: Paths, chunks: Iterable[bytes], container: str, path: str, options: Options = PLAIN) -> Copied:
    """Unpack a tar archive, plain or compressed by gzip or zstd, into a directory of a container.

    :raises errors.Error: CORRUPT: it is no archive; INVALID: no directory; ...
    """
    from hezi.image import compress
    from hezi.image.tarlayer import TarReader

    with ExitStack() as stack:
        inside = _container_side(paths, container, stack, _IN)
        try:
            node = sides.follow(inside, sides.absolute(path, inside=True))
        except OSError as error:
            raise _unresolved(inside, path, error) from error
        stack.callback(node.close)
        if not node.is_directory:
            raise errors.Error(errors.INVALID, f'destination "{container}:{path}" must be a directory')
        reader: EntrySource = TarReader(compress.decompress(chunks))
        place = Place(inside, node.probe, sides.bare(node.path), None if options.archive else (0, 0))
        stack.callback(place.close)
        try:
            place.take(reader)
        except errors.Error as error:
            if error.kind != errors.CORRUPT:
                raise
            text = error.message.replace("layer is truncated", "unexpected EOF").replace("layer is", "it is")
            raise errors.Error(errors.CORRUPT, f"cannot read the archive: {text}") from error
        return Copied(place.transferred, f"{container}:{path}")
    raise AssertionError  # no context manager above swallows exceptions


def _container_side(paths: Paths, container: str, stack: ExitStack, action: str) -> Side:
    """Open a container's root, and record that it is done (docker's words for copying out and in)."""
    from hezi.engine import container_events, rights
    from hezi.store.images import ImageStore

    rights.check()
    paths.make()
    store = stack.enter_context(ImageStore(paths.root))
    row = target.find(store, container)
    root = target.container_root(paths, store, row, stack)
    container_events.tell(paths, row, action)
    return Side(root.fd, f"{container}:", inside=True, owners=root.owners, hidden=root.hidden)


def _host_side(stack: ExitStack) -> Side:
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    stack.callback(os.close, root)
    return Side(root, inside=False)


def _source(side: Side, path: str, options: Options, stack: ExitStack) -> Node:
    if not path:
        raise errors.Error(errors.INVALID, "bad parameter: path cannot be empty")
    wanted = sides.absolute(path, inside=side.inside)
    try:
        node = sides.follow(side, wanted) if options.follow else sides.look(side, wanted)
        node = node._replace(path=wanted)  # a link that was followed still gives its name
    except OSError as error:
        raise _unresolved(side, path, error) from error
    stack.callback(node.close)
    if node.probe < 0 or _is_hidden(side, node):
        raise side.missing(path if side.inside else posixpath.join(os.getcwd(), path))
    return node


def _is_hidden(side: Side, node: Node) -> bool:
    """Say whether it lies in a file system that is not copied; the place where one is mounted can be."""
    device = os.fstat(node.probe).st_dev
    return device in side.hidden and os.fstat(node.parent).st_dev == device


def _unresolved(side: Side, path: str, error: OSError) -> errors.Error:
    if not side.inside:
        path = posixpath.join(os.getcwd(), path)
    if error.errno == errno.ENOENT:
        return side.missing(path)
    reason = os.strerror(error.errno or 0).lower()
    kind = errors.PERMISSION if error.errno in {errno.EACCES, errno.EPERM} else errors.INVALID
    return errors.Error(kind, f"lstat {side.label}{path}: {reason}")


def _place(
    source: Node, source_path: str, side: Side, path: str, owner: tuple[int, int] | None, stack: ExitStack
) -> tuple[Place, bytes]:
    """Decide where a source goes: the directory, and the name in it (empty: the contents go right into it)."""
    if not path:
        raise errors.Error(errors.INVALID, "no such directory")
    wanted = sides.absolute(path, inside=side.inside)
    try:
        try:
            node = sides.follow(side, wanted)
        except FileNotFoundError:
            if not (source.is_directory and sides.directory_meant(path)):
                raise
            # "NEW/" for a directory that is to be made
            node = sides.follow(side, sides.bare(wanted))
    except OSError as error:
        raise _no_destination(side, path, error) from error
    stack.callback(node.close)
    _check_kind(side, path, node)
    whole = os.path.dirname(node.path) or b"/"
    if node.is_directory:
        name = b"" if sides.contents_meant(source_path) else os.path.basename(sides.bare(source.path)) or b"."
        top, whole = node.probe, sides.bare(node.path)
    elif source.is_directory and node.probe >= 0:
        raise errors.Error(errors.INVALID, "cannot copy directory")
    elif not source.is_directory and node.probe < 0 and sides.directory_meant(path):
        raise errors.Error(errors.INVALID, "no such directory")
    else:
        name, top = node.base, node.parent
    place = Place(side, top, whole, owner)
    stack.callback(place.close)
    return place, name


def _no_destination(side: Side, path: str, error: OSError) -> errors.Error:
    if error.errno in {errno.ENOENT, errno.ENOTDIR} and sides.directory_meant(path):
        return errors.Error(errors.INVALID, "no such directory")
    if error.errno == errno.ENOTDIR:
        return errors.Error(errors.INVALID, "extraction point is not a directory" if side.inside else "not a directory")
    parent = posixpath.dirname(path.rstrip("/")) or "/"
    return _unresolved(side, parent, error)


def _check_kind(side: Side, path: str, node: Node) -> None:
    mode = node.mode
    # A link here is one of a circle: what is copied takes its place.
    if not mode or stat.S_ISDIR(mode) or stat.S_ISREG(mode) or stat.S_ISLNK(mode):
        return
    what = "a device" if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) else "an irregular file"
    if side.inside:
        text = f'destination "{side.label}{path}" must be a directory or a regular file: got {what}'
    else:
        text = f'invalid output path: "{path}" must be a directory or a regular file: got {what}'
    raise errors.Error(errors.INVALID, text)


def _check_output(path: str) -> None:
    directory = posixpath.dirname(posixpath.normpath(posixpath.join(os.getcwd(), path)))
    if not os.path.exists(directory):
        raise errors.Error(errors.INVALID, f'invalid output path: directory "{directory}" does not exist')


def read_chunks(fd: int) -> Iterator[bytes]:
    """Yield what a descriptor gives, to its end."""
    while chunk := os.read(fd, _CHUNK):
        yield chunk
