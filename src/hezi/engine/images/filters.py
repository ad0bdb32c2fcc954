"""``--filter`` of images and of image prune."""

from __future__ import annotations

from hezi import errors
from hezi._util.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from sqlite3 import Connection
    from typing import NoReturn

    Matcher = Callable[[str], bool]

LIST_KEYS = ("before", "dangling", "label", "reference", "since", "until")
PRUNE_KEYS = ("dangling", "label", "label!", "until")
_SPECIAL = frozenset("*?[\\")
_TRUE, _FALSE = ("1", "true"), ("0", "false")


class Choice(NamedTuple):
    """What is asked for.

    dangling: only images without a tag (True), none without any name (False), or both.
    references: patterns of names, one of which must match; none for all.
    before, until: made before, or not after, this moment; since: made after it. Nanoseconds since the epoch.
    """

    dangling: bool | None = None
    references: tuple[Matcher, ...] = ()
    labels: tuple[str, ...] = ()
    not_labels: tuple[str, ...] = ()
    before: int | None = None
    since: int | None = None
    until: int | None = None

    def fits(self, created_ns: int, labels: str) -> bool:
        """Say whether an image's own properties pass.

        :param labels: a JSON object.
        """
        if self.before is not None and created_ns >= self.before:
            return False
        if self.since is not None and created_ns <= self.since:
            return False
        if self.until is not None and created_ns > self.until:
            return False
        return not (self.labels or self.not_labels) or self._labels_fit(labels)

    def _labels_fit(self, text: str) -> bool:
        import json

        from hezi.engine.containers.filters import labels_match

        labels = json.loads(text)
        return labels_match(labels, self.labels) and not any(labels_match(labels, [one]) for one in self.not_labels)

    def names(self, name: str, reference: str) -> bool:
        """Say whether a familiar name, or the same with its tag or digest, passes."""
        return not self.references or any(match(reference) or match(name) for match in self.references)


def read(texts: Iterable[str], keys: tuple[str, ...], name: str | None, connection: Connection) -> Choice:
    """Read ``KEY=VALUE`` texts.

    :param name: one more pattern of names.
    :raises errors.Error: a filter is wrong, or an image that it names is not there.
    """
    references: tuple[Matcher, ...] = () if name is None else (matcher(name),)
    if not texts:
        return Choice(references=references)
    from hezi.engine.containers import filters as rules

    wanted = rules.read(texts, keys)
    if len(wanted.get("until", ())) > 1:
        raise errors.Error(errors.INVALID, "more than one until filter specified")
    references += tuple(matcher(text) for text in wanted.get("reference", ()))
    return Choice(
        dangling=_dangling(wanted.get("dangling", ()), strict=keys is LIST_KEYS),
        references=references,
        labels=tuple(wanted.get("label", ())),
        not_labels=tuple(wanted.get("label!", ())),
        before=_created(connection, wanted.get("before", ())),
        since=_created(connection, wanted.get("since", ())),
        until=min((rules.until(text) for text in wanted.get("until", ())), default=None),
    )


def _dangling(values: Iterable[str], *, strict: bool) -> bool | None:
    """To docker's prune, what a user says is one more value beside its own: one that says nothing is no mistake."""
    found = None
    for value in values:
        if not strict and value not in {*_TRUE, *_FALSE}:
            continue
        if value not in {*_TRUE, *_FALSE}:
            raise errors.Error(errors.INVALID, f"invalid filter 'dangling=[{value}]'")
        # Of both, docker takes the one that asks for something.
        found = found or value in _TRUE
    return found


def _created(connection: Connection, names: Iterable[str]) -> int | None:
    """When the last of the named images was made."""
    from hezi.store import find

    created = [find.resolve(connection, name).created_ns for name in names]
    return created[-1] if created else None


def matcher(pattern: str) -> Matcher:
    """Return what says whether a text matches a pattern of Go's path.Match: ``*`` and ``?`` stop at a slash.

    :raises errors.Error: a bracket that is not closed, or a backslash at the end.
    """
    if _SPECIAL.isdisjoint(pattern):
        return pattern.__eq__
    import re

    compiled = re.compile(_translated(pattern), re.DOTALL)
    return lambda text: compiled.fullmatch(text) is not None


def _translated(pattern: str) -> str:
    import re

    out, at = [], 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif char == "[":
            text, at = _bracket(pattern, at)
            out.append(text)
        else:
            if char == "\\":
                char, at = _letter(pattern, at - 1)
            out.append(re.escape(char))
    return "".join(out)


def _bracket(pattern: str, at: int) -> tuple[str, int]:
    import re

    negated = pattern[at : at + 1] == "^"
    at += negated
    ranges: list[str] = []
    while pattern[at : at + 1] != "]" or not ranges:
        if pattern[at : at + 1] in {"-", "]", ""}:
            _refuse()
        low, at = _letter(pattern, at)
        high = low
        if pattern[at : at + 1] == "-":
            high, at = _letter(pattern, at + 1)
        # A range the wrong way round matches nothing, in Go.
        if low <= high:
            ranges.append(f"{re.escape(low)}-{re.escape(high)}")
        else:
            ranges.append("")
    inside = "".join(ranges)
    if not inside:
        return ("[^/]" if negated else r"(?!)"), at + 1
    return f"[{'^' if negated else ''}{inside}]", at + 1


def _letter(pattern: str, at: int) -> tuple[str, int]:
    if pattern[at : at + 1] == "\\":
        at += 1
    if at >= len(pattern):
        _refuse()
    return pattern[at], at + 1


def _refuse() -> NoReturn:
    raise errors.Error(errors.INVALID, "syntax error in pattern")
