"""How people write the name of a repository."""

from __future__ import annotations

_HUB, _OFFICIAL = "docker.io/", "docker.io/library/"


def familiar(name: str) -> str:
    """Return a repository's full name as people write it (:attr:`hezi.spec.reference.Reference.familiar_name`)."""
    if name.startswith(_OFFICIAL):
        rest = name[len(_OFFICIAL) :]
        return rest if "/" not in rest else f"library/{rest}"
    return name.removeprefix(_HUB)
