"""The mounts of a namespace as findmnt(8) lists them."""

from __future__ import annotations

import os

from hezi.errors import INVALID, Error
from hezi.front.tools import nsrun, table
from hezi.front.tools.table import Column, Line
from hezi.linux import fd, mountinfo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hezi.linux.mountinfo import MountEntry

COLUMNS = (
    Column("TARGET", "mountpoint"),
    Column("SOURCE", "source device", cut=True),
    Column("FSTYPE", "filesystem type"),
    Column("OPTIONS", "all mount options", cut=True),
    Column("VFS-OPTIONS", "VFS specific mount options", cut=True),
    Column("FS-OPTIONS", "FS specific mount options", cut=True),
    Column("PROPAGATION", "VFS propagation flags"),
    Column("OPT-FIELDS", "optional mount fields", cut=True),
    Column("ID", "mount ID", right=True, number=True),
    Column("PARENT", "mount parent ID", right=True, number=True),
    Column("MAJ:MIN", "major:minor device number"),
    Column("FSROOT", "filesystem root"),
    Column("TID", "task ID", right=True, number=True),
    Column("SIZE", "filesystem size", right=True),
    Column("USED", "filesystem size used", right=True),
    Column("AVAIL", "filesystem size available", right=True),
    Column("USE%", "filesystem use percentage", right=True),
)
BY_NAME = {column.name: column for column in COLUMNS}
DEFAULT = ("TARGET", "SOURCE", "FSTYPE", "OPTIONS")
# As df(1) would have them
SIZES = ("SOURCE", "FSTYPE", "SIZE", "USED", "AVAIL", "USE%", "TARGET")
# File systems without a device or a server behind them, as libmount has them
_PSEUDO = frozenset({
    "anon_inodefs", "apparmorfs", "autofs", "bdev", "binder", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs",
    "cpuset", "debugfs", "devfs", "devpts", "devtmpfs", "dlmfs", "dmabuf", "drm", "efivarfs", "fuse",
    "fuse.archivemount", "fuse.avfsd", "fuse.dumpfs", "fuse.encfs", "fuse.gvfs-fuse-daemon", "fuse.gvfsd-fuse",
    "fuse.lxcfs", "fuse.rofiles-fuse", "fuse.vmware-vmblock", "fuse.xwmfs", "fusectl", "hugetlbfs", "ipathfs",
    "mqueue", "nfsd", "none", "nsfs", "overlay", "pipefs", "proc", "pstore", "ramfs", "resctrl", "rootfs",
    "rpc_pipefs", "securityfs", "selinuxfs", "smackfs", "sockfs", "spufs", "sysfs", "tmpfs", "tracefs", "vboxsf",
    "virtiofs",
})  # fmt: skip


_OF_SIZE = frozenset({"SIZE", "USED", "AVAIL"})
_LETTERS = "BKMGTPE"


class Request:
    """What is asked for; None where a filter was not given."""

    __slots__ = (
        "all", "ascii", "backward", "bytes", "canonical", "columns", "cut", "df", "first", "form", "fsroot",
        "headings", "invert", "kind", "mountpoint", "options", "parents", "pid", "shell", "source", "submounts",
        "target", "tree", "types", "uniq",
    )  # fmt: skip

    def __init__(self) -> None:
        self.columns = list(DEFAULT)
        self.form = "table"
        self.headings = True
        self.ascii = False
        self.cut = True
        self.shell = False
        self.fsroot = True
        self.tree: bool | None = None
        self.backward = False
        self.first = False
        self.invert = False
        self.uniq = False
        self.submounts = False
        self.canonical = True
        self.all = False
        self.bytes = False
        self.df = False
        self.kind: str | None = None
        self.pid: int | None = None
        self.source: str | None = None
        self.target: str | None = None
        self.mountpoint: str | None = None
        self.parents: str | None = None
        self.types: str | None = None
        self.options: str | None = None


