"""The table of formats that a model can be written in, and the places that a spec gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os.path import normpath
from pathlib import Path

from composer.spec.model import Destination


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFormat:
    """A form that the result of a build can take.

    Attributes:
        name: as ``output.format`` says it.
        suffix: that its names end in; a SavedModel folder may go without.
        title: what it is, in a few words.
        exported: whether Keras writes it, in a process of its own, and its own runtime reads it
            again; what is not exported is linked, and checked byte for byte.
        packages: distributions that writing and checking it need besides composer's own.
        extra: of composer's, that installs them.
        largest: bytes of weights that it can hold; None where nothing limits them.
    """

    name: str
    suffix: str
    title: str
    exported: bool = True
    packages: tuple[str, ...] = ()
    extra: str | None = None
    largest: int | None = None


_PROTOBUF = (1 << 31) - 1
"""A protocol buffer ends here, and so does what a FlatBuffer can point to."""

FORMATS: Mapping[str, OutputFormat] = {
    form.name: form
    for form in (
        OutputFormat(name="keras", suffix=".keras", title="Keras archive", exported=False),
        OutputFormat(name="weights", suffix=".weights.h5", title="weights alone", exported=False),
        OutputFormat(name="h5", suffix=".h5", title="HDF5 model, as of Keras 2"),
        OutputFormat(name="saved_model", suffix=".saved_model", title="folder for TF Serving"),
        OutputFormat(
            name="onnx",
            suffix=".onnx",
            title="ONNX model",
            packages=("onnx", "onnxruntime", "tf2onnx"),
            extra="onnx",
            largest=_PROTOBUF,
        ),
        OutputFormat(
            name="tflite",
            suffix=".tflite",
            title="LiteRT (TensorFlow Lite) model",
            packages=("ai-edge-litert",),
            extra="tflite",
            largest=_PROTOBUF,
        ),
    )
}

COMPANIONS: Mapping[str, str] = {"provenance": ".intoto.json", "sbom": ".cdx.json"}
"""What can stand beside all results of a build, and what its name ends in."""
SIGNATURE = ".sig"
"""What the name of a signature has behind the whole name of what was signed."""

_BY_SUFFIX = sorted(FORMATS.values(), key=lambda form: -len(form.suffix))
"""``.weights.h5`` comes before ``.h5``."""


def format_of(path: str) -> OutputFormat | None:
    """Return the format that a path's ending stands for; None where it says nothing.

    Args:
        path: as it was written: ``build/model/`` is a folder, which only a SavedModel is.
    """
    if path.endswith("/"):
        return FORMATS["saved_model"]
    return next((f for f in _BY_SUFFIX if _name(path).endswith(f.suffix)), None)


def beside(path: Path, form: OutputFormat) -> Path:
    """Return ``path`` with the ending of ``form`` instead of the one it may have."""
    known = format_of(path.name)
    stem = path.name.removesuffix(known.suffix) if known is not None else path.name
    return path.with_name(stem + form.suffix)


def companion(path: Path, name: str) -> Destination:
    """Return the place of a file of :data:`COMPANIONS` beside a result."""
    known = format_of(path.name)
    stem = path.name.removesuffix(known.suffix) if known is not None else path.name
    return Destination(path=path.with_name(stem + COMPANIONS[name]), format=name)


def signature(path: Path) -> Destination:
    """Return the place of the signature of a result."""
    return Destination(path=path.with_name(f"{path.name}{SIGNATURE}"), format="signature")


def suffix_of(name: str) -> str:
    """Return what the names of a format, or of what stands beside results, end in."""
    if name == "signature":
        return SIGNATURE
    return COMPANIONS[name] if name in COMPANIONS else FORMATS[name].suffix


def destination(path: str | Path) -> Destination | None:
    """Return the place that a path alone names, None where its ending says no format."""
    text = str(path)
    found = format_of(text)
    return None if found is None else Destination(path=Path(text), format=found.name)


def overlap(one: Path, other: Path) -> bool:
    """Tell whether two paths name one place, or one lies inside the other."""
    first, second = (Path(normpath(path.absolute())).parts for path in (one, other))
    return first[: len(second)] == second or second[: len(first)] == first


def endings() -> str:
    """Return all endings with their formats, for messages."""
    return ", ".join(f"{f.suffix} ({f.name})" for f in FORMATS.values())


def _name(path: str) -> str:
    """Return the last part of a path; a name that is all suffix, such as ``.keras``, has none."""
    return Path(path).name[1:]
