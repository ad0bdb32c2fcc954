"""Names of images: the grammar of the distribution spec with Docker's normalisation.

    reference       := name [ ":" tag ] [ "@" digest ]
    name            := [ domain "/" ] path-component { "/" path-component }
    domain          := host [ ":" port ]            host is a DNS name, IPv4 address or "[" IPv6 address "]"
    path-component  := alnum { separator alnum }    alnum is [a-z0-9]+, separator is "." | "_" | "__" | "-"+
    tag             := [A-Za-z0-9_] { [A-Za-z0-9_.-] }, at most 128 characters

The first component is a domain if it has a dot, a colon or an upper-case letter, or is ``localhost``; otherwise the
domain is ``docker.io``, where a single component means ``library/``. The messages are docker's, since people search
for them. The parser is by hand: this is on the start path of ``hezi run``, and compiling the pattern costs more than
all the parsing ever will.
"""

from __future__ import annotations

from hezi._util.record import NamedTuple
from hezi.errors import INVALID, Error
from hezi.spec.digest import Digest, shown

DEFAULT_DOMAIN = "docker.io"
LEGACY_DOMAIN = "index.docker.io"
OFFICIAL_PREFIX = "library/"
DEFAULT_TAG = "latest"
MAX_NAME = 255
MAX_TAG = 128

_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_HEX = frozenset("0123456789abcdef")
_ALNUM = _LOWER | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_WORD = _ALNUM | {"_"}
_TAG = _WORD | frozenset(".-")
_HOST = _ALNUM | {"-"}
_IPV6 = frozenset("0123456789abcdefABCDEF:")
_DIGITS = frozenset("0123456789")
_DIGEST_HEX = _DIGITS | frozenset("abcdefABCDEF")


