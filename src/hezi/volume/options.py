"""What a volume of the driver ``local`` is made of: ``type``, ``device`` and ``o``, with docker's rules and words.

Without options it is a directory of its own. ``type=none,o=bind,device=PATH`` is a directory of the host, which is used
as it is; everything else is what mount(8) takes, and is mounted on the volume's directory while containers run with it
(:mod:`hezi.volume.mounted`).
"""

from __future__ import annotations

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.linux import mount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES = ("device", "o", "size", "type")
_PLAIN_BINDS = ({"bind"}, {"rbind"}, {"bind", "rw"}, {"rbind", "rw"})
# moby/sys/mount: word -> (bit, whether it is cleared)
_FLAGS = {
    "defaults": (0, False),
    "ro": (mount.MS_RDONLY, False),
    "rw": (mount.MS_RDONLY, True),
    "suid": (mount.MS_NOSUID, True),
    "nosuid": (mount.MS_NOSUID, False),
    "dev": (mount.MS_NODEV, True),
    "nodev": (mount.MS_NODEV, False),
    "exec": (mount.MS_NOEXEC, True),
    "noexec": (mount.MS_NOEXEC, False),
    "sync": (mount.MS_SYNCHRONOUS, False),
    "async": (mount.MS_SYNCHRONOUS, True),
    "dirsync": (mount.MS_DIRSYNC, False),
    "mand": (mount.MS_MANDLOCK, False),
    "nomand": (mount.MS_MANDLOCK, True),
    "atime": (mount.MS_NOATIME, True),
    "noatime": (mount.MS_NOATIME, False),
    "diratime": (mount.MS_NODIRATIME, True),
    "nodiratime": (mount.MS_NODIRATIME, False),
    "relatime": (mount.MS_RELATIME, False),
    "norelatime": (mount.MS_RELATIME, True),
    "strictatime": (mount.MS_STRICTATIME, False),
    "nostrictatime": (mount.MS_STRICTATIME, True),
    "bind": (mount.MS_BIND, False),
    "rbind": (mount.MS_BIND | mount.MS_REC, False),
}
# They would change how all of the host sees the mount, or another mount altogether.
_REFUSED = frozenset(
    ("remount", "move", "private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable")
)
_NETWORK = frozenset(("nfs", "nfs4", "cifs"))


class Wanted(NamedTuple):
    """What is mounted for a volume.

    :ivar directory: of the host, which is bound as it is; "" when there is something to mount, or nothing at all.
    :ivar fstype: to be mounted on the volume's directory; "" for nothing.
    :ivar flags: MS_* bits.
    :ivar data: what the file system is told.
    """

    directory: str = ""
    fstype: str = ""
    device: str = ""
    flags: int = 0
    data: str = ""


def read(options: Mapping[str, str]) -> Wanted:
    """Return what options mean that :func:`check` has let pass."""
    device, words = options.get("device", ""), _words(options)
    if not device:
        return Wanted()
    if set(words) in _PLAIN_BINDS:
        return Wanted(directory=device)
    flags = 0
    data = []
    for word in words:
        if word in _FLAGS:
            bit, cleared = _FLAGS[word]
            flags = flags & ~bit if cleared else flags | bit
        else:
            data.append(word)
    return Wanted("", options["type"], device, flags, ",".join(data))


def _words(options: Mapping[str, str]) -> list[str]:
    return [word for word in options.get("o", "").split(",") if word]


def check(volume: str, options: Mapping[str, str]) -> None:
    """Refuse what no volume can be made of.

    :raises errors.Error: docker's texts.
    """
    for name in options:
        if name not in NAMES:
            raise errors.Error(errors.INVALID, f'create {volume}: invalid option: "{name}"')
    if "size" in options:
        raise errors.Error(errors.INVALID, f"create {volume}: quota size requested but no quota support")
    if not options:
        return
    for name in ("type", "device"):
        if not options.get(name):
            raise errors.Error(errors.INVALID, f'create {volume}: missing required option: "{name}"')
    if any("\0" in value for value in options.values()):
        raise errors.Error(errors.INVALID, f"create {volume}: an option holds a NUL byte")
    words = _words(options)
    for word in words:
        if word in _REFUSED:
            message = f"create {volume}: o={word} is refused: it would change mounts of the host"
            raise errors.Error(errors.UNSUPPORTED, message)
    binds = {"bind", "rbind"}.intersection(words)
    if binds and not options["device"].startswith("/"):
        raise errors.Error(errors.INVALID, f"device {options['device']} is no absolute path")


def is_network(fstype: str) -> bool:
    """Whether the option ``addr`` names a host, which is to be looked up: the kernel takes only an address."""
    return fstype in _NETWORK
