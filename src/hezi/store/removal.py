"""Removing images: docker's rules for names and conflicts, and what then nothing needs any more.

By a name: the name goes. Was it the last one with a tag in its repository, the repository's digests go too; was it the
last of all, the image goes. By an id: all names go if they are one repository's, otherwise docker wants force. With an
image go those that it was made from, as far as they have no names and nobody uses them.

A container that uses the image: stopped, it is a conflict that force overrides (its layers stay, as they do while any
image needs them); running, nothing overrides it, though a name may be forced off. So it is with images made from it.

A name may have images for several platforms (hezi.store.platforms). What stood beside it goes with it, as far as
nothing else has it; of one platform alone is removed what was asked for, and the name means one that is left.

Order: one transaction takes the rows, then layers and blobs leave their places, all under the store's lock; the space
is freed after it. A crash in between leaves files without rows, which hezi.store.gc collects.
"""

from __future__ import annotations

from hezi import errors
from hezi.db import containers, images, layers
from hezi.db import platforms as beside
from hezi.spec.digest import Digest
from hezi.spec.reference import Reference
from hezi.store import lease, manifests, paths, platforms
from hezi.store.model import Removed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from sqlite3 import Connection

    from hezi.db.containers import ContainerRow
    from hezi.spec.platform import Platform
    from hezi.store.model import Image, Store


class _DryRun(Exception):
    """Leaves the transaction without its changes."""


def remove(
    store: Store,
    text: str,
    *,
    force: bool = False,
    parents: bool = True,
    platform: Platform | None = None,
) -> Removed:
    """Remove what ``text`` names (see :meth:`hezi.store.images.ImageStore.resolve`).

    :param parents: remove nameless images that it was made from, too.
    :param platform: only the image for this one, where the name has several; it must have it in any case.
    :raises hezi.errors.Error: NOT_FOUND; CONFLICT with docker's words.
    """
    found: list[Removed] = []

    def work(plan: Plan) -> None:
        image = store.resolve_in(plan.connection, text)
        if platform is not None:
            found.append(plan.remove_platform(image, text, platform, force=force, parents=parents))
        else:
            found.append(plan.remove(image, text, force=force, parents=parents))

    transact(store, work)
    return found[0]


def transact(store: Store, work: Callable[[Plan], None], *, dry_run: bool = False) -> None:
    """Let ``work`` remove any number of images in one transaction, and then free the space.

    :param dry_run: find out what would go, and change nothing.
    """
    driver, content = store.driver, store.content
    detached: list[str] = []
    with paths.store_lock(store.root, shared=False):
        try:
            with store.database.removal() as connection:
                left = lease.end_dead(connection)
                plan = Plan(store, connection)
                plan.layers += left.layers
                plan.blobs += left.blobs
                work(plan)
                _leave(dry_run)
        except _DryRun:
            return
        detached += [driver.detach(Digest(value)) for value in plan.layers]
        for value in plan.blobs:
            content.delete(Digest(value))
    # Before the files go: afterwards its fsync would wait until the file system has written down all of that.
    written = _written(store)
    for name in detached:
        driver.purge(name)
    driver.sweep()
    if not written:
        store.write_index()


def _written(store: Store) -> bool:
    try:
        store.write_index()
    except errors.Error:
        return False  # the disk is full: there will be room in a moment
    return True


def _leave(dry_run: bool) -> None:
    if dry_run:
        raise _DryRun


class Plan:
    """What one transaction removes: names and rows at once, ``layers`` and ``blobs`` after it."""

    __slots__ = ("_store", "blobs", "connection", "layers")

    def __init__(self, store: Store, connection: Connection) -> None:
        self._store = store
        self.connection = connection
        self.layers: list[str] = []
        self.blobs: list[str] = []

    def remove(self, image: Image, text: str, *, force: bool, parents: bool) -> Removed:
        """Remove a name of an image, or the whole image when ``text`` is its id.

        :raises hezi.errors.Error: CONFLICT with docker's words.
        """
        one = _One(self._store, self.connection, image)
        name = _named(image, text)
        if name is None:
            one.by_id(force=force)
        else:
            one.by_name(name, text, force=force)
        return self._finish(one, parents=parents)

    def remove_platform(self, image: Image, text: str, wanted: Platform, *, force: bool, parents: bool) -> Removed:
        """Remove what an image has for one platform; when that is all there is, the whole image.

        :raises hezi.errors.Error: NOT_FOUND: nothing is for this platform; CONFLICT.
        """
        connection = self.connection
        found = platforms.find_for(connection, image, wanted, text)
        if found is None:
            raise no_platform(image, text, wanted)
        if found.id != image.id:
            one = _One(self._store, connection, found)
            one.by_id(force=force)
            return self._finish(one, parents=parents)
        if not platforms.beside(connection, image, text):
            return self.remove(image, text, force=force, parents=parents)
        one = _One(self._store, connection, image)
        one.give_way(force=force)
        return self._finish(one, parents=parents)

    def remove_unused(self, image: Image, *, parents: bool = True) -> Removed | None:
        """Remove all names of an image and itself, as prune does; None when a container has it.

        One that others were made from loses its names and goes with the last of them.
        """
        one = _One(self._store, self.connection, image)
        if one.users(image.names):
            return None
        one.untag_all()
        one.deletes = not images.has_children(self.connection, image.id)
        if not (one.untagged or one.deletes):
            return None
        return self._finish(one, parents=parents)

    def _finish(self, one: _One, *, parents: bool) -> Removed:
        if one.deletes:
            one.delete()
            if parents:
                one.delete_parents()
        else:
            one.drop_manifests()
        one.delete_beside()
        self.layers += one.layers
        self.blobs += one.blobs
        return Removed(tuple(one.untagged), tuple(one.deleted), one.freed, one.id)


