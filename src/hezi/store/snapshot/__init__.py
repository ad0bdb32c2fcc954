"""Snapshot drivers: what becomes of a layer on disk and how a root is mounted."""
