"""What stands in a result's way before anything is built: packages, names, sizes, its place."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec

from composer.diagnostics.diagnostic import Diagnostic, Note, Severity, SpecPath
from composer.errors import BuildError
from composer.outputs.places import check_places
from composer.resolver.plan import Plan
from composer.spec.formats import FORMATS, OutputFormat
from composer.spec.model import Destination, Spec

_SIGNATURE = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_TENSOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_INPUT_NAMES: Mapping[str, tuple[re.Pattern[str], str]] = {
    "saved_model": (_SIGNATURE, "letters, digits and '_', and begin with a letter"),
    "onnx": (_TENSOR, "letters, digits, '_', '.' and '-', and begin with a letter or digit"),
    "tflite": (_TENSOR, "letters, digits, '_', '.' and '-', and begin with a letter or digit"),
}
"""What the name of an input may be. TensorFlow makes a parameter of a Python function of it: it
refuses some names, and writes others down changed (``a-b`` as ``a_b`` in a SavedModel)."""


def missing_packages(
    spec: Spec, destinations: Sequence[Destination], *, severity: Severity
) -> tuple[Diagnostic, ...]:
    """Report the formats whose packages are not installed.

    Args:
        spec: for the places in its text.
        destinations: where the result shall go.
        severity: an error where they are needed now.
    """
    return tuple(
        _diagnostic(
            "CMP705",
            spec,
            place,
            f"to write {form.name}, compose needs {_listed(missing)}, which "
            f"{'is' if len(missing) == 1 else 'are'} not installed",
            help=f"install what it takes: pip install 'keras-compose[{form.extra}]'",
            severity=severity,
        )
        for place, form in _formats(destinations)
        if (missing := [name for name in form.packages if not _installed(name)])
    )


def unfit(spec: Spec, plan: Plan, destinations: Sequence[Destination]) -> tuple[Diagnostic, ...]:
    """Report what a planned model has that one of its formats can't hold.

    Args:
        spec: for the places in its text.
        plan: may be a draft: names and weights are known without Keras.
        destinations: where the result shall go.
    """
    found: list[Diagnostic] = []
    for place, form in _formats(destinations):
        found.extend(_unfit_names(spec, plan, place, form))
        found.extend(_unfit_files(spec, plan, place, form))
        if form.largest is not None and plan.nbytes > form.largest:
            found.append(
                _diagnostic(
                    "CMP707",
                    spec,
                    place,
                    f"the weights take {plan.nbytes:,} bytes, and {form.name} holds at most "
                    f"{form.largest:,}",
                    help="keras, weights, h5 and saved_model have no such limit",
                )
            )
    return tuple(found)


def taken(spec: Spec, plan: Plan, destinations: Sequence[Destination]) -> tuple[Diagnostic, ...]:
    """Report places of the spec's own that a build would refuse: a source, or a folder, is there.

    Args:
        spec: for the places in its text.
        plan: may be a draft; nothing of it may be replaced that it is made from.
        destinations: where the result shall go; one from the command line is no mistake of the
            spec, and refused by the build alone.
    """
    found = []
    for place in destinations:
        if not place.at:
            continue
        try:
            check_places([place], plan.source_files)
        except BuildError as error:
            found.append(_diagnostic("CMP709", spec, place, error.message, help=error.help))
    return tuple(found)


def _unfit_names(
    spec: Spec,
    plan: Plan,
    place: Destination,
    form: OutputFormat,
) -> Iterator[Diagnostic]:
    if form.name not in _INPUT_NAMES:
        return
    pattern, words = _INPUT_NAMES[form.name]
    for port in plan.inputs:
        name = port.name
        if pattern.fullmatch(name) and not keyword.iskeyword(name) and name != "self":
            continue
        reserved = keyword.iskeyword(name) or name == "self"
        origin = plan.origins[port.operation]
        if origin.source is not None:
            at: SpecPath = ("sources", origin.source)
            repair = f"rename it: sources.{origin.source}.rename: {{{origin.layer!r}: …}}"
        else:
            at = ("inputs", origin.layer)
            repair = f"declare it under another id than {name!r}"
        yield _diagnostic(
            "CMP706",
            spec,
            place,
            f"the input {name!r} can't have this name in {form.name}: "
            + ("Python keeps the word to itself" if reserved else f"expected {words}"),
            help=repair,
            notes=(Note(message="it comes from here", span=spec.positions.key(at)),),
        )


def _unfit_files(
    spec: Spec,
    plan: Plan,
    place: Destination,
    form: OutputFormat,
) -> Iterator[Diagnostic]:
    """Layers such as lookups keep files of their own, which lie beside the weights."""
    holders = [state.name for state in plan.states if state.assets]
    if not holders or form.name not in {"weights", "h5"}:
        return
    alone = form.name == "weights"
    yield _diagnostic(
        "CMP708",
        spec,
        place,
        f"{form.name} can't hold the files, such as vocabularies, of {', '.join(holders[:3])}",
        help="whoever loads the weights has to have them in his model already"
        if alone
        else "keras and saved_model hold them",
        severity="warning" if alone else "error",
    )


def _formats(destinations: Sequence[Destination]) -> Iterator[tuple[Destination, OutputFormat]]:
    for place in destinations:
        yield place, FORMATS[place.format]


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _installed(distribution: str) -> bool:
    # By module: onnxruntime also comes in distributions of other names, for other processors.
    return find_spec(distribution.replace("-", "_")) is not None


def _diagnostic(
    code: str,
    spec: Spec,
    place: Destination,
    message: str,
    *,
    help: str | None,  # noqa: A002
    severity: Severity = "error",
    notes: tuple[Note, ...] = (),
) -> Diagnostic:
    # A place from the command line stands nowhere in the spec.
    located = bool(place.at)
    return Diagnostic(
        code=code,
        severity=severity,
        message=message,
        path=place.at,
        span=spec.positions.value(place.at) if located else None,
        notes=(*notes, *(spec.positions.origins(place.at) if located else ())),
        help=help,
    )
