"""The tables ``images``, ``names``, ``digests``, ``image_layers`` and ``image_blobs``."""

from __future__ import annotations

from hezi._util.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from sqlite3 import Connection

_SUMMARY = "id, manifest_digest, os, architecture, variant, created_ns, pulled_ns, last_used_ns, size, labels, parent"
_DIGEST = "name, digest, image_id, manifest_digest"
_NAME = "reference, name, tag, image_id, updated_ns, manifest_digest, digest"


class ImageRow(NamedTuple):
    """What lists show of an image. Times in nanoseconds since the epoch; size in bytes, unpacked; labels as JSON.

    ``manifest_digest`` is the last one it came with; each name has its own. ``parent`` is the id of the image that this
    one was made from (commit, build), empty when it was pulled or loaded.
    """

    id: str
    manifest_digest: str
    os: str
    architecture: str
    variant: str
    created_ns: int
    pulled_ns: int
    last_used_ns: int
    size: int
    labels: str
    parent: str = ""


class NameRow(NamedTuple):
    """A name of an image: ``docker.io/library/busybox:latest`` is name and tag.

    ``manifest_digest`` is the manifest that this name came with: the same image may be compressed otherwise under
    another. ``digest`` is what the registry has it under, an index or that manifest; empty when no registry does.
    """

    reference: str
    name: str
    tag: str
    image_id: str
    updated_ns: int
    manifest_digest: str = ""
    digest: str = ""


class DigestRow(NamedTuple):
    """A digest under which a registry's repository has the image: that of an index, or ``manifest_digest`` itself."""

    name: str
    digest: str
    image_id: str
    manifest_digest: str = ""


class BlobRow(NamedTuple):
    """A blob that an image needs."""

    digest: str
    size: int
    media_type: str


def insert(
    connection: Connection, row: ImageRow, config: bytes, chain_ids: Sequence[str], blobs: Sequence[BlobRow]
) -> None:
    """Add an image, or the blobs of one more manifest of the same image; its layers have their rows already."""
    marks = ",".join("?" * (len(row) + 1))
    connection.execute(
        f"INSERT INTO images ({_SUMMARY}, config) VALUES ({marks}) ON CONFLICT(id) DO UPDATE SET"  # noqa: S608 - no input in it
        " manifest_digest=excluded.manifest_digest, pulled_ns=excluded.pulled_ns,"
        " parent=iif(excluded.parent='', parent, excluded.parent)",
        (*row, config),
    )
    connection.executemany(
        "INSERT OR IGNORE INTO image_layers VALUES (?,?,?)",
        [(row.id, position, chain_id) for position, chain_id in enumerate(chain_ids)],
    )
    connection.executemany("INSERT OR IGNORE INTO image_blobs VALUES (?,?,?,?)", [(row.id, *blob) for blob in blobs])


def get(connection: Connection, image_id: str) -> ImageRow | None:
    """Return the image with exactly this id."""
    row = connection.execute(f"SELECT {_SUMMARY} FROM images WHERE id=?", (image_id,)).fetchone()  # noqa: S608 - no input in it
    return ImageRow(*row) if row else None


def config(connection: Connection, image_id: str) -> bytes | None:
    """Return the config document of an image as it was pulled."""
    row = connection.execute("SELECT config FROM images WHERE id=?", (image_id,)).fetchone()
    return bytes(row[0]) if row else None


def list_all(connection: Connection) -> list[ImageRow]:
    """Return all images, newest first."""
    query = f"SELECT {_SUMMARY} FROM images ORDER BY created_ns DESC, id"  # noqa: S608 - no input in it
    return [ImageRow(*row) for row in connection.execute(query)]


def listed(connection: Connection) -> list[tuple[str, int, int, str, int]]:
    """Return (id, created_ns, size, parent, last_used_ns) of all images, newest first.

    Plain tuples of what is needed: this is what listing a thousand images spends its time on.
    """
    query = "SELECT id, created_ns, size, parent, last_used_ns FROM images ORDER BY created_ns DESC, id"
    return connection.execute(query).fetchall()


def table(connection: Connection) -> list[tuple[str, str, str, int, int]]:
    """Return (id, name, tag, created_ns, size) for each name, newest image first; one without names has ''.

    Read from two indexes and nothing else. Both are named, as it is their order in which names come: to have SQLite
    sort them once more would be a fifth of the time.
    """
    query = (
        "SELECT i.id, IFNULL(n.name, ''), n.tag, i.created_ns, i.size FROM images i INDEXED BY images_listed"
        " LEFT JOIN names n INDEXED BY names_by_image ON n.image_id=i.id ORDER BY i.created_ns DESC, i.id"
    )
    return connection.execute(query).fetchall()


