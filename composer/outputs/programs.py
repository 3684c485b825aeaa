"""Keeps TensorFlow programs out of every format but SavedModel."""

from __future__ import annotations

from collections.abc import Sequence

from composer.diagnostics.diagnostic import Diagnostic, Note
from composer.keras_process.programs import program_folder
from composer.spec.model import Destination, Spec


def misplaced_programs(spec: Spec, destinations: Sequence[Destination]) -> tuple[Diagnostic, ...]:
    """Report sources that hold a program alone, where a result is to be no SavedModel.

    In a ``.keras`` file a program could only be pointed to: ``TFSMLayer`` stores a path of the
    machine, and does not load under ``safe_mode``.

    Args:
        spec: whose sources are looked at; what is not trusted is refused elsewhere.
        destinations: where the result shall go.
    """
    found = []
    others = [place for place in destinations if place.format != "saved_model"]
    for source in spec.sources:
        if not others or not source.trust or program_folder(source) is None:
            continue
        path = ("sources", source.id, "from")
        formats = ", ".join(dict.fromkeys(place.format for place in others))
        written = [place.at for place in others if place.at]
        notes = [
            Note(message="the result goes here", span=spec.positions.value(at)) for at in written
        ]
        found.append(
            Diagnostic(
                code="CMP528",
                severity="error",
                message=f"source {source.id!r}: {source.location} holds a TensorFlow program and "
                f"no layers, which goes into a SavedModel only, and the result is to be {formats} "
                f"({', '.join(place.path.name for place in others)})",
                path=path,
                span=spec.positions.value(path),
                notes=(*notes, *spec.positions.origins(path)),
                help="build a SavedModel alone: output: {format: saved_model}, or "
                f"-o build/{spec.name}.saved_model\nfor other formats, save the model that was "
                "exported as a file (model.save) and take that as the source",
            )
        )
    return tuple(found)
