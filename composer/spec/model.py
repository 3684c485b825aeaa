"""The frozen types of a validated spec: what the rest of composer knows of the user's text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from composer.diagnostics.diagnostic import Edit, Note, Span, SpecPath
from composer.spec.self_shown import SelfShown


class Positions(Protocol):
    """Answers where a value of the resolved spec stands in the text."""

    def value(self, path: SpecPath) -> Span | None:
        """Return the span of the value at ``path``, or of its nearest ancestor that has one."""

    def key(self, path: SpecPath) -> Span | None:
        """Return the span of the key that ends ``path``, or what ``value`` returns."""

    def origins(self, path: SpecPath) -> tuple[Note, ...]:
        """Return the places a value came through: ``${…}``, ``extends``, overrides."""

    def added(self, path: SpecPath, key: str, value: str | Mapping[str, str]) -> tuple[Edit, ...]:
        """Return the edit that adds a key to the map at ``path``; none where it is not plain."""

    def replaced(self, path: SpecPath, new: str) -> tuple[Edit, ...]:
        """Return the edit that puts other text at ``path``; none where it is not plain."""

    def renamed_key(self, path: SpecPath, new: str) -> tuple[Edit, ...]:
        """Return the edit that renames the key that ends ``path``; none where it is not plain."""


# ---------------------------------------------------------------- references


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One tensor, named from the spec: ``NAME``, ``SOURCE:LAYER``, ``SOURCE@CALL:LAYER#N.K``.

    Attributes:
        name: a model input, a new layer, or a source.
        call: the id of one of the source's ``calls``.
        layer: original name of a layer of the source; None for the source's only open output,
            an input or a new layer.
        node: which call of a layer that is called several times, counted from 0.
        output: which of a call's output tensors, counted from 0.
        path: where the reference stands in the spec.
    """

    name: str
    call: str | None = None
    layer: str | None = None
    node: int | None = None
    output: int | None = None
    path: SpecPath = ()

    def __str__(self) -> str:
        text = self.name
        if self.call is not None:
            text += f"@{self.call}"
        if self.layer is not None:
            text += f":{self.layer}"
        if self.node is not None or self.output is not None:
            text += f"#{self.node or 0}"
        if self.output is not None:
            text += f".{self.output}"
        return text


# ---------------------------------------------------------------- selectors


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """A rule that picks layers of a source by their original names.

    Attributes:
        kind: which rule.
        pattern: the glob, the regular expression, the class name, or the layer name of
            ``upto`` and ``after``, or the first layer of ``between``.
        to: the last layer of ``between``; None for the other kinds.
        path: where the selector stands in the spec.
    """

    kind: Literal["glob", "regex", "class", "between", "upto", "after"]
    pattern: str
    to: str | None = None
    path: SpecPath = ()

    def __str__(self) -> str:
        match self.kind:
            case "glob":
                return self.pattern
            case "between":
                return f"{{from: {self.pattern}, to: {self.to}}}"
            case _:
                return f"{{{self.kind}: {self.pattern}}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameRule:
    r"""One entry of ``rename``.

    Attributes:
        pattern: the original name, or a regular expression that must match all of it.
        to: the final name (exact rule), or the replacement with ``\1`` groups, which prefix
            and suffix still go around (regex rule).
        regex: whether ``pattern`` is a regular expression.
    """

    pattern: str
    to: str
    regex: bool
    path: SpecPath = ()


