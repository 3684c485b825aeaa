"""What a build is made from and what it gives: one value, of which every document is a view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from composer.graphs.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecRecord:
    """The spec.

    Attributes:
        name: of the model.
        files: SHA-256 of the spec and of what it extends, by path relative to the record's folder.
        overrides: changes from the command line, in order.
        sha256: of ``resolved`` in canonical form (RFC 8785).
        resolved: the spec as plain data after extends, overrides and interpolation.
        directories: for keys whose relative paths start elsewhere than in the record's folder
            (``sources.tower``, ``output``), that folder, relative to it.
        file: where the spec lies on this machine; None in a record that was read.
    """

    name: str
    files: Mapping[str, str]
    overrides: tuple[str, ...]
    sha256: str
    resolved: Mapping[str, Any]
    directories: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """A source as it was.

    Attributes:
        location: what ``from`` says.
        content: content digest of the model that its layers are taken from.
        size: bytes of the file that ``from`` names; None where it names none.
        sha256: of that file.
        revision: the commit, version or generation that its URL led to.
        plugin: the package that read it and its version; None where compose did itself.
        weights: SHA-256 of the file that ``weights`` names.
        seed: that fresh weights are drawn from; None where there are none.
        license: SPDX id that the spec gives.
        weights_location: what ``weights`` says; not in a lock.
        spec: SHA-256 of the spec that ``from`` names; not in a lock.
        made_of: what the source itself was linked from; not in a lock.
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
    weights_location: str | None = None
    spec: str | None = None
    made_of: Recipe | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRecord:
    """A new layer: its class, the seed of its weights, and the digest of what Keras made."""

    class_name: str
    seed: int
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactRecord:
    """A file or folder that a build writes.

    Attributes:
        size: in bytes.
        sha256: of its bytes, which depend on the toolchain of the record.
        content: digest of config and tensors, whatever the toolchain; None for a format that has
            none.
        format: a name in the table of formats; in a lock it is the key.
        name: its path relative to the documents beside it; not in a lock.
        folder: whether ``sha256`` is that of a folder (``dirHash`` of in-toto); not in a lock.
    """

    size: int
    sha256: str
    content: str | None = None
    format: str = ""
    name: str = ""
    folder: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """The model as a bill of materials describes it; inputs and outputs are in words."""

    description: str | None
    seed: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    operations: int
    parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRecord:
    """Everything that a build depends on, and what it gives.

    Attributes:
        sources: by id.
        layers: the new ones, by id.
        names: for each final name of an operation, where it comes from: ``source:original``, or
            the id of a new layer or input.
        toolchain: versions of what writes the file, and of Keras and TensorFlow where they made
            something.
        artifacts: by format, in the order of the spec; for documents by name, since a command
            can ask for two of one format.
        model: None in a record that was read from a lock.
    """

    spec: SpecRecord
    sources: Mapping[str, SourceRecord]
    layers: Mapping[str, LayerRecord]
    names: Mapping[str, str]
    toolchain: Mapping[str, str]
    artifacts: Mapping[str, ArtifactRecord]
    model: ModelRecord | None = None


NOTHING = BuildRecord(
    spec=SpecRecord(name="", files={}, overrides=(), sha256="", resolved={}),
    sources={},
    layers={},
    names={},
    toolchain={},
    artifacts={},
)
"""The record of nothing, for builds that no earlier one is known of."""