def untagged(connection: Connection) -> bool:
    """Say whether an image is known by a digest in a repository in which it has no tag."""
    query = (
        "SELECT 1 FROM digests d WHERE NOT EXISTS"
        " (SELECT 1 FROM names n WHERE n.image_id=d.image_id AND n.name=d.name) LIMIT 1"
    )
    return connection.execute(query).fetchone() is not None


def labels(connection: Connection) -> dict[str, str]:
    """Return the labels of all images, as JSON objects, by id."""
    return dict(connection.execute("SELECT id, labels FROM images").fetchall())


def listed_names(connection: Connection) -> list[tuple[str, str, str, str]]:
    """Return (image id, name, tag, registry's digest) of all names, sorted by their full spelling."""
    return connection.execute("SELECT image_id, name, tag, digest FROM names ORDER BY reference").fetchall()


def listed_digests(connection: Connection, *, all_of_them: bool = False) -> list[tuple[str, str, str]]:
    """Return (image id, name, digest) of the repository digests, sorted; only those that no tag has, or all of them."""
    query = "SELECT image_id, name, digest FROM digests ORDER BY name, digest"
    if not all_of_them:
        query = (
            "SELECT image_id, name, digest FROM digests d WHERE NOT EXISTS (SELECT 1 FROM names n"
            " WHERE n.image_id=d.image_id AND n.name=d.name AND n.digest=d.digest) ORDER BY name, digest"
        )
    return connection.execute(query).fetchall()


def by_prefix(connection: Connection, prefix: str, limit: int = 2) -> list[str]:
    """Return up to ``limit`` ids that begin with ``prefix`` (``sha256:`` and hex digits, checked by the caller)."""
    query = "SELECT id FROM images WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"
    return [row[0] for row in connection.execute(query, (prefix, prefix + "~", limit))]


def delete(connection: Connection, image_id: str) -> None:
    """Remove an image without names, with its digests and what it needs; its children lose their parent."""
    connection.execute("DELETE FROM images WHERE id=?", (image_id,))
    connection.execute("UPDATE images SET parent='' WHERE parent=?", (image_id,))


def has_children(connection: Connection, image_id: str) -> bool:
    """Say whether an image was made from this one."""
    return connection.execute("SELECT 1 FROM images WHERE parent=? LIMIT 1", (image_id,)).fetchone() is not None


def touch(connection: Connection, image_id: str, now_ns: int) -> None:
    """Record that the image was used."""
    connection.execute("UPDATE images SET last_used_ns=? WHERE id=?", (now_ns, image_id))


def touch_of(connection: Connection, container_id: str, now_ns: int) -> None:
    """Record that the image of a container, if it is still there, was used."""
    query = "UPDATE images SET last_used_ns=? WHERE id=(SELECT image_id FROM containers WHERE id=?)"
    connection.execute(query, (now_ns, container_id))


def set_name(connection: Connection, row: NameRow) -> None:
    """Point a name to an image, whatever it pointed to before."""
    # No REPLACE: that would take the row away first, and with it what stands beside it for other platforms.
    connection.execute(
        f"INSERT INTO names ({_NAME}) VALUES (?,?,?,?,?,?,?) ON CONFLICT(reference) DO UPDATE SET"  # noqa: S608 - no input in it
        " image_id=excluded.image_id, updated_ns=excluded.updated_ns,"
        " manifest_digest=excluded.manifest_digest, digest=excluded.digest",
        row,
    )


def name(connection: Connection, reference: str) -> NameRow | None:
    """Return what a full reference points to."""
    row = connection.execute(f"SELECT {_NAME} FROM names WHERE reference=?", (reference,)).fetchone()  # noqa: S608 - no input in it
    return NameRow(*row) if row else None


def names(connection: Connection, image_id: str | None = None) -> list[NameRow]:
    """Return all names, or those of one image, sorted."""
    where, values = ("", ()) if image_id is None else (" WHERE image_id=?", (image_id,))
    query = f"SELECT {_NAME} FROM names{where} ORDER BY reference"  # noqa: S608 - no input in it
    return [NameRow(*row) for row in connection.execute(query, values)]


def delete_name(connection: Connection, reference: str) -> None:
    """Remove a name."""
    connection.execute("DELETE FROM names WHERE reference=?", (reference,))


