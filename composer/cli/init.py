"""``compose init``: a first spec for some models, with what is left to decide as comments."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from composer.cli import candidates, console, options
from composer.diagnostics.render.terminal_text import shown
from composer.errors import UsageError
from composer.files.suffixes import KERAS_SUFFIXES, LEGACY_SUFFIXES, SPEC_SUFFIXES
from composer.workflows.named_files import readable_file

if TYPE_CHECKING:
    from composer.diagnostics import Diagnostic, Span
    from composer.diagnostics.render import Format
    from composer.workflows.drafting import Draft

STDOUT = "-"
SCHEMA = "schemas/spec.schema.json"
_OWN_FOLDER = "specs"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
"""As ``name`` of the schema of specs."""


@click.command(name="init", short_help="Write a first spec for some models.")
@click.argument(
    "models",
    nargs=-1,
    metavar="MODEL...",
    type=click.UNPROCESSED,
    shell_complete=candidates.model_files,
)
@click.option(
    "-o", "--output", metavar="FILE", shell_complete=candidates.any_file,
    help="Output file; - is stdout. Default: specs/NAME.yaml if there is a folder specs, "
    "else NAME.yaml.",
)  # fmt: skip
@click.option(
    "--name", metavar="NAME", help="Name of the model. Default: made from the names of the models."
)
@click.option(
    "--example", is_flag=True,
    help="Write an example to the current folder: two small models and a spec.",
)  # fmt: skip
@options.offline
@options.output_format
def command(
    models: tuple[str, ...],
    *,
    output: str | None,
    name: str | None,
    example: bool,
    offline: bool,
    format: Format,  # noqa: A002
) -> int:
    """Write a first spec for MODELs: files, app:NAME, or any other kind of source.

    The spec can be built as it is. Models whose layer names clash get prefixes, and layers that
    look like a head are excluded. Inputs to share, connections that fit and layers to add are
    suggested in comments. init never overwrites a file and does not start Keras.
    """
    from composer.cli.progress import display
    from composer.cli.reporting import Report, counted
    from composer.workflows.drafting import draft

    if example:
        if models or output is not None or name is not None:
            raise UsageError("CMP113.example-arguments")
        return _example()
    if not models:
        raise UsageError("CMP113.no-models", help=_models_here())
    if name is not None and not _NAME.fullmatch(name):
        raise UsageError("CMP113.model-name", name=name)
    file = _target(output)
    directory = _directory(output)
    schema, missing = _schema(directory, write=output != STDOUT)
    with Report(format, stdout_is_taken=output == STDOUT) as report:
        with display(f"reading {', '.join(models)}") as say:
            drafted = draft(
                [_location(model, directory) for model in models],
                directory=directory,
                name=name,
                schema=schema,
                output=lambda found: _result(found, directory, models),
                offline=offline,
                progress=say,
            )
        file = file or directory / f"{drafted.name}.yaml"
        report.remark(drafted.prepared.remarks)
        if output == STDOUT:
            console.data(drafted.text)
        else:
            _write(file, drafted.text.encode())
            if missing is not None:
                _write_schema(missing)
        report.add(_placed(drafted, str(file)))
        if output != STDOUT:
            report.say(shown(_verdict(str(file), drafted)))
        if drafted.prepared.errors:
            console.talk(f"{counted(drafted.prepared.diagnostics)} left to fix in {file}")
            return 1
        if output != STDOUT:
            console.talk(f"next: compose plan {file}, then compose build {file}")
    return 0


def _example() -> int:
    """Write the example into the current folder."""
    from composer.authoring import example

    _, missing = _schema(Path(), write=True)
    for file in example.existing(Path()):
        _refuse_existing(file)
    for name in example.FILES:
        _write(Path(name), example.content(name))
        console.talk(f"{name} written")
    if missing is not None:
        _write_schema(missing)
    console.talk(f"next: compose build {example.SPEC} --verify")
    return 0


def _target(output: str | None) -> Path | None:
    """Return the file that ``--output`` names, once it is known to be free."""
    if output in (None, STDOUT):
        return None
    assert output is not None
    file = Path(output)
    if not output.endswith(SPEC_SUFFIXES):
        raise UsageError("CMP113.spec-extension", path=output, better=file.with_suffix(".yaml"))
    _refuse_existing(file)
    return file


def _refuse_existing(file: Path) -> None:
    if os.path.lexists(file):
        raise UsageError("CMP712.exists", path=file)


def _directory(output: str | None) -> Path:
    """Return the folder that the spec will stand in."""
    if output == STDOUT:
        return Path()
    if output is not None:
        return Path(output).parent
    own = Path(_OWN_FOLDER)
    return own if own.is_dir() else Path()


def _location(model: str, directory: Path) -> str:
    """Return what ``from`` says of a model: a path from the spec, anything else as it is."""
    from composer.spec.locations import is_remote
    from composer.spec.source_forms import has_prefix, offered

    if model.startswith("hub:.") or (model.startswith("hub:") and Path(model[4:]).is_dir()):
        preset = _seen_from(directory, Path(model[4:]))
        return f"hub:{preset}" if preset.startswith(("/", ".")) else f"hub:./{preset}"
    if has_prefix(model) or is_remote(model) or model.startswith("file:"):
        return model
    path = Path(model).expanduser()
    known = tuple(name for name in offered() if name.startswith("."))
    if not (path.is_dir() and (path / "saved_model.pb").is_file()):
        readable_file(str(path), known)
    if path.is_file() and not model.endswith(known):
        raise UsageError(
            "CMP113.model-extension", path=model, expected=KERAS_SUFFIXES + LEGACY_SUFFIXES
        )
    return _seen_from(directory, path)


def _seen_from(directory: Path, path: Path) -> str:
    """Return a path from the spec's folder; an absolute one that leads elsewhere stays."""
    # Not resolved: the user knows the file by the way that leads to it.
    here = Path(os.path.abspath(directory))  # noqa: PTH100
    there = Path(os.path.abspath(path))  # noqa: PTH100
    if path.is_absolute() and not there.is_relative_to(Path.cwd()):
        return str(path)
    return Path(os.path.relpath(there, here)).as_posix()


