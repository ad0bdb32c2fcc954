"""Names under which the program is another one: hezi linked as ``unshare`` is ``hezi ns run``, and so on."""

from __future__ import annotations

# Name of the link -> the command it stands for. Its arguments are the other program's.
NAMES: dict[str, str] = {
    "lsns": "ns ls",
    "nsenter": "ns enter",
    "unshare": "ns run",
    "lscgroup": "lscgroup",
    "lssubsys": "lssubsys",
}
# Name of the link -> the module below hezi.front.tools that is the other program, for which there is no command.
TOOLS: dict[str, str] = {
    "cgclassify": "libcgroup.cgclassify",
    "cgconfigparser": "libcgroup.cgconfigparser",
    "cgcreate": "libcgroup.cgcreate",
    "cgdelete": "libcgroup.cgdelete",
    "cgexec": "libcgroup.cgexec",
    "cgget": "libcgroup.cgget",
    "cgset": "libcgroup.cgset",
    "cgsnapshot": "libcgroup.cgsnapshot",
}
