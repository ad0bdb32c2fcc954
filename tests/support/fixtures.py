"""Fixtures: an isolated hezi, registries, images, and a guard that nothing is left behind."""

from __future__ import annotations