class _One:
    """The removal of one image, or of a name of it."""

    __slots__ = (
        "_beside",
        "_connection",
        "_image",
        "_store",
        "blobs",
        "deleted",
        "deletes",
        "freed",
        "layers",
        "untagged",
    )  # fmt: skip

    def __init__(self, store: Store, connection: Connection, image: Image) -> None:
        self._store = store
        self._connection = connection
        self._image = image
        self._beside: dict[str, None] = {}
        self.untagged: list[str] = []
        self.deleted: list[Digest] = []
        self.layers: list[str] = []
        self.blobs: list[str] = []
        self.deletes = False
        self.freed = 0

    @property
    def id(self) -> str:
        """The image's."""
        return str(self._image.id)

    def by_name(self, name: Reference, text: str, *, force: bool) -> None:
        image, connection = self._image, self._connection
        users = self.users((str(name),) if name.digest is None else ())
        if not force and _is_single(*self._references()) and users:
            message = (
                f'conflict: unable to remove repository reference "{text}" (must force) - container'
                f" {users[0].id[:12]} is using its referenced image {image.id.short}"
            )
            raise errors.Error(errors.CONFLICT, message, hint="remove the container first, or use --force")
        self._drop_name(name)
        if any(self._references()):
            return
        users = containers.using_image(connection, image.id)
        conflict = _conflict(connection, image, users, force=force)
        if conflict is None:
            self.deletes = True
        elif not users and not images.has_children(connection, image.id):
            raise conflict

    def by_id(self, *, force: bool) -> None:
        if not force and not _is_single(*self._references()):
            reason = "image is referenced in multiple repositories"
            message = f"conflict: unable to delete {self._image.id.short} (must be forced) - {reason}"
            conflict: errors.Error | None = errors.Error(
                errors.CONFLICT, message, hint="remove its names one by one, or use --force"
            )
        else:
            conflict = _conflict(self._connection, self._image, self.users(self._image.names), force=force)
        if conflict is not None:
            raise conflict
        self.untag_all()
        self.deletes = True

    def users(self, names: Iterable[str]) -> list[ContainerRow]:
        """The containers that have the image, or one that stands beside it under one of its names."""
        ids = dict.fromkeys([str(self._image.id)])
        for name in names:
            ids.update((row.image_id, None) for row in beside.of_name(self._connection, name))
        return [row for image_id in ids for row in containers.using_image(self._connection, image_id)]

    def give_way(self, *, force: bool) -> None:
        """Let all names mean another of their images, and delete this one.

        :raises hezi.errors.Error: CONFLICT: a name has no other, or a container has the image.
        """
        connection, image = self._connection, self._image
        users = containers.using_image(connection, image.id)
        conflict = _conflict(connection, image, users, force=force)
        if conflict is not None:
            raise conflict
        for row in images.names(connection, image.id):
            others = [(one.image_id, one.manifest_digest) for one in beside.of_name(connection, row.reference)]
            if others:
                platforms.promote(connection, row, others)
        left, _ = self._references()
        if left and not force:
            reason = f"image is referenced by {left[0].reference}"
            message = f"conflict: unable to delete {image.id.short} (must be forced) - {reason}"
            raise errors.Error(errors.CONFLICT, message, hint="remove that name first, or use --force")
        self.untag_all()
        self.deletes = True

    def _references(self) -> tuple[list[images.NameRow], list[images.DigestRow]]:
        image_id = self._image.id
        return images.names(self._connection, image_id), images.digests(self._connection, image_id)

    def untag_all(self) -> None:
        """Take all names, in the order of their full spelling, as docker's store has them."""
        names, digests = self._references()
        for reference in sorted([*(row.reference for row in names), *(f"{row.name}@{row.digest}" for row in digests)]):
            self._drop(Reference.parse(reference))

    def _drop_name(self, wanted: Reference) -> None:
        self._drop(wanted)
        names, digests = self._references()
        if wanted.digest or any(row.name == wanted.name for row in names):
            return
        for row in digests:
            if row.name == wanted.name:
                self._drop(Reference.parse(f"{row.name}@{row.digest}"))

    def _drop(self, reference: Reference) -> None:
        if reference.digest is not None:
            images.delete_digest(self._connection, reference.name, reference.digest)
        else:
            self._beside.update((row.image_id, None) for row in beside.of_name(self._connection, str(reference)))
            images.delete_name(self._connection, str(reference))
        self.untagged.append(reference.familiar)

    def delete(self) -> None:
        self._delete(self._image.id)

    def delete_beside(self) -> None:
        """Remove what stood beside the names that went, as far as nothing else has it."""
        for image_id in self._beside:
            if images.get(self._connection, image_id) is not None and not self._needed(image_id):
                self._delete(image_id)

    def _needed(self, image_id: str) -> bool:
        connection = self._connection
        return any(
            (
                images.names(connection, image_id),
                images.digests(connection, image_id),
                beside.of_image(connection, image_id),
                images.has_children(connection, image_id),
                containers.using_image(connection, image_id),
            )
        )

    def delete_parents(self) -> None:
        """Remove what the image was made from as far as nothing has it: no name, no container, no other image."""
        parent = self._image.parent
        while parent:
            row = images.get(self._connection, parent)
            if row is None or self._needed(parent):
                return
            self._delete(parent)
            parent = row.parent

    def _delete(self, image_id: str) -> None:
        connection = self._connection
        chain_ids = images.chain_ids(connection, image_id)
        sizes = {row.digest: row.size for row in images.blobs(connection, image_id)}
        images.delete(connection, image_id)
        unused = set(layers.unused(connection, chain_ids))
        gone = [value for value in reversed(chain_ids) if value in unused]
        for value in gone:
            row = layers.get(connection, value)
            self.freed += row.size if row else 0
            layers.delete(connection, value)
        self.layers += gone
        self.deleted += [Digest(image_id), *(Digest(value) for value in gone)]
        self._drop_blobs(images.unused_blobs(connection, list(sizes)), sizes)

    def drop_manifests(self) -> None:
        """The image stays; the manifests that no name of it has any more do not."""
        sizes = {row.digest: row.size for row in images.blobs(self._connection, self._image.id)}
        self._drop_blobs(manifests.drop_unnamed(self._connection, self._store.content, self._image.id), sizes)

    def _drop_blobs(self, gone: list[str], sizes: dict[str, int]) -> None:
        self.blobs += gone
        self.freed += sum(sizes[digest] for digest in gone)


