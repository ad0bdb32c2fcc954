"""``idmap=uids=0-1000-1;gids=0-1000-1``: how the owners of a mount's files are shown, as podman writes it.

Each range is FIRST-SHOWN-COUNT: who owns a file by the number FIRST on the disk is seen as SHOWN; several are joined by
``#``. What is written through the mount goes the other way.
"""

from __future__ import annotations

from hezi import errors

# As the container's user namespace has them, which is what a container with one gets anyway.
OWN = "own"
_MOST_RANGES = 340  # of a kernel's map, user_namespaces(7)
_MOST = 2**32 - 1


def parse_idmap(text: str) -> str:
    """Return the two maps as the kernel takes them, uids and gids, joined by ``;``; ranges by a comma.

    :return: :data:`OWN` when it names none.
    :raises errors.Error: it is malformed, or relative to a user namespace.
    """
    if not text:
        return OWN
    found: dict[str, str] = {}
    for part in text.split(";"):
        name, _, ranges = part.partition("=")
        if name not in {"uids", "gids"} or name in found:
            raise _wrong(text)
        if ranges.startswith("@"):
            message = f"idmap={text}: a mapping relative to the container's user namespace is not built yet"
            raise errors.Error(errors.UNSUPPORTED, message)
        found[name] = ",".join(_range(one, text) for one in ranges.split("#"))
    if len(found) != 2 or any(each.count(",") >= _MOST_RANGES for each in found.values()):
        raise _wrong(text)
    return f"{found['uids']};{found['gids']}"


def _range(one: str, text: str) -> str:
    numbers = one.split("-")
    if len(numbers) != 3 or not all(number.isascii() and number.isdigit() and len(number) < 11 for number in numbers):
        raise _wrong(text)
    first, shown, count = map(int, numbers)
    if not count or max(first, shown) + count > _MOST:
        raise _wrong(text)
    return f"{first} {shown} {count}"


def _wrong(text: str) -> errors.Error:
    hint = "uids=FIRST-SHOWN-COUNT;gids=FIRST-SHOWN-COUNT, several ranges joined by #"
    return errors.Error(errors.INVALID, f"invalid idmap: {text}", hint=hint)
