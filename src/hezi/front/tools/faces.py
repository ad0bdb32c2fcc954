"""The flags by which unshare(1) and nsenter(1) name the kinds of namespaces: one table for parser, help and tools."""

from __future__ import annotations

from hezi._util.record import NamedTuple


class Face(NamedTuple):
    """One kind.

    :ivar option: the long flag, without dashes; ``short`` is the letter.
    :ivar kind: the name in /proc/PID/ns.
    :ivar new: what the flag of unshare does, in words.
    :ivar entered: what the flag of nsenter does.
    """

    option: str
    short: str
    kind: str
    new: str
    entered: str


TABLE = (
    Face("mount", "m", "mnt", "New mount namespace, kept at FILE", "Enter the mount namespace, of the target or FILE"),
    Face("uts", "u", "uts", "New UTS namespace: host name and NIS domain", "Enter the UTS namespace"),
    Face("ipc", "i", "ipc", "New IPC namespace: System V IPC, POSIX message queues", "Enter the IPC namespace"),
    Face("net", "n", "net", "New network namespace", "Enter the network namespace"),
    Face(
        "pid", "p", "pid", "New PID namespace, for the children of the program (see --fork)", "Enter the PID namespace"
    ),
    Face("user", "U", "user", "New user namespace", "Enter the user namespace, and be root there"),
    Face("cgroup", "C", "cgroup", "New cgroup namespace", "Enter the cgroup namespace"),
    Face("time", "T", "time", "New time namespace, for the children of the program", "Enter the time namespace"),
)
KIND_OF = {face.option: face.kind for face in TABLE}
# In the order of joining, which is nsenter's: with rights outside the user namespace comes last all the same.
JOINED = ("user", "cgroup", "ipc", "uts", "net", "pid", "mnt", "time")