def add_digest(connection: Connection, row: DigestRow) -> None:
    """Record that a repository has an image under a digest."""
    connection.execute("INSERT OR REPLACE INTO digests VALUES (?,?,?,?)", row)


def digest(connection: Connection, repository: str, value: str) -> DigestRow | None:
    """Return what a repository has under a digest."""
    query = f"SELECT {_DIGEST} FROM digests WHERE name=? AND digest=?"  # noqa: S608 - no input in it
    row = connection.execute(query, (repository, value)).fetchone()
    return DigestRow(*row) if row else None


def digests(connection: Connection, image_id: str | None = None) -> list[DigestRow]:
    """Return all repository digests, or those of one image, sorted."""
    where, values = ("", ()) if image_id is None else (" WHERE image_id=?", (image_id,))
    query = f"SELECT {_DIGEST} FROM digests{where} ORDER BY name, digest"  # noqa: S608 - no input in it
    return [DigestRow(*row) for row in connection.execute(query, values)]


def delete_digest(connection: Connection, repository: str, value: str) -> None:
    """Remove a repository digest; the repository's tags are known under it no more, and keep their manifests."""
    connection.execute("DELETE FROM digests WHERE name=? AND digest=?", (repository, value))
    connection.execute("UPDATE names SET digest='' WHERE name=? AND digest=?", (repository, value))


def chain_ids(connection: Connection, image_id: str) -> list[str]:
    """Return the layers of an image, lowest first."""
    query = "SELECT chain_id FROM image_layers WHERE image_id=? ORDER BY position"
    return [row[0] for row in connection.execute(query, (image_id,))]


def resize(connection: Connection, chain_ids: Sequence[str]) -> None:
    """Count the unpacked bytes of all images that have one of some layers once more."""
    connection.executemany(
        "UPDATE images SET size=(SELECT SUM(l.size) FROM image_layers i JOIN layers l ON l.chain_id=i.chain_id"
        " WHERE i.image_id=images.id) WHERE id IN (SELECT image_id FROM image_layers WHERE chain_id=?)",
        [(value,) for value in chain_ids],
    )


def blobs(connection: Connection, image_id: str) -> list[BlobRow]:
    """Return the blobs of an image: manifests, config, layers."""
    query = "SELECT digest, size, media_type FROM image_blobs WHERE image_id=? ORDER BY digest"
    return [BlobRow(*row) for row in connection.execute(query, (image_id,))]


def set_manifest(connection: Connection, image_id: str, manifest_digest: str) -> None:
    """Record which of an image's manifests is meant when it is asked for by its id."""
    connection.execute("UPDATE images SET manifest_digest=? WHERE id=?", (manifest_digest, image_id))


def delete_blobs(connection: Connection, image_id: str, digests: Sequence[str]) -> None:
    """Record that an image needs some blobs no more: those of a manifest that no name has any longer."""
    query = "DELETE FROM image_blobs WHERE image_id=? AND digest=?"
    connection.executemany(query, [(image_id, digest) for digest in digests])


def space(connection: Connection) -> int:
    """Return the bytes of all blobs and unpacked layers that images need, each counted once."""
    query = (
        "SELECT (SELECT COALESCE(SUM(size), 0) FROM (SELECT DISTINCT digest, size FROM image_blobs))"
        " + (SELECT COALESCE(SUM(size), 0) FROM layers WHERE chain_id IN (SELECT chain_id FROM image_layers))"
    )
    return int(connection.execute(query).fetchone()[0])


def unused_blobs(connection: Connection, candidates: Sequence[str]) -> list[str]:
    """Return those of ``candidates`` that no image and no lease needs."""
    query = (
        "SELECT EXISTS(SELECT 1 FROM image_blobs WHERE digest=?1)"
        " OR EXISTS(SELECT 1 FROM lease_items WHERE kind='blob' AND key=?1)"
    )
    return [value for value in candidates if not connection.execute(query, (value,)).fetchone()[0]]


def named_manifests(connection: Connection) -> list[tuple[str, BlobRow, tuple[str, str, str]]]:
    """Return (reference, manifest, (os, architecture, variant)) for each name, sorted by it."""
    query = (
        "SELECT n.reference, b.digest, b.size, b.media_type, i.os, i.architecture, i.variant FROM names n"
        " JOIN images i ON i.id = n.image_id"
        " JOIN image_blobs b ON b.image_id = i.id AND b.digest = n.manifest_digest ORDER BY n.reference"
    )
    return [(row[0], BlobRow(*row[1:4]), (row[4], row[5], row[6])) for row in connection.execute(query)]