def show(request: Request) -> bool:
    """Print the mounts that fit; return whether there are any.

    :raises Error: the mounts of that process cannot be read.
    """
    entries = _read(request.pid)
    if request.uniq:
        entries = _unique(entries)
    fits = _filter(request, entries)
    lines = _Lines(request, entries, fits)
    places = (request.source, request.target, request.mountpoint, request.parents)
    named = any(place is not None for place in places)
    tree = (request.form in {"table", "json"} and not named) if request.tree is None else request.tree
    tree = tree or (request.tree is None and request.submounts and request.form in {"table", "json"})
    tree = tree and not (request.first and not request.submounts)
    roots = lines.found(flat=not tree)
    columns = [BY_NAME[name] for name in request.columns]
    if request.bytes:
        columns = [one._replace(number=True) if one.name in _OF_SIZE else one for one in columns]
    shown = request.columns.index("TARGET") if tree and "TARGET" in request.columns else None
    style = table.Style(
        request.form,
        shown,
        headings=request.headings,
        ascii=request.ascii,
        cut=request.cut,
        name="filesystems",
        shell=request.shell,
    )
    if tree and shown is None:
        roots = list(_flattened(roots))
    if not roots:
        return tree and not named  # findmnt's: a tree without branches is no failure, a list without lines is
    table.show(columns, roots, style)
    return True


def _flattened(lines: list[Line]) -> Iterator[Line]:
    for line in lines:
        yield Line(line.cells)
        yield from _flattened(line.below)


def _read(pid: int | None) -> tuple[MountEntry, ...]:
    name = "self" if pid is None else str(pid)
    with nsrun.step(f"can't read /proc/{name}/mountinfo"):
        return mountinfo.read(name)


def _unique(entries: tuple[MountEntry, ...]) -> tuple[MountEntry, ...]:
    """Leave out what is covered at the same place; what hung from it hangs from what is below that."""
    last = {entry.mount_point: entry.id for entry in entries}
    gone = {entry.id: entry.parent for entry in entries if last[entry.mount_point] != entry.id}

    def above(parent: int) -> int:
        while parent in gone:
            parent = gone[parent]
        return parent

    return tuple(entry._replace(parent=above(entry.parent)) for entry in entries if entry.id not in gone)


def type_fits(fstype: str, wanted: str) -> bool:
    """Compare a type with ``a,b`` or ``noa,b``, which is neither a nor b."""
    fstype, wanted = fstype.lower(), wanted.lower()
    turned = wanted.startswith("no")
    names = (wanted[2:] if turned else wanted).split(",")
    for name in names:
        if name.startswith("no") and name[2:] == fstype:
            return False
        if name == fstype:
            return not turned
    return turned


def options_fit(present: str, wanted: str) -> bool:
    """Compare options with ``a,nob``: those named must be there, those with ``no`` in front must not."""
    given = dict(word.partition("=")[::2] for word in present.split(","))
    words = set(present.split(","))
    for one in wanted.split(","):
        if not one:
            continue
        if one.startswith("+"):
            fits = one[1:] in words
        elif one.startswith("no"):
            fits = one[2:] not in given and one[2:] not in words
        else:
            fits = one in words or ("=" not in one and one in given)
        if not fits:
            return False
    return True


def _filter(request: Request, entries: tuple[MountEntry, ...]) -> Callable[[MountEntry], bool]:
    covered = {entry.parent for entry in entries if any(one.id == entry.parent for one in entries)}
    tests: list[Callable[[MountEntry], bool]] = []
    if request.types is not None:
        types = request.types
        tests.append(lambda one: type_fits(one.fstype, types))
    if request.options is not None:
        options = request.options
        tests.append(lambda one: options_fit(_options(one), options))
    if request.kind in {"pseudo", "real"}:
        tests.append(lambda one: (one.fstype in _PSEUDO) == (request.kind == "pseudo"))
    if request.df and not request.all:
        tests.append(lambda one: one.fstype not in _PSEUDO or "tmpfs" in one.fstype)
    if request.kind == "shadowed":
        places = {(one.parent, one.mount_point) for one in entries}
        tests.append(lambda one: one.id in covered and (one.id, one.mount_point) in places)
    tests += _place_tests(request, entries)

    def fits(entry: MountEntry) -> bool:
        return all(test(entry) for test in tests) != request.invert

    return fits


