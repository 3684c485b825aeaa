"""What there is to know of one output format, as one record; ``formats/`` holds ours.

A record loads nothing heavy: what needs h5py or a converter is imported by the function, or by the
module of the Keras process, that does the work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from composer.diagnostics.diagnostic import Severity, SpecPath
from composer.resolver.plan import Plan, SourceState
from composer.spec.formats import FormatForm

if TYPE_CHECKING:
    from composer.linker.check_artifact import Computed

PROTOBUF_LIMIT: Final = (1 << 31) - 1
"""A protocol buffer ends here, and so does what a FlatBuffer can point to."""
HALF_TOLERANCE: Final = 2e-2
"""How far an export may be from Keras where layers compute in half precision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRequest:
    """One result to write.

    Attributes:
        plan: complete.
        states: digests of its sources, by id.
        target: path to write to, where nothing is yet.
        linked: the linked ``.keras`` file, checked where it is another one than the target; None
            unless a format of the build asks for it.
        options: of the format, valid.
        computed: for the check: digests of the tensors that are no copies, by their path in the
            artifact.
    """

    plan: Plan
    states: Mapping[str, SourceState]
    target: Path
    linked: Path | None
    options: Mapping[str, Any]
    computed: Computed = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """The way of formats that are written without Keras.

    Attributes:
        write: writes ``job.target``, a file, and returns the digests of the tensors that it
            computed, if there are any; raises a ``BuildError`` where it can't.
        check: reads ``job.target`` again and compares it with what it was written from; raises a
            ``DriftError`` for the first difference.
        from_archive: whether both read ``job.linked``.
    """

    write: Callable[[WriteRequest], Computed | None]
    check: Callable[[WriteRequest], None]
    from_archive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """The way of formats that the Keras process writes, and a process of their own runs again.

    Attributes:
        exporter: module with ``export(served, target, **options)``, which writes a
            :class:`composer.keras_process.tasks.served.Served` model.
        checker: module with ``perform(request, report)``, which runs the export and compares it
            with :func:`composer.keras_process.tasks.cases.compared`.
        runtime: what the checker runs it in.
        tolerance: how far an export may be from Keras: the largest difference over the largest
            number of the same output. Zero is bit for bit.
        with_keras: whether the checker may import Keras.
        turn: in which order the formats of one build are exported, whatever the spec says:
            TensorFlow counts the functions of a process, and the numbers are in a SavedModel.
    """

    exporter: str
    checker: str
    runtime: str
    tolerance: float
    with_keras: bool = False
    turn: int = 100

    def tolerance_for(self, *, half: bool) -> float:
        """Return the tolerance for a model that may compute in half precision."""
        return HALF_TOLERANCE if half and self.tolerance else self.tolerance


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """What tells the folder of a format from any other.

    Attributes:
        marker: the file that each has.
        members: all names that it may hold.
    """

    marker: str
    members: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputNames:
    """What the name of an input may be.

    Attributes:
        pattern: that a whole name fits.
        words: the same, for people.
    """

    pattern: re.Pattern[str]
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFiles:
    """What becomes of files that layers such as lookups keep, in a format that can't hold them.

    Attributes:
        severity: a warning where the result is of use without them.
        help: what to do.
    """

    severity: Severity
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """Something of a model that a format can't hold.

    Attributes:
        code: one of the record's own ``codes``, or one of compose's.
        message: what is wrong.
        help: what to do.
        severity: a warning where the result is of use without it.
        at: where in the spec it comes from.
    """

    code: str
    message: str
    help: str | None = None
    severity: Severity = "error"
    at: SpecPath | None = None


def _none(_plan: Plan, _options: Mapping[str, Any]) -> Iterable[Misfit]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFormat(FormatForm):
    """A form that the result of a build can take.

    Its name and extension are those of its entry point: see :mod:`composer.spec.formats`, also for
    what a spec says of it.

    Attributes:
        way: how it is written and checked.
        packages: distributions that writing and checking it import, and whose versions decide the
            bytes, besides what compose needs anyway; each has a module of its own name.
        extra: of compose, that installs them; None for a plug-in, which requires them itself.
        folder: of a format that is a folder and no file.
        looks_right: whether a file can be an earlier result, so that a build in CI may replace
            it; None where nothing tells.
        content: takes a digest that is the same for all versions of what writes the format; None
            where only the bytes can be compared.
        input_names: None where an input may have any name.
        largest: bytes of weights that it can hold; None where nothing limits them.
        layer_files: None where it holds the files of layers.
        holds_programs: whether it can hold the TensorFlow program of a SavedModel.
        misfits: tells of whatever else of a plan does not fit; called with a draft too.
    """

    way: Linked | Exported
    packages: tuple[str, ...] = ()
    extra: str | None = None
    folder: Folder | None = None
    looks_right: Callable[[Path], bool] | None = None
    content: Callable[[Path], str] | None = None
    input_names: InputNames | None = None
    largest: int | None = None
    layer_files: LayerFiles | None = None
    holds_programs: bool = False
    misfits: Callable[[Plan, Mapping[str, Any]], Iterable[Misfit]] = _none

    @property
    def exported(self) -> bool:
        """Whether Keras writes it."""
        return isinstance(self.way, Exported)


def begins(with_: bytes, *, at: int = 0) -> Callable[[Path], bool]:
    """Return a function that tells whether a file has certain bytes at its beginning."""

    def looks_right(path: Path) -> bool:
        with path.open("rb") as file:
            return file.read(at + len(with_)).endswith(with_)

    return looks_right


HDF5_BEGINNING: Final = b"\x89HDF\r\n\x1a\n"
SERVED_NAMES: Final = InputNames(
    pattern=re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*"),
    words="letters, digits, '_', '.' and '-', and begin with a letter or digit",
)
"""TensorFlow makes a parameter of a Python function of the name of an input: it refuses some names,
and writes others down changed (``a-b`` as ``a_b`` in a SavedModel)."""
