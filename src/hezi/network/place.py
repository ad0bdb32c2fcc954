"""What the networks of one engine are called on this machine: several engines do not tread on each other."""

from __future__ import annotations

from hezi._util.record import NamedTuple

_USUAL_ROOT = "/var/lib/hezi"


class Place(NamedTuple):
    """The two directories of an engine."""

    root: str
    runroot: str

    def _suffix(self) -> str:
        import zlib

        return "" if self.root == _USUAL_ROOT else f"{zlib.crc32(self.root.encode()):08x}"

    @property
    def default_bridge(self) -> str:
        """The bridge of the network ``bridge``."""
        suffix = self._suffix()
        return f"hz{suffix}" if suffix else "hezi0"

    @property
    def table(self) -> str:
        """Our one table of nftables."""
        suffix = self._suffix()
        return f"hezi-{suffix}" if suffix else "hezi"

    @property
    def firewall_state(self) -> str:
        """What we last did to it; need not outlive a boot."""
        return f"{self.runroot}/firewall"

    @property
    def namespaces(self) -> str:
        """One file per container, on which its network namespace is mounted."""
        return f"{self.runroot}/netns"

    def namespace(self, container_id: str) -> str:
        """Where the network namespace of a container is."""
        return f"{self.runroot}/netns/{container_id}"