def _place_tests(request: Request, entries: tuple[MountEntry, ...]) -> list[Callable[[MountEntry], bool]]:
    tests: list[Callable[[MountEntry], bool]] = []
    if request.source is not None:
        source = request.source
        tests.append(lambda one: _source_fits(one, source))
    place = request.mountpoint if request.mountpoint is not None else request.target
    if place is not None:
        path = _canonical(place) if request.canonical else place.rstrip("/") or "/"
        tests.append(lambda one: one.mount_point == path)
    if request.parents is not None:
        holder = _mount_of(request.parents, entries)
        tests.append(lambda one: one.mount_point == holder)
    return tests


def _source_fits(entry: MountEntry, source: str) -> bool:
    major, colon, minor = source.partition(":")
    if colon and major.isdigit() and minor.isdigit():
        return (entry.major, entry.minor) == (int(major), int(minor))
    return entry.source in {source, _canonical(source)} if "/" in source else entry.source == source


def _canonical(path: str) -> str:
    return os.path.realpath(path)


def _mount_of(path: str, entries: tuple[MountEntry, ...]) -> str | None:
    """Give where the mount is attached that a path is on; None when there is no such path."""
    try:
        file = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        found = fd.mount_id(file)
    finally:
        os.close(file)
    return next((one.mount_point for one in entries if one.id == found), None)


class _Lines:
    """The lines of the mounts that fit."""

    def __init__(self, request: Request, entries: tuple[MountEntry, ...], fits: Callable[[MountEntry], bool]) -> None:
        self.request = request
        self.entries = entries
        self.fits = fits
        known = {entry.id for entry in entries}
        self.below: dict[int, list[MountEntry]] = {}
        for entry in sorted(entries, key=lambda one: one.id):
            if entry.id != entry.parent:
                self.below.setdefault(entry.parent, []).append(entry)
        self.tops = [entry for entry in entries if entry.parent not in known or entry.parent == entry.id]

    def found(self, *, flat: bool) -> list[Line]:
        """Return the lines, in a tree or one after the other."""
        if self.request.submounts:
            return self._submounts(flat=flat)
        if flat:
            order = reversed(self.entries) if self.request.backward else iter(self.entries)
            lines = [self._line(entry) for entry in order if self.fits(entry)]
            return lines[:1] if self.request.first else lines
        roots: list[Line] = []
        for top in self.tops:
            self._hang(top, roots)
        return roots[:1] if self.request.first else roots

    def _hang(self, entry: MountEntry, above: list[Line]) -> None:
        if self.fits(entry):
            line = self._line(entry)
            above.append(line)
            above = line.below
        for each in self.below.get(entry.id, ()):
            self._hang(each, above)

    def _submounts(self, *, flat: bool) -> list[Line]:
        roots: list[Line] = []
        done: set[int] = set()

        def hang(entry: MountEntry, above: list[Line]) -> None:
            if entry.id in done:
                return
            done.add(entry.id)
            line = self._line(entry)
            above.append(line)
            for each in self.below.get(entry.id, ()):
                hang(each, above if flat else line.below)

        for entry in reversed(self.entries) if self.request.backward else self.entries:
            if self.fits(entry):
                hang(entry, roots)
                if self.request.first:
                    break
        return roots

    def _line(self, entry: MountEntry) -> Line:
        return Line([self._cell(name, entry) for name in self.request.columns])

    def _cell(self, name: str, entry: MountEntry) -> str | None:
        if name in _OF_SIZE or name == "USE%":
            return self._size(name, entry)
        makers: dict[str, Callable[[], str | None]] = {
            "TARGET": lambda: entry.mount_point,
            "SOURCE": lambda: self._source(entry),
            "FSTYPE": lambda: entry.fstype,
            "OPTIONS": lambda: _options(entry),
            "VFS-OPTIONS": lambda: entry.options,
            "FS-OPTIONS": lambda: entry.super_options,
            "PROPAGATION": lambda: propagation_word(entry),
            "OPT-FIELDS": lambda: optional_fields(entry) or None,
            "ID": lambda: str(entry.id),
            "PARENT": lambda: str(entry.parent),
            "MAJ:MIN": lambda: self._device(entry),
            "FSROOT": lambda: entry.root,
            "TID": lambda: str(os.getpid() if self.request.pid is None else self.request.pid),
        }
        return makers[name]()

    def _size(self, name: str, entry: MountEntry) -> str | None:
        try:
            found = os.statvfs(entry.mount_point)
        except OSError:
            return None
        used = found.f_blocks - found.f_bfree
        if name == "USE%":
            return f"{used / found.f_blocks * 100:.0f}%" if found.f_blocks else "-"
        blocks = {"SIZE": found.f_blocks, "USED": used, "AVAIL": found.f_bavail}[name]
        number = blocks * found.f_frsize
        return str(number) if self.request.bytes else human(number)

    def _device(self, entry: MountEntry) -> str:
        if self.request.form == "table":
            return f"{entry.major:>3}:{entry.minor:<3}"
        return f"{entry.major}:{entry.minor}"

    def _source(self, entry: MountEntry) -> str:
        if self.request.fsroot and entry.root != "/":
            return f"{entry.source}[{entry.root}]"
        return entry.source


