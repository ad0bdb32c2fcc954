"""Names under which the program is another one: hezi linked as ``unshare`` is ``hezi ns run``, and so on."""

from __future__ import annotations

# Name of the link -> the command it stands for. Its arguments are the other program's.
NAMES: dict[str, str] = {
    "lsns": "ns ls",
    "nsenter": "ns enter",
    "unshare": "ns run",
}
