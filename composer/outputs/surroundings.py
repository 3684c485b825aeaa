"""Places of a spec's own that lead out of its repository, or that hold something of somebody else.

On a terminal whoever builds sees it in the plan. In CI nobody looks, and a spec in a pull request
could replace files of the machine: there it needs a word.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from composer.diagnostics.diagnostic import Diagnostic, Severity
from composer.outputs.registry import output_format
from composer.spec.boundary import ALLOW_WRITE, boundary_of
from composer.spec.model import Destination, Spec


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
    looks_right = output_format(place.format).looks_right
    if looks_right is None or not place.path.is_file():
        return False  # a build refuses to replace what is no file in any case
    with suppress(OSError):
        return not looks_right(place.path)
    return False