def _options(entry: MountEntry) -> str:
    """Merge the options of the mount and of the file system, each once: read-only when either is."""
    ours, theirs = entry.options.split(","), entry.super_options.split(",")
    mode = "ro" if "ro" in {ours[0], theirs[0]} else "rw"
    return ",".join([mode, *ours[1:], *theirs[1:]])


def human(number: int) -> str:
    """Write a number of bytes with a letter and at most one digit behind the point, rounded to the nearest."""
    if not number:
        return "0"
    power = (number.bit_length() - 1) // 10
    whole, rest = divmod(number, 1 << 10 * power)
    tenths = ((rest >> 10 * (power - 1)) * 1000 // 1024 + 50) // 100 if power and rest else 0
    if tenths == 10:
        whole, tenths = whole + 1, 0
    return f"{whole}.{tenths}{_LETTERS[power]}" if tenths else f"{whole}{_LETTERS[power]}"


def propagation_word(entry: MountEntry) -> str:
    """Give the state as findmnt writes it: ``shared`` or ``private``, and ``,slave``, and ``,unbindable``."""
    words = ["shared" if entry.peer_group else "private"]
    words += ["slave"] if entry.master else []
    words += ["unbindable"] if entry.unbindable else []
    return ",".join(words)


def optional_fields(entry: MountEntry) -> str:
    """Give the optional fields of mountinfo."""
    words = [f"shared:{entry.peer_group}"] if entry.peer_group else []
    words += [f"master:{entry.master}"] if entry.master else []
    words += [f"propagate_from:{entry.propagate_from}"] if entry.propagate_from else []
    words += ["unbindable"] if entry.unbindable else []
    return " ".join(words)


def read_columns(text: str, defaults: Sequence[str] = DEFAULT) -> list[str]:
    """Read ``A,B`` or ``+A,B`` (these behind the default ones).

    :raises Error: INVALID for an unknown name.
    """
    plus = text.startswith("+")
    names = [name.upper() for name in text[plus:].split(",")]
    for name, typed in zip(names, text[plus:].split(","), strict=True):
        if name not in BY_NAME:
            message = f"unknown column: {typed}"
            raise Error(INVALID, message)
    return [*(defaults if plus else ()), *names]
