"""Network namespaces by name, for ``ip netns``: links in /run/netns to where those of containers are.

A link holds nothing: it leads nowhere once its container's namespace is gone, and whoever comes next removes it.
"""

from __future__ import annotations

import os
from contextlib import suppress

from hezi import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.network.place import Place

DIRECTORY = "/run/netns"


def add(place: Place, container_id: str, name: str) -> None:
    """Have ``ip netns`` know a container's namespace by ``name``.

    :raises errors.Error: CONFLICT, something else is called so there.
    """
    path = f"{DIRECTORY}/{name}"
    try:
        os.makedirs(DIRECTORY, 0o755, exist_ok=True)
        os.symlink(place.namespace(container_id), path)
    except FileExistsError:
        message = f"a network namespace called {name} is there already"
        hint = f"give the container another name, or remove it: ip netns delete {name}"
        raise errors.Error(errors.CONFLICT, message, path=path, hint=hint) from None
    except OSError as error:
        doing = "cannot make the container's network namespace known to ip netns"
        raise errors.from_os_error(doing, error) from error


def sweep(place: Place) -> None:
    """Remove those of our links that lead nowhere."""
    try:
        names = os.listdir(DIRECTORY)
    except OSError:
        return
    for name in names:
        path = f"{DIRECTORY}/{name}"
        with suppress(OSError):
            target = os.readlink(path)
            if target.startswith(f"{place.namespaces}/") and not os.path.exists(target):
                os.unlink(path)
