"""Changing what mounts pass on, and attaching them: the flags of mount(8) that are about no file system."""

from __future__ import annotations

import errno
import os

from hezi.errors import INVALID, Error
from hezi.front.tools import nsrun, words
from hezi.linux import idmap, mountinfo, namespaces, peers, propagation
from hezi.linux.idmap import Range

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from hezi.linux.process import Process

# mount(8)'s exit code for what the kernel refuses
FAILED = 32
STATES = {
    "make-shared": (propagation.SHARED, False),
    "make-slave": (propagation.SLAVE, False),
    "make-private": (propagation.PRIVATE, False),
    "make-unbindable": (propagation.UNBINDABLE, False),
    "make-rshared": (propagation.SHARED, True),
    "make-rslave": (propagation.SLAVE, True),
    "make-rprivate": (propagation.PRIVATE, True),
    "make-runbindable": (propagation.UNBINDABLE, True),
}
ATTACHING = ("bind", "rbind", "move")


class Request:
    """What is to be done.

    :ivar states: (state, recursive) in the order to be set; mount(8) does each of them by a call of its own.
    :ivar how: "bind", "rbind", "move", or None to change the target only.
    """

    __slots__ = ("beneath", "gid_ranges", "how", "source", "states", "target", "uid_ranges")

    def __init__(self, states: Sequence[tuple[str, bool]], how: str | None, plain: Sequence[str]) -> None:
        self.states = states
        self.how = how
        self.source = plain[0] if len(plain) == 2 else None
        self.target = plain[-1]
        self.beneath = False
        self.uid_ranges: list[Range] = []
        self.gid_ranges: list[Range] = []


def apply(request: Request) -> None:
    """Do it.

    :raises Error: with what was refused and why.
    """
    if request.how is not None:
        _attach(request)
    elif request.source not in {None, "none"}:
        hint = "a SOURCE goes with --bind, --rbind or --move; to change a mount, name only its mount point"
        message = f"{request.target}: mounting file systems is not this command's work."
        raise Error(INVALID, message, hint=hint)
    for state, recursive in request.states:
        try:
            propagation.make(request.target, state, recursive)
        except OSError as error:
            raise _refused(request.target, error) from error


_NEEDS = "it needs CAP_SYS_ADMIN over the mount namespace: `hezi ns run -Urm` makes one"


def _refused(target: str, error: OSError) -> Error:
    if error.errno == errno.ENOENT:
        return Error("not-found", f"{target}: mount point does not exist.")
    if error.errno == errno.EINVAL:
        hint = "only a mount has a propagation; `hezi mount ls -T PATH` shows the one that a path is on"
        return Error("invalid", f"{target}: not mount point or bad option.", hint=hint)
    if error.errno == errno.EPERM:
        return Error("permission", f"{target}: must be superuser to use mount.", hint=_NEEDS)
    return nsrun.from_os_error_of(f"{target}: cannot change the propagation", error)


def _attach(request: Request) -> None:
    if request.source is None:
        words.wrong("a source and a target are needed")
    holder = _user_namespace(request)
    try:
        if request.how == "move":
            peers.move(request.source, request.target, beneath=request.beneath)
        else:
            fd = None if holder is None else os.open(f"/proc/{holder.pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
            try:
                recursive = request.how == "rbind"
                peers.bind(request.source, request.target, recursive=recursive, beneath=request.beneath, userns_fd=fd)
            finally:
                if fd is not None:
                    os.close(fd)
    except OSError as error:
        raise _not_attached(request, error) from error
    finally:
        if holder is not None:
            holder.kill()
            holder.close()


def _user_namespace(request: Request) -> Process | None:
    """Make a user namespace for its map alone: a mount keeps the map, not the namespace's process."""
    if not request.uid_ranges and not request.gid_ranges:
        return None
    import signal

    with nsrun.step(f"cannot map owners for {request.target}"):
        return namespaces.clone(
            signal.pause,
            namespaces.CLONE_NEWUSER,
            uid_map=request.uid_ranges or request.gid_ranges,
            gid_map=request.gid_ranges or request.uid_ranges,
        )


def _not_attached(request: Request, error: OSError) -> Error:
    source, target = str(request.source), request.target
    made = nsrun.from_os_error_of(f"cannot {request.how} {source} to {target}", error)
    hint = made.hint
    if error.errno == errno.EINVAL:
        hint = _why_invalid(request, source) or hint
    if error.errno == errno.EPERM:
        hint = _NEEDS
    if error.errno == errno.ENOENT:
        hint = f"there is no '{target if os.path.lexists(source) else source}'"
    if error.errno == errno.ELOOP:
        hint = "a mount cannot be moved below itself"
    return Error(made.kind, made.message, hint=hint)


def _why_invalid(request: Request, source: str) -> str | None:
    """Look for what makes the kernel say EINVAL."""
    entry = _entry(source)
    if entry is None:
        return None
    if os.path.isdir(source) != os.path.isdir(request.target):
        kinds = ["a directory" if os.path.isdir(path) else "a file" for path in (source, request.target)]
        return f"{source} is {kinds[0]} and {request.target} is {kinds[1]}; a mount covers its own kind"
    if request.how != "move":
        return f"{entry.mount_point} is unbindable" if entry.unbindable else None
    if os.path.realpath(source) != entry.mount_point:
        return f"{source} is no mount point"
    above = next((one for one in mountinfo.list_mounts() if one.id == entry.parent), None)
    if above is not None and above.peer_group:
        return f"{above.mount_point} is shared, and what is below a shared mount cannot be moved: make it private first"
    onto = _entry(request.target)
    if onto is not None and onto.peer_group and (fixed := _unbindable_below(entry)):
        return (
            f"{fixed} is unbindable and {onto.mount_point} is shared: what is moved there is copied to its peers, "
            "so make the first private, or the second"
        )
    return None


def _unbindable_below(entry: mountinfo.MountEntry) -> str | None:
    """Find an unbindable mount among a mount and those below it."""
    mounts = mountinfo.list_mounts()
    inside = {entry.id}
    for one in sorted(mounts, key=lambda each: len(each.mount_point)):
        if one.parent in inside:
            inside.add(one.id)
    return next((one.mount_point for one in mounts if one.id in inside and one.unbindable), None)


def _entry(path: str) -> mountinfo.MountEntry | None:
    try:
        file = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return mountinfo.entry_of(file)
    except OSError:
        return None
    finally:
        os.close(file)


def read_map(text: str) -> tuple[list[Range], list[Range]]:
    """Read an idmapping: ``[u:|g:|b:]INNER:OUTER:COUNT`` words, of users, groups or both (mount(8), X-mount.idmap).

    What a file on disk belongs to is INNER, and OUTER is what it shows as.

    :raises Error: INVALID.
    """
    uids: list[Range] = []
    gids: list[Range] = []
    for word in text.split():
        parts = word.split(":")
        kind = parts.pop(0) if parts[0] in {"u", "g", "b"} else "b"
        if len(parts) != 3 or not all(part.isdigit() for part in parts):
            words.wrong(f"no map of ids: {word} is not [u:|g:|b:]ID:SHOWN-AS:COUNT")
        one = Range(*map(int, parts))
        if kind != "g":
            uids.append(one)
        if kind != "u":
            gids.append(one)
    for ranges in (uids, gids):
        if ranges:
            try:
                idmap.check(ranges)
            except ValueError as error:
                words.wrong(str(error))
    return uids, gids


def describe(target: str) -> str:
    """Say what became of a mount, which may be something else than was asked for."""
    try:
        return propagation.read(target)
    except OSError:
        return "not visible"
