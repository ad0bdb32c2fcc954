"""Platforms: what an image is for, and which of several images is the one to take.

The rules are containerd's (github.com/containerd/platforms: ``Parse``, ``Normalize``, ``Only``), which docker uses:
``x86_64`` is ``amd64``, ``aarch64`` is ``arm64``, ``arm`` means ``arm/v7``; a machine also runs what lower variants of
its architecture run, and as a last resort the 32-bit architecture below it.
"""

from __future__ import annotations

from hezi._util.record import NamedTuple
from hezi.errors import INVALID, Error
from hezi.spec.digest import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol, TypeVar

    class HasPlatform(Protocol):
        """An entry of an index."""

        @property
        def platform(self) -> Platform | None:
            """What the entry is for, if it says."""

    Entry = TypeVar("Entry", bound=HasPlatform)

_ARCHITECTURES = frozenset(
    {
        "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le",
        "riscv64", "s390x", "wasm",
    }
)  # fmt: skip
_SYSTEMS = frozenset({"linux", "windows", "darwin", "freebsd", "wasip1"})
_ALIASES = {
    "i386": ("386", ""),
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
}
_MACHINES = {
    "x86_64": ("amd64", None),
    "i386": ("386", None),
    "i486": ("386", None),
    "i586": ("386", None),
    "i686": ("386", None),
    "aarch64": ("arm64", "v8"),
    "arm64": ("arm64", "v8"),
    "armv8l": ("arm", "v8"),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "armv5tel": ("arm", "v5"),
    "armv5tejl": ("arm", "v5"),
    "ppc64le": ("ppc64le", None),
    "ppc64": ("ppc64", None),
    "s390x": ("s390x", None),
    "riscv64": ("riscv64", None),
    "loongarch64": ("loong64", None),
}
_PART = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-.")


class Platform(NamedTuple):
    """Operating system and processor, in Go's names. ``variant`` is None where there is none."""

    os: str
    architecture: str
    variant: str | None = None
    os_version: str | None = None
    os_features: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str, host: Platform | None = None) -> Platform:
        """Parse ``linux/arm64/v8``, ``linux/amd64``, ``arm64`` or ``linux``.

        :param host: gives the architecture when only the operating system is named.
        :raises Error: INVALID.
        """
        parts = text.lower().split("/")
        if not 1 <= len(parts) <= 3 or not all(part and _PART.issuperset(part) for part in parts):
            message = f"invalid platform: '{shown(text)}': it should look like os/arch or os/arch/variant"
            raise Error(INVALID, message)
        if len(parts) == 1:
            return _parse_single(parts[0], text, host)
        system = "darwin" if parts[0] == "macos" else parts[0]
        if len(parts) == 2:
            architecture, variant = _normalise_architecture(parts[1], "")
            if architecture == "arm" and variant == "v7":
                variant = ""
            return cls(system, architecture, variant or None)
        architecture, variant = _normalise_architecture(parts[1], parts[2])
        if architecture == "arm64" and not variant:
            variant = "v8"
        return cls(system, architecture, variant or None)

    def normalise(self) -> Platform:
        """Return the platform with one spelling for each meaning: ``arm64/v8`` is ``arm64``, ``arm`` is ``arm/v7``."""
        system = self.os.lower()
        architecture, variant = _normalise_architecture(self.architecture.lower(), (self.variant or "").lower())
        return self._replace(
            os="darwin" if system == "macos" else system, architecture=architecture, variant=variant or None
        )

    def matches(self, offered: Platform) -> bool:
        """Tell whether this platform, as a machine, runs images made for ``offered``."""
        return _rank(_runnable(self), offered) is not None

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


def host_platform(machine: str) -> Platform:
    """Return the platform of a Linux machine.

    :param machine: as uname(2) says it: ``x86_64``, ``aarch64``, ``armv7l``.
    """
    architecture, variant = _MACHINES.get(machine, (machine, None))
    return Platform("linux", architecture, variant)


def choose(descriptors: tuple[Entry, ...], wanted: Platform) -> Entry | None:
    """Return the entry that suits ``wanted`` best, or None.

    Equal ones: the first in the index wins. An entry without a platform is taken only if it is the single entry, and
    its image config must then say what it is for.
    """
    runnable = _runnable(wanted)
    best: Entry | None = None
    best_rank = len(runnable)
    for descriptor in descriptors:
        if descriptor.platform is None:
            continue
        rank = _rank(runnable, descriptor.platform)
        if rank is not None and rank < best_rank:
            best, best_rank = descriptor, rank
    if best is None and len(descriptors) == 1 and descriptors[0].platform is None:
        return descriptors[0]
    return best


def _parse_single(part: str, text: str, host: Platform | None) -> Platform:
    if part in {*_SYSTEMS, "macos"}:
        architecture, variant = (host.architecture, host.variant) if host else ("amd64", None)
        return Platform("darwin" if part == "macos" else part, architecture, variant)
    architecture, variant_text = _normalise_architecture(part, "")
    if architecture in _ARCHITECTURES:
        plain = architecture == "arm" and variant_text == "v7"
        return Platform("linux", architecture, None if plain else variant_text or None)
    message = f"invalid platform: '{shown(text)}': unknown operating system or architecture"
    raise Error(INVALID, message, hint="for example linux/amd64, linux/arm64 or linux/arm/v7")


def _normalise_architecture(architecture: str, variant: str) -> tuple[str, str]:
    if architecture in _ALIASES:
        architecture, implied = _ALIASES[architecture]
        variant = implied or variant
    if architecture == "386":
        return architecture, ""
    if architecture == "amd64":
        return architecture, "" if variant == "v1" else variant
    if architecture == "arm64":
        known = {"8": "", "v8": "", "v8.0": "", "9": "v9", "9.0": "v9", "v9.0": "v9"}
        return architecture, known.get(variant, variant)
    if architecture == "arm":
        known = {"": "v7", "7": "v7", "5": "v5", "6": "v6", "8": "v8"}
        return architecture, known.get(variant, variant)
    return architecture, variant


def _runnable(machine: Platform) -> list[Platform]:
    """Return what ``machine`` runs, best first."""
    top = machine.normalise()
    result = [top]
    if top.architecture == "amd64":
        level = _level(top.variant)
        result += [top._replace(variant=f"v{lower}") for lower in range(level - 1, 1, -1)]
        if level > 1:
            result.append(top._replace(variant=None))
        result.append(top._replace(architecture="386", variant=None))
    elif top.architecture == "arm":
        result += [top._replace(variant=f"v{lower}") for lower in range(_level(top.variant) - 1, 4, -1)]
    elif top.architecture == "arm64":
        if top.variant:
            result.append(top._replace(variant=None))
        result += [top._replace(architecture="arm", variant=f"v{lower}") for lower in range(8, 4, -1)]
    return result


def _level(variant: str | None) -> int:
    digits = (variant or "").removeprefix("v")
    return int(digits) if digits in {"1", "2", "3", "4", "5", "6", "7", "8", "9"} else 0


def _rank(runnable: list[Platform], offered: Platform) -> int | None:
    one = offered.normalise()
    for rank, platform in enumerate(runnable):
        if (platform.os, platform.architecture, platform.variant) == (one.os, one.architecture, one.variant):
            return rank
    return None
