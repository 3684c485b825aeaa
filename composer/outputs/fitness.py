"""What keeps a model out of a format, told before anything is built: packages, names, sizes."""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Sequence
from importlib.util import find_spec

from composer.diagnostics.diagnostic import Diagnostic, Note, Severity, SpecPath
from composer.errors import BuildError, PluginError
from composer.keras_process.programs import program_folder
from composer.outputs.output_format import Misfit, OutputFormat
from composer.outputs.places import check_places
from composer.outputs.registry import blamed, output_format
from composer.resolver.joined import Origin
from composer.resolver.plan import Plan
from composer.spec.formats import format_named
from composer.spec.model import Destination, Spec


def unwritable(
    spec: Spec, destinations: Sequence[Destination], *, severity: Severity
) -> tuple[Diagnostic, ...]:
    """Report formats that can't be written here, whatever the plan.

    A plug-in may be broken, packages not installed, or a source hold a program alone.

    Args:
        spec: for the places in its text.
        destinations: where the result shall go.
        severity: of a missing package: an error where it is needed now.
    """
    found: list[Diagnostic] = []
    sound: list[Destination] = []
    for place in destinations:
        try:
            form = output_format(place.format)
        except PluginError as error:
            found.append(_diagnostic(spec, place, error.code, error.message, help=error.help))
            continue
        sound.append(place)
        missing = [name for name in form.packages if not _installed(name)]
        if missing:
            found.append(
                _diagnostic(
                    spec,
                    place,
                    "CMP705",
                    f"to write {place.format}, compose needs {_listed(missing)}, which "
                    f"{'is' if len(missing) == 1 else 'are'} not installed",
                    help=f"install what it takes: pip install 'keras-compose[{form.extra}]'"
                    if form.extra is not None
                    else f"install what it takes: pip install {' '.join(missing)}",
                    severity=severity,
                )
            )
    return (*found, *_misplaced_programs(spec, sound))


def _misplaced_programs(spec: Spec, destinations: Sequence[Destination]) -> Iterator[Diagnostic]:
    """Report sources that hold a TensorFlow program alone, where a format can't hold one.

    In a ``.keras`` file a program could only be pointed to: ``TFSMLayer`` stores a path of the
    machine, and does not load under ``safe_mode``.
    """
    others = [place for place in destinations if not output_format(place.format).holds_programs]
    for source in spec.sources:
        # What is not trusted is refused elsewhere.
        if not others or not source.trust or program_folder(source) is None:
            continue
        path = ("sources", source.id, "from")
        formats = ", ".join(dict.fromkeys(place.format for place in others))
        written = [place.at for place in others if place.at]
        notes = [
            Note(message="the result goes here", span=spec.positions.value(at)) for at in written
        ]
        yield Diagnostic(
            code="CMP528",
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


def unfit(spec: Spec, plan: Plan, destinations: Sequence[Destination]) -> tuple[Diagnostic, ...]:
    """Report what a planned model has that one of its formats can't hold.

    Args:
        spec: for the places in its text.
        plan: may be a draft: names and weights are known without Keras.
        destinations: where the result shall go.
    """
    found = []
    for place in destinations:
        form = output_format(place.format)
        with blamed(place.format):
            own = tuple(form.misfits(plan, place.options))
        for misfit in (*_misfits(form, place, plan), *own):
            package = format_named(place.format).registered.package
            code = f"{package}.{misfit.code}" if misfit.code in form.codes else misfit.code
            notes = (
                ()
                if misfit.at is None
                else (Note(message="it comes from here", span=spec.positions.key(misfit.at)),)
            )
            found.append(
                _diagnostic(
                    spec,
                    place,
                    code,
                    misfit.message,
                    help=misfit.help,
                    severity=misfit.severity,
                    notes=notes,
                )
            )
    return tuple(found)


def _misfits(form: OutputFormat, place: Destination, plan: Plan) -> Iterator[Misfit]:
    """Yield what of a plan does not fit what a record says of its format."""
    if form.input_names is not None:
        for port in plan.inputs:
            reserved = keyword.iskeyword(port.name) or port.name == "self"
            if form.input_names.pattern.fullmatch(port.name) and not reserved:
                continue
            at, repair = _renamed(port.name, plan.origins[port.operation])
            yield Misfit(
                code="CMP706",
                message=f"the input {port.name!r} can't have this name in {place.format}: "
                + (
                    "Python keeps the word to itself"
                    if reserved
                    else f"expected {form.input_names.words}"
                ),
                help=repair,
                at=at,
            )
    holders = [state.name for state in plan.states if state.assets]
    if form.layer_files is not None and holders:
        yield Misfit(
            code="CMP708",
            message=f"{place.format} can't hold the files, such as vocabularies, of "
            f"{', '.join(holders[:3])}",
            help=form.layer_files.help,
            severity=form.layer_files.severity,
        )
    if form.largest is not None and plan.nbytes > form.largest:
        yield Misfit(
            code="CMP707",
            message=f"the weights take {plan.nbytes:,} bytes, and {place.format} holds at most "
            f"{form.largest:,}",
            help="keras, weights, h5 and saved_model have no such limit",
        )


def _renamed(name: str, origin: Origin) -> tuple[SpecPath, str]:
    """Return where an input comes from, and how it gets another name."""
    if origin.source is not None:
        return (
            ("sources", origin.source),
            f"rename it: sources.{origin.source}.rename: {{{origin.layer!r}: …}}",
        )
    return ("inputs", origin.layer), f"declare it under another id than {name!r}"


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
            found.append(_diagnostic(spec, place, "CMP709", error.message, help=error.help))
    return tuple(found)


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _installed(distribution: str) -> bool:
    # By module: onnxruntime also comes in distributions of other names, for other processors.
    return find_spec(distribution.replace("-", "_")) is not None


def _diagnostic(
    spec: Spec,
    place: Destination,
    code: str,
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
