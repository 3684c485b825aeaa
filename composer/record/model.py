"""What a lock file says, as immutable values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FORMAT = 1
"""Goes up with every change of what a lock says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedSpec:
    """The spec that was locked.

    Attributes:
        name: of the model.
        files: SHA-256 of the spec and of what it extends, by path relative to the lock.
        overrides: changes from the command line, in order.
        sha256: of ``resolved`` in canonical form (RFC 8785).
        resolved: the spec as plain data after extends, overrides and interpolation.
        directories: for keys whose relative paths belong elsewhere than beside the lock
            (``sources.tower``, ``output``), that folder, relative to the lock.
    """

    name: str
    files: Mapping[str, str]
    overrides: tuple[str, ...]
    sha256: str
    resolved: Mapping[str, Any]
    directories: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedSource:
    """A source as it was.

    Attributes:
        location: what ``from`` says.
        content: content digest of the model that its layers were taken from.
        size: bytes of the file that ``from`` names; None where it names none.
        sha256: of that file.
        revision: the commit, version or generation that its URL led to; None where there is none.
        plugin: the package that read it and its version; None where compose did itself.
        weights: SHA-256 of the file that ``weights`` names.
        seed: that fresh weights were drawn from; None where there are none.
        license: SPDX id that the spec gives.
    """

    location: str
    content: str
    size: int | None = None
    sha256: str | None = None
    revision: str | None = None
    plugin: str | None = None
    weights: str | None = None
    seed: int | None = None
    license: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedLayer:
    """A new layer: its class, the seed of its weights, and the digest of what Keras made."""

    class_name: str
    seed: int
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedArtifact:
    """A file that a build writes.

    Attributes:
        size: in bytes.
        sha256: of its bytes, which hold for the toolchain that the lock names.
        content: digest of config and tensors, which holds for every toolchain; None for a format
            that has none.
    """

    size: int
    sha256: str
    content: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """Everything that a build depends on, and what it gives.

    Attributes:
        sources: by id.
        layers: the new ones, by id.
        names: for each final name of an operation, where it comes from: ``source:original``, or
            the id of a new layer or input.
        toolchain: versions of what writes the file, and of Keras and TensorFlow where they made
            something.
        artifacts: by format.
    """

    spec: LockedSpec
    sources: Mapping[str, LockedSource]
    layers: Mapping[str, LockedLayer]
    names: Mapping[str, str]
    toolchain: Mapping[str, str]
    artifacts: Mapping[str, LockedArtifact]
