"""Moving images: what :class:`hezi.engine.engine.Images` has of it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hezi.engine.moving.manifests import Referrer
    from hezi.engine.moving.results import LoadedImage, PushedImage
    from hezi.engine.moving.steps import Steps
    from hezi.engine.paths import Paths
    from hezi.engine.results import ProgressCallback, PulledImage


class Moving:
    """Images between the store and archives or registries."""

    _paths: Paths

    def save(
        self,
        names: str | Sequence[str],
        *,
        format: str = "docker-archive",  # noqa: A002 - the name of the option
        platform: str | None = None,
        uncompressed: bool = False,
    ) -> Iterator[bytes]:
        """Give one or more images as a tar archive, in pieces.

        The archive is an OCI image layout; with ``docker-archive`` it also has docker's ``manifest.json``, and docker,
        podman, skopeo and hezi load it. Manifests keep their digests.

        :param names: names, ids or digests; a name without a tag means all tags of its repository.
        :param format: ``docker-archive`` or ``oci-archive``.
        :param platform: only the image for this platform, where the store has several.
        :param uncompressed: layers as plain tars, for readers that do not know how they are packed.
        :raises hezi.Error: no such image (``not-found``), ...
        """
        from hezi.engine.moving import save

        wanted = (names,) if isinstance(names, str) else tuple(names)
        return save.save(self._paths, wanted, format=format, platform=platform, uncompressed=uncompressed)

    def load(
        self, source: str | int, *, platform: str | None = None, progress: ProgressCallback | None = None
    ) -> tuple[LoadedImage, ...]:
        """Bring the images of an archive into the store: docker's or OCI's, plain or packed by gzip, zstd, xz, bzip2.

        :param source: a path, or a descriptor to read from.
        :param platform: which image to take of several; default is all, and the name means this machine's.
        :param progress: called with :class:`hezi.engine.results.Progress`.
        :raises hezi.Error: ``corrupt``: the archive is not what it says; ``invalid``: it is none; ...
        """
        from hezi.engine.moving import load

        return load.load(self._paths, source, platform=platform, progress=progress)

    def import_image(
        self,
        source: str | int,
        name: str = "",
        *,
        changes: Sequence[str] = (),
        message: str = "",
        platform: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> str:
        """Make an image of a root directory's tar archive and return its id.

        :param source: a path, a URL (https, or http on this machine), or a descriptor to read from.
        :param name: ``NAME[:TAG]``; empty for an image without a name.
        :param changes: Dockerfile instructions for its configuration, as ``import --change``.
        :param message: for its history.
        :param platform: what the image is for; default is this machine's.
        :raises hezi.Error: the archive cannot be read or is none, a change is wrong, ...
        """
        from hezi.engine.moving import importing

        options = importing.ImportOptions(name, tuple(changes), message, platform)
        return importing.import_image(self._paths, source, options, progress)

    def push(self, name: str, *, platform: str | None = None, progress: ProgressCallback | None = None) -> PushedImage:
        """Bring an image into its registry; what is there already is not sent, an interrupted upload goes on.

        Of an index all images that are here are pushed, and it keeps its digest if the registry has the others.

        :param name: ``[REGISTRY[:PORT]/]NAME[:TAG]``, a name that the image has.
        :param platform: only the image for this platform, where the store has several.
        :param progress: called with :class:`hezi.engine.results.Progress`, from any thread but never twice at once.
        :raises hezi.Error: there is no such name (``not-found``), unauthorized, unavailable, exhausted, ...
        """
        from hezi.engine.moving import push

        return push.push(self._paths, name, platform=platform, progress=progress)

    def push_all(
        self, name: str, *, platform: str | None = None, progress: ProgressCallback | None = None
    ) -> tuple[PushedImage, ...]:
        """Bring all names of a repository into its registry (``push --all-tags``); otherwise as :meth:`push`."""
        from hezi.engine.moving import push

        return push.push_all(self._paths, name, platform=platform, progress=progress)

    def referrers(self, name: str) -> tuple[Referrer, ...]:
        """Return what a registry has that names an image as its subject: signatures, bills of materials, ...

        :param name: of an image that was pulled or pushed.
        :raises hezi.Error: no such image, or no registry is known to have it (``not-found``), unavailable, ...
        """
        from hezi.engine.moving import manifests

        return manifests.referrers(self._paths, name)

    def pulling(self, name: str, *, platform: str | None = None) -> Steps[PulledImage]:
        """As ``pull``, as an iterator of its steps: :class:`hezi.engine.moving.steps.Steps`."""
        from hezi.engine import pull
        from hezi.engine.moving.steps import Steps

        return Steps(lambda progress: pull.pull(self._paths, name, platform=platform, progress=progress))

    def pushing(self, name: str, *, platform: str | None = None) -> Steps[PushedImage]:
        """As :meth:`push`, as an iterator of its steps."""
        from hezi.engine.moving.steps import Steps

        return Steps(lambda progress: self.push(name, platform=platform, progress=progress))

    def loading(self, source: str | int, *, platform: str | None = None) -> Steps[tuple[LoadedImage, ...]]:
        """As :meth:`load`, as an iterator of its steps."""
        from hezi.engine.moving.steps import Steps

        return Steps(lambda progress: self.load(source, platform=platform, progress=progress))