# ---------------------------------------------------------------- parts of a spec


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInput:
    """A declared input. ``shape`` leaves the batch dimension out; None in it is any size."""

    id: str
    shape: tuple[int | None, ...]
    dtype: str = "float32"
    batch_size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceInput:
    """A wire into a source.

    Attributes:
        target: original name of an input layer or of an excluded layer; None when the
            reference goes to the source's one open input.
        node: which call of ``target``; None when it is called once.
        output: which output tensor of ``target``; None when it has one.
        reference: the tensor that every kept consumer takes instead.
    """

    target: str | None
    reference: Reference
    node: int | None = None
    output: int | None = None
    path: SpecPath = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCall:
    """One of the ``calls`` of a source: the same layers, called with these inputs."""

    id: str
    inputs: tuple[SourceInput, ...]
    path: SpecPath = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceWeights:
    """A file whose weights a source takes in the place of its own.

    Attributes:
        file: its path, as written after interpolation.
        directory: the folder that a relative path belongs to.
        by: how its layers are paired with the source's: by their order, as Keras does, or by
            their names.
    """

    file: str
    directory: Path
    sha256: str | None = None
    by: Literal["order", "names"] = "order"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """What a lock holds of what a URL gave.

    Attributes:
        sha256: of the bytes.
        revision: the commit, version or generation that the URL led to.
    """

    sha256: str
    revision: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A model that the result is made from.

    Attributes:
        id: the key under ``sources``.
        location: what ``from`` says, as written after interpolation.
        directory: the folder that relative paths in this source belong to.
        weights: None leaves the weights that the model comes with.
        include: None stands for every layer.
        trainable: None leaves the layers' own flags alone.
        objects: classes that it holds, as ``package.module:Class``.
        trust: whether code that it carries may go in.
        pin: what a lock holds of what a URL gave.
    """

    id: str
    location: str
    directory: Path
    pin: Pin | None = None
    args: Mapping[str, Any] = field(default_factory=dict)
    sha256: str | None = None
    license: str | None = None
    weights: SourceWeights | None = None
    prefix: str = ""
    suffix: str = ""
    rename: tuple[RenameRule, ...] = ()
    include: tuple[Selector, ...] | None = None
    exclude: tuple[Selector, ...] = ()
    bypass: tuple[Selector, ...] = ()
    inputs: tuple[SourceInput, ...] = ()
    calls: tuple[SourceCall, ...] = ()
    nested: str | None = None
    flatten: bool = False
    trainable: bool | None = None
    freeze: tuple[Selector, ...] = ()
    unfreeze: tuple[Selector, ...] = ()
    objects: tuple[str, ...] = ()
    trust: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCall:
    """One call of a new layer.

    Attributes:
        id: the key under ``calls``; None when the layer is called once, by ``inputs``.
        inputs: positional references: one, or a list that is passed as a list, or named ones.
        arguments: plain call arguments, such as ``training: false``.
    """

    id: str | None
    inputs: Reference | tuple[Reference, ...] | Mapping[str, Reference]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    path: SpecPath = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLayer:
    """A layer that Keras makes for the result. Its key is its name.

    Attributes:
        id: its name.
        class_name: as written: a class of ``keras.layers``, or ``package.module:Class``.
        args: of the constructor, as plain data.
        calls: with what they are called on.
        unchecked: arguments that the table of signatures does not know, where another Keras is
            installed than the table was made from.
    """

    id: str
    class_name: str
    args: Mapping[str, Any]
    calls: tuple[LayerCall, ...]
    unchecked: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """What the result puts out.

    Attributes:
        form: how the result's output structure looks; ``"default"`` when the spec says
            nothing and every open output is taken.
        references: pairs of key and reference; the key is None except for a map.
    """

    form: Literal["single", "list", "dict", "default"]
    references: tuple[tuple[str | None, Reference], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A place that the result goes to.

    Attributes:
        path: of the file, or of the folder of a SavedModel.
        format: a name of ``composer/spec/formats.py``.
        options: of that format, as the spec gives them.
        at: where the spec asks for it.
    """

    path: Path
    format: str
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    at: SpecPath = field(default=(), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where the result goes, each place once; what the spec leaves open is filled in.

    Attributes:
        directory: the folder that the paths belong to; None where the spec says none.
        signature: how the model takes its inputs; None where the spec leaves it open.
        options: of formats, by name; also of some that no destination has.
    """

    destinations: tuple[Destination, ...] = ()
    directory: Path | None = None
    signature: Literal["list", "dict"] | None = None
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecFile:
    """A file that a spec was read from: itself, or one that it extends.

    Attributes:
        path: as it was opened.
        sha256: of its bytes.
    """

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec(SelfShown):
    """A validated spec.

    Attributes:
        file: the path as the user gave it.
        files: all that it was read from, itself first; none for one that was only in memory.
        overrides: changes from the command line, in order.
        positions: where each value stands; for diagnostics only.
        resolved: the spec as plain data after extends, overrides and interpolation.
    """

    name: str
    file: str
    files: tuple[SpecFile, ...] = ()
    overrides: tuple[str, ...] = ()
    description: str | None = None
    inputs: tuple[ModelInput, ...] = ()
    sources: tuple[Source, ...] = ()
    layers: tuple[NewLayer, ...] = ()
    outputs: Outputs = field(default_factory=lambda: Outputs(form="default"))
    seed: int = 0
    target: Target = field(default_factory=Target)
    positions: Positions = field(repr=False, compare=False)
    resolved: Mapping[str, Any] = field(repr=False, default_factory=dict)
