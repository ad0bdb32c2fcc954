"""An image from wherever it can be had: the mirrors of ``registries.toml`` in their order, then where it belongs.

Each place is a registry of its own, with its own settings, credentials and connections: what one is told the others do
not learn. A mirror that fails, whatever way, is passed over; one that cannot be reached is not asked again. What
arrives is held against the digest by whoever reads it, so a mirror can refuse an image but not replace it; only what a
tag means is the mirror's word, unless ``by-digest-only`` is set.
"""

from __future__ import annotations

from contextlib import ExitStack

from hezi._util.record import NamedTuple, Protocol
from hezi.errors import CANCELLED, TIMEOUT, UNAVAILABLE, Error
from hezi.registry.client import RegistryClient
from hezi.registry.config import Place, places
from hezi.spec.image import ACCEPTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from hezi.spec.digest import Digest
    from hezi.spec.image import Descriptor
    from hezi.spec.reference import Reference

    Answer = TypeVar("Answer")

_UNREACHABLE = frozenset({UNAVAILABLE, TIMEOUT})


class BlobSource(Protocol):
    """The bytes of a blob from ``offset`` on."""

    @property
    def offset(self) -> int:
        """Where the bytes begin."""

    def __iter__(self) -> Iterator[bytes]: ...


class ImageSource(Protocol):
    """What a pull needs of a registry, or of several."""

    def manifest(self, path: str, tag_or_digest: str, accept: tuple[str, ...] = ACCEPTED) -> tuple[str, Digest, bytes]:
        """Fetch a manifest or an index."""

    def blob(self, path: str, descriptor: Descriptor, offset: int = 0) -> BlobSource:
        """Fetch a blob from an offset on."""

    def document(self, path: str, descriptor: Descriptor, limit: int) -> bytes:
        """Fetch a whole small blob, verified."""

    def tags(self, path: str) -> tuple[str, ...]:
        """Return all tags of a repository."""

    def cancel(self) -> None:
        """Make all threads stop."""

    def distrust(self) -> bool:
        """Ask nobody any more but where the image belongs; False when nobody else was asked anyway."""

    def close(self) -> None:
        """Close all connections."""


def open_source(reference: Reference, connect: Callable[[str], RegistryClient] = RegistryClient) -> ImageSource:
    """Return whom to ask for an image.

    :param connect: makes the client of a registry, by its name; for tests.
    :raises Error: the configuration is wrong.
    """
    found = places(reference.domain, reference.path)
    origin = connect(found.origin.domain)
    if not found.mirrors and found.origin.path == reference.path:
        return origin
    mirrors = [_End(connect(place.domain), place) for place in found.mirrors]
    return Mirrored([*mirrors, _End(origin, found.origin)], by_digest_only=found.by_digest_only)


class _End(NamedTuple):
    """One place to ask."""

    client: RegistryClient
    place: Place


class Mirrored:
    """Several places that have the same repository, asked in order; the last is the one where it belongs."""

    def __init__(self, ends: list[_End], *, by_digest_only: bool) -> None:
        self._ends = ends
        self._by_digest_only = by_digest_only
        self._down: set[int] = set()
        self._why: dict[int, str] = {}

    def manifest(self, path: str, tag_or_digest: str, accept: tuple[str, ...] = ACCEPTED) -> tuple[str, Digest, bytes]:
        """See :meth:`hezi.registry.client.RegistryClient.manifest`."""
        only_origin = self._by_digest_only and ":" not in tag_or_digest
        return self._first(lambda end: end.client.manifest(end.place.path, tag_or_digest, accept), only_origin)

    def document(self, path: str, descriptor: Descriptor, limit: int) -> bytes:
        """See :meth:`hezi.registry.client.RegistryClient.document`."""
        return self._first(lambda end: end.client.document(end.place.path, descriptor, limit))

    def tags(self, path: str) -> tuple[str, ...]:
        """See :meth:`hezi.registry.client.RegistryClient.tags`."""
        return self._first(lambda end: end.client.tags(end.place.path), self._by_digest_only)

    def blob(self, path: str, descriptor: Descriptor, offset: int = 0) -> BlobSource:
        """See :meth:`hezi.registry.client.RegistryClient.blob`; one that breaks off for good goes on elsewhere."""
        return _Stream(self, descriptor, offset)

    def blob_of(self, number: int, descriptor: Descriptor, offset: int) -> BlobSource:
        """Open a blob at one place."""
        end = self._ends[number]
        return end.client.blob(end.place.path, descriptor, offset)

    def cancel(self) -> None:
        """See :meth:`hezi.registry.client.RegistryClient.cancel`."""
        for end in self._ends:
            end.client.cancel()

    def close(self) -> None:
        """Close all connections."""
        with ExitStack() as stack:
            for end in self._ends:
                stack.callback(end.client.close)

    def distrust(self) -> bool:
        """A mirror's bytes were not what the digest promises; which one's it was nobody knows any more."""
        self._down.update(range(len(self._ends) - 1))
        return len(self._ends) > 1

    def numbers(self, *, only_origin: bool = False) -> Iterator[int]:
        """Yield whom to ask, in order."""
        last = len(self._ends) - 1
        for number in range(last):
            if not only_origin and number not in self._down:
                yield number
        yield last

    def failed(self, number: int, error: Error) -> None:
        """Note that a place did not help; raise what is no reason to go on, and what the last one says."""
        if error.kind == CANCELLED:
            raise error
        if number == len(self._ends) - 1:
            if self._why:
                tried = "; ".join(f"{self._ends[one].place.domain}: {why}" for one, why in self._why.items())
                error.hint = f"{error.hint}; " if error.hint else ""
                error.hint += f"mirrors were tried before: {tried}"
            raise error
        self._why[number] = error.message
        if error.kind in _UNREACHABLE:
            self._down.add(number)

    def _first(self, ask: Callable[[_End], Answer], only_origin: bool = False) -> Answer:
        for number in self.numbers(only_origin=only_origin):
            try:
                return ask(self._ends[number])
            except Error as error:
                self.failed(number, error)
        raise AssertionError  # the last one answers or raises


class _Stream:
    """A blob from the first place that has it; where that one breaks off for good, the next goes on."""

    def __init__(self, source: Mirrored, descriptor: Descriptor, offset: int) -> None:
        self._source = source
        self._descriptor = descriptor
        self._numbers = source.numbers()
        self._number, self._stream = self._open(offset)
        self.offset = self._stream.offset

    def _open(self, offset: int) -> tuple[int, BlobSource]:
        for number in self._numbers:
            try:
                return number, self._source.blob_of(number, self._descriptor, offset)
            except Error as error:
                self._source.failed(number, error)
        raise AssertionError  # the last one answers or raises

    def __iter__(self) -> Iterator[bytes]:
        position = self.offset
        while True:
            # Of what begins further in front the bytes that were delivered already are dropped.
            again = position - self._stream.offset
            try:
                for chunk in self._stream:
                    if again >= len(chunk):
                        again -= len(chunk)
                        continue
                    data = chunk[again:] if again else chunk
                    again = 0
                    position += len(data)
                    yield data
            except Error as error:
                self._source.failed(self._number, error)
                self._number, self._stream = self._open(position)
                continue
            return
