"""The schema, step by step: ``MIGRATIONS[n]`` turns version n into version n + 1. A step, once released, never changes.

hezi.db.connection draws the result.
"""

from __future__ import annotations

_FIRST = (
    """CREATE TABLE images (
        id TEXT PRIMARY KEY,
        manifest_digest TEXT NOT NULL,
        os TEXT NOT NULL,
        architecture TEXT NOT NULL,
        variant TEXT NOT NULL,
        created_ns INTEGER NOT NULL,
        pulled_ns INTEGER NOT NULL,
        last_used_ns INTEGER NOT NULL,
        size INTEGER NOT NULL,
        labels TEXT NOT NULL,
        config BLOB NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE names (
        reference TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        tag TEXT NOT NULL,
        image_id TEXT NOT NULL REFERENCES images(id),
        updated_ns INTEGER NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX names_by_image ON names(image_id)",
    """CREATE TABLE digests (
        name TEXT NOT NULL,
        digest TEXT NOT NULL,
        image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
        PRIMARY KEY (name, digest)
    ) WITHOUT ROWID""",
    "CREATE INDEX digests_by_image ON digests(image_id)",
    """CREATE TABLE layers (
        chain_id TEXT PRIMARY KEY,
        parent TEXT NOT NULL,
        diff_id TEXT NOT NULL,
        blob_digest TEXT NOT NULL,
        size INTEGER NOT NULL,
        driver TEXT NOT NULL,
        created_ns INTEGER NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE image_layers (
        image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        chain_id TEXT NOT NULL REFERENCES layers(chain_id),
        PRIMARY KEY (image_id, position)
    ) WITHOUT ROWID""",
    "CREATE INDEX image_layers_by_layer ON image_layers(chain_id)",
    """CREATE TABLE image_blobs (
        image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
        digest TEXT NOT NULL,
        size INTEGER NOT NULL,
        media_type TEXT NOT NULL,
        PRIMARY KEY (image_id, digest)
    ) WITHOUT ROWID""",
    "CREATE INDEX image_blobs_by_digest ON image_blobs(digest)",
    """CREATE TABLE containers (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        image_id TEXT NOT NULL,
        image_name TEXT NOT NULL,
        state TEXT NOT NULL,
        pid INTEGER NOT NULL,
        start_time INTEGER NOT NULL,
        boot_id TEXT NOT NULL,
        created_ns INTEGER NOT NULL,
        started_ns INTEGER NOT NULL,
        finished_ns INTEGER NOT NULL,
        exit_code INTEGER,
        config TEXT NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX containers_by_image ON containers(image_id)",
    """CREATE TABLE container_layers (
        container_id TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
        chain_id TEXT NOT NULL REFERENCES layers(chain_id),
        PRIMARY KEY (container_id, chain_id)
    ) WITHOUT ROWID""",
    "CREATE INDEX container_layers_by_layer ON container_layers(chain_id)",
    """CREATE TABLE leases (
        id TEXT PRIMARY KEY,
        purpose TEXT NOT NULL,
        pid INTEGER NOT NULL,
        start_time INTEGER NOT NULL,
        boot_id TEXT NOT NULL,
        created_ns INTEGER NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE lease_items (
        lease_id TEXT NOT NULL REFERENCES leases(id) ON DELETE CASCADE,
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        PRIMARY KEY (lease_id, kind, key)
    ) WITHOUT ROWID""",
)

# One image may be known under several names that came with different manifests: each keeps its own. An image made from
# another (commit, build) knows its parent.
_OWN_MANIFESTS = (
    "ALTER TABLE names ADD COLUMN manifest_digest TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE names ADD COLUMN digest TEXT NOT NULL DEFAULT ''",
    """UPDATE names SET
        manifest_digest=(SELECT manifest_digest FROM images WHERE id=names.image_id),
        digest=COALESCE((SELECT MAX(digest) FROM digests d WHERE d.name=names.name AND d.image_id=names.image_id), '')
    """,
    "ALTER TABLE digests ADD COLUMN manifest_digest TEXT NOT NULL DEFAULT ''",
    "UPDATE digests SET manifest_digest=(SELECT manifest_digest FROM images WHERE id=digests.image_id)",
    "ALTER TABLE images ADD COLUMN parent TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX images_by_parent ON images(parent)",
)

_NETWORKS = (
    """CREATE TABLE networks (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        driver TEXT NOT NULL,
        created_ns INTEGER NOT NULL,
        config TEXT NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE sandboxes (
        container_id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        pid INTEGER NOT NULL,
        start_time INTEGER NOT NULL,
        boot_id TEXT NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE endpoints (
        network_id TEXT NOT NULL REFERENCES networks(id),
        container_id TEXT NOT NULL REFERENCES sandboxes(container_id) ON DELETE CASCADE,
        id TEXT NOT NULL UNIQUE,
        position INTEGER NOT NULL,
        ipv4 TEXT,
        ipv6 TEXT,
        mac TEXT NOT NULL,
        names TEXT NOT NULL,
        PRIMARY KEY (network_id, container_id),
        UNIQUE (network_id, ipv4),
        UNIQUE (network_id, ipv6)
    ) WITHOUT ROWID""",
    "CREATE INDEX endpoints_by_container ON endpoints(container_id)",
    """CREATE TABLE ports (
        protocol TEXT NOT NULL,
        host_port INTEGER NOT NULL,
        host_ip TEXT NOT NULL,
        container_id TEXT NOT NULL REFERENCES sandboxes(container_id) ON DELETE CASCADE,
        container_port INTEGER NOT NULL,
        PRIMARY KEY (protocol, host_port, host_ip)
    ) WITHOUT ROWID""",
    "CREATE INDEX ports_by_container ON ports(container_id)",
)

# One name may have images for several platforms: the one that it means by itself is in names, the others are here.
_PLATFORMS = (
    """CREATE TABLE platforms (
        reference TEXT NOT NULL REFERENCES names(reference) ON DELETE CASCADE,
        image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
        manifest_digest TEXT NOT NULL,
        PRIMARY KEY (reference, image_id)
    ) WITHOUT ROWID""",
    "CREATE INDEX platforms_by_image ON platforms(image_id)",
)

# What a list of images shows is read from indexes: the rows of images hold configs, thousands of bytes each.
_LISTED = (
    "CREATE INDEX images_listed ON images(created_ns DESC, id, size, parent)",
    "DROP INDEX names_by_image",
    "CREATE INDEX names_by_image ON names(image_id, reference, name, tag)",
)

_ID_RANGES = (
    """CREATE TABLE id_ranges (
        container_id TEXT PRIMARY KEY REFERENCES containers(id) ON DELETE CASCADE,
        size INTEGER NOT NULL,
        uid_first INTEGER NOT NULL,
        uid_count INTEGER NOT NULL,
        gid_first INTEGER NOT NULL,
        gid_count INTEGER NOT NULL
    ) WITHOUT ROWID""",
)

# The way out leads through the network that has the highest.
_WAY_OUT = ("ALTER TABLE endpoints ADD COLUMN priority INTEGER NOT NULL DEFAULT 0",)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _OWN_MANIFESTS, _NETWORKS, _PLATFORMS, _LISTED, _ID_RANGES, _WAY_OUT)