def _result(name: str, directory: Path, models: tuple[str, ...]) -> str:
    """Return where the result goes, from the spec; never onto one of the models."""
    build = Path("build") if Path(os.path.abspath(directory)).is_relative_to(Path.cwd()) else None  # noqa: PTH100
    folder = build if build is not None else directory / "build"
    taken = {os.path.abspath(model) for model in models}  # noqa: PTH100
    file = folder / f"{name}.keras"
    while os.path.abspath(file) in taken:  # noqa: PTH100
        file = file.with_name(f"{file.stem}_new.keras")
    return _seen_from(directory, file)


def _schema(directory: Path, *, write: bool) -> tuple[str | None, Path | None]:
    """Return where an editor finds the schema from the spec, and where it has to be written first.

    One that stands in this folder or in one above the spec is taken as it is.
    """
    inside = Path(os.path.abspath(directory)).is_relative_to(Path.cwd())  # noqa: PTH100
    base = Path() if inside else directory
    for folder in (base, directory):
        if (folder / SCHEMA).is_file():
            return _seen_from(directory, folder / SCHEMA), None
    if not write:
        return None, None
    return _seen_from(directory, base / SCHEMA), base / SCHEMA


def _write(file: Path, content: bytes) -> None:
    """Write a file that is not there yet.

    Raises:
        UsageError: it is there, or its folder can't be written to.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("xb") as stream:
            stream.write(content)
    except FileExistsError:
        _refuse_existing(file)
        raise
    except OSError as error:
        raise UsageError(
            "CMP712.unwritable", path=file, reason=os.strerror(error.errno or 0).lower()
        ) from error


def _write_schema(file: Path) -> None:
    from composer.spec.editor_schema import editor_schema_text

    _write(file, editor_schema_text().encode())
    console.talk(f"{file}: the schema of specs, for completion and checks in an editor")


def _placed(drafted: Draft, file: str) -> tuple[Diagnostic, ...]:
    """Return the diagnostics of a draft, which name the file that it is written to."""
    from dataclasses import replace

    def moved(span: Span | None) -> Span | None:
        draft = span is not None and span.file == f"{drafted.name}.yaml"
        return replace(span, file=file) if span is not None and draft else span

    return tuple(
        replace(
            found,
            span=moved(found.span),
            notes=tuple(replace(note, span=moved(note.span)) for note in found.notes),
            fix=(),
        )
        for found in drafted.prepared.diagnostics
    )


def _verdict(file: str, drafted: Draft) -> str:
    from composer.cli.numbers import count

    parts = [count(len(drafted.parts), "source")]
    prefixed = sum(bool(part.prefix) for part in drafted.parts)
    if prefixed:
        parts.append(f"{prefixed} with a prefix")
    excluded = sum(len(part.excluded) for part in drafted.parts)
    if excluded:
        parts.append(f"{count(excluded, 'layer')} of heads excluded")
    plan = drafted.prepared.plan
    if plan is not None:
        parts.append(count(len(plan.graph.operations), "operation"))
    if drafted.prepared.deferred:
        parts.append(f"{len(drafted.prepared.deferred)} deferred until Keras is asked")
    return f"{file}: {', '.join(parts)}"


def _models_here() -> str:
    found = sorted(
        str(path)
        for folder in (Path(), Path("models"))
        if folder.is_dir()
        for path in folder.iterdir()
        if path.suffix in KERAS_SUFFIXES + LEGACY_SUFFIXES
    )
    if found:
        return f"for instance: compose init {' '.join(found[:2])}"
    return "for instance: compose init models/tower.keras models/other.keras"
