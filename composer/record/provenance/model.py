"""What the documents beside an artifact say, as immutable values that no document format shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Something that a build read.

    Attributes:
        kind: a spec or what it extends, a source, or a file whose weights took the place of a
            source's own.
        path: ids of the sources that lead to it, the outermost first; none for a spec.
        location: its URL, its path relative to the spec, or what ``from`` says; no secret and no
            folder of a machine is in it.
        sha256: of its bytes; None where it is no file, or its file is not known.
        content: digest of config and tensors; None for what is no model.
        size: of its file in bytes.
        revision: what its server calls its state.
        license: as the spec gives it.
        plugin: the package that read it, with its version.
        seed: that fresh weights were drawn from.
    """

    kind: Literal["spec", "source", "weights"]
    path: tuple[str, ...]
    location: str
    sha256: str | None = None
    content: str | None = None
    size: int | None = None
    revision: str | None = None
    license: str | None = None
    plugin: str | None = None
    seed: int | None = None

    @property
    def name(self) -> str:
        """The place in the specs, such as ``sources.tower.sources.base.weights``."""
        if self.kind == "spec":
            return "spec"
        name = ".".join(f"sources.{key}" for key in self.path)
        return f"{name}.weights" if self.kind == "weights" else name


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A file or folder that the build wrote.

    Attributes:
        name: its path relative to the documents.
        format: a name in the table of formats.
        folder: whether ``sha256`` is that of a folder (``dirHash`` of in-toto).
        sha256: of its bytes.
        size: in bytes.
        content: digest of config and tensors of a ``.keras`` file.
    """

    name: str
    format: str
    folder: bool
    sha256: str
    size: int
    content: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A finished build.

    Attributes:
        name: of the model.
        description: as the spec gives it.
        spec: its path, relative to the folder that it lies in.
        overrides: changes from the command line, in order.
        resolved: SHA-256 of the resolved spec in canonical form (RFC 8785).
        seed: of new layers.
        materials: all that was read, specs first.
        results: in the order of the spec; at least one.
        layers: class and seed of each new layer, by id.
        inputs: of the model: name, shape and dtype in words.
        outputs: the same.
        operations: how many the model has.
        parameters: how many the model has.
        toolchain: versions of what took part.
        time: that the documents name; None for none.
    """

    name: str
    description: str | None
    spec: str
    overrides: tuple[str, ...]
    resolved: str
    seed: int
    materials: tuple[Material, ...]
    results: tuple[Result, ...]
    layers: Mapping[str, tuple[str, int]]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    operations: int
    parameters: int
    toolchain: Mapping[str, str]
    time: datetime | None = None


def time_text(time: datetime) -> str:
    """Return a time of UTC as RFC 3339 has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
