"""Content digests, valid by construction.

A digest from an image or a registry becomes part of file names and URLs. The type is therefore the check: there is no
way to hold a :class:`Digest` whose text is anything but a known algorithm, a colon and lower-case hex of the right
length (OCI image-spec, descriptor.md, "Digests").
"""

from __future__ import annotations

from hezi.errors import INVALID, Error

HEX_LENGTH = {"sha256": 64, "sha512": 128}
_HEX = frozenset("0123456789abcdef")
# What an error message repeats of a text that may be a megabyte of somebody's malice.
_SHOWN = 160


class Digest(str):
    """``sha256:<64 hex>`` or ``sha512:<128 hex>``; compares and hashes as the string it is."""

    __slots__ = ()

    def __new__(cls, text: str) -> Digest:
        """Check ``text`` and return it as a digest.

        :raises Error: INVALID, with docker's wording for each of the ways to be wrong.
        """
        if type(text) is cls:
            return text
        algorithm, colon, hexadecimal = text.partition(":")
        if not colon or not algorithm:
            raise Error(INVALID, f"invalid digest: {shown(text)}: invalid checksum digest format")
        length = HEX_LENGTH.get(algorithm)
        if length is None:
            raise Error(INVALID, f"invalid digest: {shown(text)}: unsupported digest algorithm")
        if len(hexadecimal) != length:
            raise Error(INVALID, f"invalid digest: {shown(text)}: invalid checksum digest length")
        if not _HEX.issuperset(hexadecimal):
            raise Error(INVALID, f"invalid digest: {shown(text)}: invalid checksum digest format")
        return super().__new__(cls, text)

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Check ``text`` and return it as a digest.

        :raises Error: INVALID.
        """
        return cls(text)

    @classmethod
    def of(cls, data: bytes, algorithm: str = "sha256") -> Digest:
        """Compute the digest of ``data``."""
        hasher = new_hash(algorithm)
        hasher.update(data)
        return cls(f"{algorithm}:{hasher.hexdigest()}")

    @property
    def algorithm(self) -> str:
        """``sha256`` or ``sha512``."""
        return self.partition(":")[0]

    @property
    def hex(self) -> str:
        """The part after the colon: safe as a file name."""
        return self.partition(":")[2]

    @property
    def short(self) -> str:
        """The first 12 hex digits, as people see them in tables."""
        return self.hex[:12]

    def hasher(self) -> Hash:
        """Return a fresh hash object of this digest's algorithm."""
        return new_hash(self.algorithm)


TYPE_CHECKING = False
if TYPE_CHECKING:
    from hashlib import _Hash as Hash


def new_hash(algorithm: str) -> Hash:
    """Return a fresh hash object; ``usedforsecurity`` stays true, these digests are the security."""
    import hashlib  # on the pull path only: it loads OpenSSL

    return hashlib.sha512() if algorithm == "sha512" else hashlib.sha256()


def shown(text: str) -> str:
    """Return ``text`` shortened and without control characters, for an error message."""
    visible = text[:_SHOWN].encode("unicode_escape").decode("ascii")
    return visible if len(text) <= _SHOWN else f"{visible}... ({len(text)} characters)"
