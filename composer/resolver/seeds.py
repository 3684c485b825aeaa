"""Seeds that depend on nothing but the spec's seed and the name of what they are for."""

from __future__ import annotations

import hashlib


def layer_seed(seed: int, name: str) -> int:
    """Return the seed of a new layer, 31 bits; other layers of the spec don't change it."""
    return _derive(seed, name)


def source_seed(seed: int, source: str) -> int:
    """Return the seed for a source's fresh weights, 31 bits."""
    return _derive(seed, f"source:{source}")


def _derive(seed: int, name: str) -> int:
    digest = hashlib.sha256(f"{seed}\0{name}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
