"""What the engine's calls give back: plain immutable values."""

from __future__ import annotations

from hezi._util.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class RunResult(NamedTuple):
    """The end of a program that ran in a box.

    ``exit_code`` is the program's own, 128+n when signal n ended it, 126 or 127 when it could not be executed or found.
    """

    exit_code: int
    stdout: bytes = b""
    stderr: bytes = b""
    container_id: str = ""

    @property
    def ok(self) -> bool:
        """Whether the exit code is 0."""
        return self.exit_code == 0

    @property
    def text(self) -> str:
        """Standard output as text (UTF-8, undecodable bytes replaced)."""
        return self.stdout.decode("utf-8", "replace")

    @property
    def error_text(self) -> str:
        """Standard error as text (UTF-8, undecodable bytes replaced)."""
        return self.stderr.decode("utf-8", "replace")


class ExecResult(NamedTuple):
    """The end of a program that ran in a container beside others; see :class:`RunResult` for the exit code."""

    exit_code: int
    stdout: bytes = b""
    stderr: bytes = b""

    @property
    def ok(self) -> bool:
        """Whether the exit code is 0."""
        return self.exit_code == 0

    @property
    def text(self) -> str:
        """Standard output as text (UTF-8, undecodable bytes replaced)."""
        return self.stdout.decode("utf-8", "replace")


class Progress(NamedTuple):
    """A step of a pull, in docker's words.

    :param id: the layer's first 12 digits; the tag or empty for a line about the whole.
    :param status: ``Pulling fs layer``, ``Waiting``, ``Downloading``, ``Verifying Checksum``, ``Download complete``,
        ``Extracting``, ``Pull complete``, ``Already exists``, ``Retrying``.
    :param current: bytes done, for ``Downloading`` and ``Extracting``.
    :param total: bytes to do, 0 when unknown.
    """

    id: str
    status: str
    current: int = 0
    total: int = 0


class PulledImage(NamedTuple):
    """One image that a pull brought, or found up to date.

    :param name: as people write it (``busybox:latest``).
    :param digest: of the manifest or index that the registry answered with.
    :param image_id: digest of the image's configuration.
    :param new: False when the store had exactly this already.
    """

    name: str
    reference: str
    digest: str
    image_id: str
    new: bool

    @property
    def status(self) -> str:
        """Docker's last line: ``Status: Downloaded newer image for busybox:latest``."""
        if self.new:
            return f"Status: Downloaded newer image for {self.name}"
        return f"Status: Image is up to date for {self.name}"


class ImageSummary(NamedTuple):
    """A row of ``hezi images``: one name of one image.

    :param repository: familiar name, ``<none>`` when the image has none.
    :param tag: tag, ``<none>`` when the image has none.
    :param digest: of the manifest or index it was pulled by, empty when not known.
    :param image_id: ``sha256:...`` of the configuration.
    :param created: nanoseconds since the epoch, 0 when the image does not say.
    :param size: bytes of all layers unpacked.
    :param last_used: nanoseconds since the epoch: when it was pulled, or a container was last made of it.
    :param extra: a further digest of a repository that has a row already; lists show it with their digests only.
    """

    repository: str
    tag: str
    digest: str
    image_id: str
    created: int
    size: int
    last_used: int = 0
    extra: bool = False


class RemovedImages(NamedTuple):
    """What ``rmi`` did to one image, in docker's order: names first, then what was deleted.

    :param freed: bytes of blobs and unpacked layers.
    :param id: of the image that the names were of.
    """

    untagged: tuple[str, ...]
    deleted: tuple[str, ...]
    freed: int = 0
    id: str = ""


class PrunedImages(NamedTuple):
    """What ``image prune`` removed, image by image, or would remove.

    :param freed: bytes on the disk, with what was left of broken-off pulls.
    """

    images: tuple[RemovedImages, ...]
    freed: int


class Version(NamedTuple):
    """What ``hezi version`` shows."""

    version: str
    python: str
    kernel: str
    os: str
    architecture: str


if TYPE_CHECKING:
    ProgressCallback = Callable[[Progress], None]
    NoticeCallback = Callable[[str], None]