class Reference(NamedTuple):
    """A normalised name: ``busybox`` is ``docker.io`` / ``library/busybox``, with no tag until one is asked for."""

    domain: str
    path: str
    tag: str | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Parse and normalise what a user typed or an image says.

        :raises Error: INVALID, with docker's message.
        """
        if len(text) == 64 and _HEX.issuperset(text):
            message = f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings"
            raise Error(INVALID, message)
        domain, remainder = _split_domain(text)
        remote = remainder.partition(":")[0]
        if remote != remote.lower() and len(remote) <= MAX_NAME:
            raise Error(INVALID, f"invalid reference format: repository name ({shown(remote)}) must be lowercase")
        remainder, at, digest_text = remainder.partition("@")
        path, colon, tag = remainder.partition(":")
        if not (_domain_ok(domain) and _path_ok(path)) or (colon and not _tag_ok(tag)):
            raise _invalid(text)
        if at and not _digest_shape_ok(digest_text):
            raise _invalid(text)
        if len(path) > MAX_NAME:
            raise Error(INVALID, f"repository name must not be more than {MAX_NAME} characters")
        return cls(domain, path, tag if colon else None, Digest.parse(digest_text) if at else None)

    @property
    def name(self) -> str:
        """Domain and path: ``docker.io/library/busybox``."""
        return f"{self.domain}/{self.path}"

    @property
    def familiar_name(self) -> str:
        """The name as a Docker user writes it: ``busybox``, ``user/app``, ``host:5000/app``."""
        if self.domain != DEFAULT_DOMAIN:
            return self.name
        rest = self.path.removeprefix(OFFICIAL_PREFIX)
        # library/a/b must keep its prefix: a/b alone would mean user a
        return self.path if "/" in rest else rest

    @property
    def familiar(self) -> str:
        """The familiar name with tag and digest."""
        return self.familiar_name + self._suffix()

    def with_default_tag(self) -> Reference:
        """Return this reference with ``latest``, unless it has a tag or a digest."""
        return self if self.tag is not None or self.digest is not None else self._replace(tag=DEFAULT_TAG)

    def refuse_ambiguous(self) -> None:
        """Refuse a name to be given that reads as a digest (``sha256:abc``).

        :raises Error: INVALID, with docker's words.
        """
        if self.name == "docker.io/library/sha256":
            raise Error(INVALID, "refusing to create an ambiguous tag using digest algorithm as name")

    def with_tag(self, tag: str) -> Reference:
        """Return the reference with another tag and no digest.

        :raises Error: INVALID, if it is not a tag.
        """
        if not _tag_ok(tag):
            raise Error(INVALID, f"invalid tag: {shown(tag)}: invalid reference format")
        return self._replace(tag=tag, digest=None)

    def with_digest(self, digest: Digest) -> Reference:
        """Return the reference by digest alone."""
        return self._replace(tag=None, digest=digest)

    def _suffix(self) -> str:
        tag = f":{self.tag}" if self.tag is not None else ""
        return f"{tag}@{self.digest}" if self.digest is not None else tag

    def __str__(self) -> str:
        return self.name + self._suffix()


def is_path(text: str) -> bool:
    """Tell whether ``text`` is the path of a repository by the grammar."""
    return len(text) <= MAX_NAME and _path_ok(text)


def is_tag(text: str) -> bool:
    """Tell whether ``text`` is a tag by the grammar; a tag list from a registry may hold anything."""
    return _tag_ok(text)


def _invalid(text: str) -> Error:
    hint = None
    if text.startswith("-"):
        hint = "options come before the image name"
    elif "://" in text:
        hint = "an image name has no scheme: leave out everything up to '://'"
    return Error(INVALID, "invalid reference format", path=shown(text) or "(empty)", hint=hint)


def _split_domain(text: str) -> tuple[str, str]:
    first, slash, rest = text.partition("/")
    if not slash:
        return DEFAULT_DOMAIN, OFFICIAL_PREFIX + text
    if first == "localhost":
        return first, rest
    if first == LEGACY_DOMAIN:
        domain, remainder = DEFAULT_DOMAIN, rest
    elif "." in first or ":" in first or first != first.lower():
        domain, remainder = first, rest
    else:
        domain, remainder = DEFAULT_DOMAIN, text
    if domain == DEFAULT_DOMAIN and "/" not in remainder:
        remainder = OFFICIAL_PREFIX + remainder
    return domain, remainder


def _domain_ok(domain: str) -> bool:
    if len(domain) > MAX_NAME:
        return False
    if domain.startswith("["):
        address, bracket, port = domain[1:].partition("]")
        if not (bracket and address and _IPV6.issuperset(address)):
            return False
        return not port or (port[0] == ":" and _port_ok(port[1:]))
    host, colon, port = domain.partition(":")
    if colon and not _port_ok(port):
        return False
    return all(label and _HOST.issuperset(label) and label[0] != "-" and label[-1] != "-" for label in host.split("."))


def _port_ok(port: str) -> bool:
    return bool(port) and _DIGITS.issuperset(port)


def _path_ok(path: str) -> bool:
    return all(_component_ok(component) for component in path.split("/"))


def _component_ok(component: str) -> bool:
    """Check one path component by walking its separators."""
    if not component or component[0] not in _LOWER or component[-1] not in _LOWER:
        return False
    separator = ""
    for char in component:
        if char in _LOWER:
            if separator and separator not in {".", "_", "__"} and separator.strip("-"):
                return False
            separator = ""
        elif char in "._-":
            separator += char
        else:
            return False
    return True


def _tag_ok(tag: str) -> bool:
    return 0 < len(tag) <= MAX_TAG and tag[0] in _WORD and _TAG.issuperset(tag)


def _digest_shape_ok(text: str) -> bool:
    """Check the grammar's loose form of a digest; what passes gets the exact message from :class:`Digest`."""
    algorithm, colon, hexadecimal = text.partition(":")
    if not colon or len(hexadecimal) < 32 or not _DIGEST_HEX.issuperset(hexadecimal):
        return False
    for separator in "-_+.":
        algorithm = algorithm.replace(separator, "/")
    return all(part and part[0] not in _DIGITS and _ALNUM.issuperset(part) for part in algorithm.split("/"))
