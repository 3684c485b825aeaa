"""Places of a spec's own that lead out of its repository, or that hold something of somebody else.

On a terminal whoever builds sees it in the plan. In CI nobody looks, and a spec in a pull request
could replace files of the machine: there it needs a word.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from composer.diagnostics.diagnostic import Diagnostic, Severity
from composer.graphs.canonical import METADATA_KEY
from composer.spec.boundary import ALLOW_WRITE, boundary_of
from composer.spec.model import Destination, Spec

_HDF5 = b"\x89HDF\r\n\x1a\n"
_BEGINNINGS = {
    "weights": (0, _HDF5),
    "h5": (0, _HDF5),
    "onnx": (0, b"\x08"),
    "tflite": (4, b"TFL3"),
}
"""Where in a file of a format which bytes stand; of ONNX the field that every file begins with."""
_METADATA = 1 << 22
"""Bytes of metadata.json that are read: ours is far smaller."""


def is_ci() -> bool:
    """Tell whether this runs where nobody looks: services set CI to something that is not false."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false", "no")


def strange_places(spec: Spec, destinations: Sequence[Destination]) -> tuple[Diagnostic, ...]:
    """Report places that the spec itself gives, outside of the repository or over strange files.

    Args:
        spec: for the places in its text.
        destinations: where the result shall go; one from the command line is the user's own word.
    """
    inside = boundary_of(Path(spec.file).parent, ALLOW_WRITE)
    severity: Severity = "error" if is_ci() else "warning"
    found = []
    for place in destinations:
        if not place.at:
            continue
        # A link in the place of a file is replaced, one on the way to it is followed.
        path = Path(os.path.realpath(place.path.parent)) / place.path.name
        folder = path.parent
        # Without output.path the result goes to build/ in the folder where the command runs.
        if spec.target.directory is not None and not inside.holds(folder):
            code = "CMP715"
            message = f"{place.path} is outside the repository of the spec"
        elif _is_strange(place):
            code = "CMP716"
            message = f"{place.path} would be replaced, but compose did not write it"
        else:
            continue
        found.append(
            Diagnostic(
                code=code,
                severity=severity,
                message=message,
                path=place.at,
                span=spec.positions.value(place.at),
                notes=spec.positions.origins(place.at),
                help=f"say so, if it is meant: -o {place.path}"
                + (f", or {ALLOW_WRITE}={folder}" if code == "CMP715" else ""),
            )
        )
    return tuple(found)


def _is_strange(place: Destination) -> bool:
    """Tell whether the file at a place can't be the result of a build."""
    path = place.path
    if not path.is_file():
        return False  # a build refuses to replace anything else in any case
    with suppress(OSError):
        if place.format == "keras":
            return not _is_ours(path)
        if place.format in _BEGINNINGS:
            offset, bytes_ = _BEGINNINGS[place.format]
            with path.open("rb") as file:
                return not file.read(offset + len(bytes_)).endswith(bytes_)
    return False


def _is_ours(path: Path) -> bool:
    """Tell whether a ``.keras`` file says that compose has written it."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open("metadata.json") as file:
            found = json.loads(file.read(_METADATA))
    except (KeyError, ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        return False
    return isinstance(found, dict) and METADATA_KEY in found
