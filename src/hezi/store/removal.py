"""Removing images: docker's rules for names and conflicts, and what then nothing needs any more.

By a name: the name goes. Was it the last one with a tag in its repository, the repository's digests go too; was it the
last of all, the image goes. By an id: all names go if they are one repository's, otherwise docker wants force.

A container that uses the image: stopped, it is a conflict that force overrides (its layers stay, as they do while any
image needs them); running, nothing overrides it, though a name may be forced off.

Order: one transaction takes the rows, then layers and blobs leave their places, all under the store's lock; the space
is freed after it. A crash in between leaves files without rows, which hezi.store.gc collects.
"""

from __future__ import annotations

from hezi import errors
from hezi.db import containers, images, layers
from hezi.spec.digest import Digest
from hezi.spec.reference import Reference
from hezi.store import lease, manifests, paths
from hezi.store.model import Removed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sqlite3 import Connection

    from hezi.store.model import Image, Store


class _Plan:
    """What the transaction found to be removed."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self.untagged: list[str] = []
        self.layers: list[str] = []
        self.blobs: list[str] = []
        self.deletes = False


def remove(store: Store, text: str, *, force: bool = False) -> Removed:
    """Remove what ``text`` names (see :meth:`hezi.store.images.ImageStore.resolve`).

    :raises hezi.errors.Error: NOT_FOUND; CONFLICT with docker's words.
    """
    driver, content = store.driver, store.content
    detached: list[str] = []
    freed = 0
    with paths.store_lock(store.root, shared=False):
        with store.database.removal() as connection:
            image = store.resolve_in(connection, text)
            plan = _Plan(image)
            _plan_names(connection, plan, text, force=force)
            if plan.deletes:
                _plan_deletion(connection, plan)
            else:
                plan.blobs = manifests.drop_unnamed(connection, content, image.id)
        for value in plan.layers:
            freed += driver.usage(Digest(value))
            detached.append(driver.detach(Digest(value)))
        for value in plan.blobs:
            freed += content.delete(Digest(value))
    for name in detached:
        driver.purge(name)
    driver.sweep()
    store.database.refill_reserve()
    store.write_index()
    deleted = (image.id, *(Digest(value) for value in plan.layers)) if plan.deletes else ()
    return Removed(tuple(plan.untagged), deleted, freed)


def _plan_names(connection: Connection, plan: _Plan, text: str, *, force: bool) -> None:
    image = plan.image
    by_name = _named(image, text)
    names, digests = images.names(connection, image.id), images.digests(connection, image.id)
    users = containers.using_image(connection, image.id)
    if by_name is not None:
        if not force and _is_single(names, digests) and users:
            message = (
                f'conflict: unable to remove repository reference "{text}" (must force) - container'
                f" {users[0].id[:12]} is using its referenced image {image.id.short}"
            )
            raise errors.Error(errors.CONFLICT, message, hint="remove the container first, or use --force")
        _drop_name(connection, plan, by_name)
        if images.names(connection, image.id) or images.digests(connection, image.id):
            return
        if users and _conflict(image, users, force=force) is not None:
            return  # the name is off, the image stays for its containers
        plan.deletes = True
        return
    if not force and not _is_single(names, digests):
        reason = "image is referenced in multiple repositories"
        message = f"conflict: unable to delete {image.id.short} (must be forced) - {reason}"
        raise errors.Error(errors.CONFLICT, message, hint="remove its names one by one, or use --force")
    conflict = _conflict(image, users, force=force)
    if conflict is not None:
        raise conflict
    for row in names:
        _untag(connection, plan, Reference.parse(row.reference))
    for found in digests:
        _undigest(connection, plan, found)
    plan.deletes = True


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


def _drop_name(connection: Connection, plan: _Plan, wanted: Reference) -> None:
    if wanted.digest is not None:
        _undigest(connection, plan, images.DigestRow(wanted.name, wanted.digest, plan.image.id))
        return
    _untag(connection, plan, wanted)
    if any(row.name == wanted.name for row in images.names(connection, plan.image.id)):
        return
    for found in images.digests(connection, plan.image.id):
        if found.name == wanted.name:
            _undigest(connection, plan, found)


def _untag(connection: Connection, plan: _Plan, reference: Reference) -> None:
    images.delete_name(connection, str(reference))
    plan.untagged.append(reference.familiar)


def _undigest(connection: Connection, plan: _Plan, row: images.DigestRow) -> None:
    images.delete_digest(connection, row.name, row.digest)
    plan.untagged.append(Reference.parse(f"{row.name}@{row.digest}").familiar)


def _conflict(image: Image, users: list[containers.ContainerRow], *, force: bool) -> errors.Error | None:
    running = [row for row in users if row.state == containers.RUNNING]
    if running:
        message = (
            f"conflict: unable to delete {image.id.short} (cannot be forced) - image is being used by running"
            f" container {running[0].id[:12]}"
        )
        return errors.Error(errors.CONFLICT, message, hint="stop and remove the container first")
    if users and not force:
        message = (
            f"conflict: unable to delete {image.id.short} (must be forced) - image is being used by stopped"
            f" container {users[0].id[:12]}"
        )
        return errors.Error(errors.CONFLICT, message, hint="remove the container first, or use --force")
    return None


def _plan_deletion(connection: Connection, plan: _Plan) -> None:
    lease.end_dead(connection)
    image_id = plan.image.id
    chain_ids = images.chain_ids(connection, image_id)
    blobs = [row.digest for row in images.blobs(connection, image_id)]
    images.delete(connection, image_id)
    unused = set(layers.unused(connection, chain_ids))
    plan.layers = [value for value in reversed(chain_ids) if value in unused]
    for value in plan.layers:
        layers.delete(connection, value)
    plan.blobs = images.unused_blobs(connection, blobs)