def no_platform(image: Image, text: str, wanted: Platform) -> errors.Error:
    """Return docker's error for a platform that a name has nothing for."""
    message = f"image with reference {text} was found but does not provide the specified platform ({wanted})"
    return errors.Error(errors.NOT_FOUND, message, hint=f"it is for {platforms.of(image)}")


def _named(image: Image, text: str) -> Reference | None:
    """The reference when ``text`` is one of the image's names; None when it is its id."""
    try:
        wanted = Reference.parse(text).with_default_tag()
    except errors.Error:
        return None
    if wanted.digest is not None:
        return wanted if (wanted.name, wanted.digest) in image.digests else None
    return wanted if str(wanted) in image.names else None


def _is_single(names: list[images.NameRow], digests: list[images.DigestRow]) -> bool:
    """Docker's isSingleReference: one reference, or one tag and digests of the same repository only."""
    if len(names) + len(digests) <= 1:
        return True
    repositories = {row.name for row in digests}
    if len(names) > 1 or len(repositories) != 1:
        return False
    return not names or names[0].name in repositories


def _conflict(connection: Connection, image: Image, users: list[ContainerRow], *, force: bool) -> errors.Error | None:
    """What stands against deleting an image, in docker's order."""
    running = [row for row in users if row.state not in {containers.CREATED, containers.EXITED}]
    short = image.id.short
    if images.has_children(connection, image.id):
        message = f"conflict: unable to delete {short} (cannot be forced) - image has dependent child images"
        return errors.Error(errors.CONFLICT, message, hint="remove the images made from it first")
    if running:
        message = (
            f"conflict: unable to delete {short} (cannot be forced) - image is being used by running container"
            f" {running[0].id[:12]}"
        )
        return errors.Error(errors.CONFLICT, message, hint="stop and remove the container first")
    if users and not force:
        message = (
            f"conflict: unable to delete {short} (must be forced) - image is being used by stopped container"
            f" {users[0].id[:12]}"
        )
        return errors.Error(errors.CONFLICT, message, hint="remove the container first, or use --force")
    return None
