"""``compose graph``: a picture of a spec or of a model file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from composer.cli import candidates, console, options
from composer.cli.writing import replace_file
from composer.files.suffixes import KERAS_SUFFIXES, LEGACY_SUFFIXES, SPEC_SUFFIXES
from composer.workflows.named_files import readable_file

if TYPE_CHECKING:
    from composer.diagnostics.render import Format
    from composer.views.picture.model import Picture

Form = Literal["svg", "png", "mermaid", "dot"]
_ENDINGS: dict[str, Form] = {
    ".svg": "svg", ".png": "png", ".mmd": "mermaid", ".mermaid": "mermaid",
    ".dot": "dot", ".gv": "dot",
}  # fmt: skip


@click.command(name="graph", short_help="Draw a spec or a model: SVG, PNG, Mermaid, DOT.")
@click.argument("model", metavar="SPEC|MODEL", shell_complete=candidates.specs_and_models)
@options.overrides
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    shell_complete=candidates.any_file,
    help="Output file. The extension sets the format.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["svg", "png", "mermaid", "dot"]),
    help="Output format, if the extension does not set it. Default: mermaid, to stdout.",
)
@click.option(
    "--all", "every_layer", is_flag=True, help="Show unused layers of the sources, in grey."
)
@click.option(
    "--unfold",
    multiple=True,
    metavar="PATTERN",
    shell_complete=candidates.layer_names,
    help="Open folded blocks whose name, or a layer inside, matches; '*' opens all.",
)
@options.deep
@options.offline
@options.output_format
def command(
    model: str,
    *,
    overrides: tuple[str, ...],
    output: str | None,
    form: Form | None,
    every_layer: bool,
    unfold: tuple[str, ...],
    deep: bool,
    offline: bool,
    format: Format,  # noqa: A002
) -> int:
    """Draw the model of a spec, or of a .keras or .h5 file.

    Each source has its own box and colour. Connections made by the spec are thick and labelled
    with their shape. Repeated blocks are folded. Keras is not started, and nothing in a file is
    executed.
    """
    from composer.errors import UsageError

    chosen = _form(output, form)
    wrong = [word for word in overrides if not options.is_override(word)]
    if wrong:
        raise UsageError("CMP113.graph-second", name=wrong[0])
    if Path(model).suffix in KERAS_SUFFIXES + LEGACY_SUFFIXES:
        if overrides or every_layer:
            word = overrides[0] if overrides else "--all"
            raise UsageError("CMP113.graph-of-model", option=word, path=model)
        picture = _of_model(model)
    else:
        found = _of_spec(model, overrides, (deep, offline, every_layer), format, output)
        if found is None:
            return 1
        picture = found
    _draw(picture, unfold, chosen, output)
    return 0


def _form(output: str | None, form: Form | None) -> Form:
    from composer.errors import UsageError

    if form is not None:
        return form
    if output is None:
        return "mermaid"
    suffix = Path(output).suffix.lower()
    if suffix not in _ENDINGS:
        raise UsageError("CMP113.picture-extension", path=output, expected=_ENDINGS)
    return _ENDINGS[suffix]


def _of_model(model: str) -> Picture:
    from composer.authoring.inspection import inspect_model
    from composer.views.picture.collect import picture_of_model

    file = readable_file(model, KERAS_SUFFIXES + LEGACY_SUFFIXES)
    inspection = inspect_model(file)
    return picture_of_model(
        inspection.graph,
        {layer.name: layer.origin for layer in inspection.layers if layer.origin is not None},
        {source.id: source.location for source in inspection.sources},
    )


def _of_spec(
    path: str,
    overrides: tuple[str, ...],
    how: tuple[bool, bool, bool],
    format: Format,  # noqa: A002
    output: str | None,
) -> Picture | None:
    from composer.cli.progress import display
    from composer.cli.reporting import Report, counted
    from composer.views.picture.collect import picture_of_plan
    from composer.workflows.pipeline import plan_spec, prepare

    deep, offline, every_layer = how
    readable_file(path, SPEC_SUFFIXES)
    with display(f"planning {path}") as say:
        prepared = prepare(path, overrides, deep=deep, offline=offline, progress=say)
    with Report(format, stdout_is_taken=output is None) as report:
        report.remark(prepared.remarks)
        report.add(prepared.diagnostics)
        if prepared.errors:
            console.talk(f"{counted(prepared.diagnostics)} in {path}")
            return None
    plan = plan_spec(prepared)
    if prepared.unchecked.shapes:
        shapes = ", ".join(prepared.unchecked.shapes)
        console.talk(f"no shapes yet behind {shapes}: --deep asks Keras for them")
    return picture_of_plan(plan, every_layer=every_layer)


def _draw(picture: Picture, unfold: tuple[str, ...], form: Form, output: str | None) -> None:
    from composer.views.picture.visible import dead_patterns, view_of

    for pattern in dead_patterns(picture, unfold):
        console.talk(f"--unfold {pattern}: no layer and no fold has such a name")
    view = view_of(picture, unfold)
    match form:
        case "dot":
            from composer.views.picture.dot import dot

            drawn = dot(view).encode()
        case "mermaid":
            from composer.views.picture.mermaid import mermaid

            drawn = mermaid(view).encode()
        case "svg" | "png":
            from composer.views.picture.svg import svg

            text = svg(view)
            drawn = text.encode()
            if form == "png":
                from composer.views.picture.png import png

                drawn = png(text)
    if output is not None and output != "-":
        replace_file(Path(output), drawn)
        folds = sum(node.folded > 0 for node in view.nodes)
        more = f", {folds} of them folded; --unfold opens them" if folds else ""
        console.talk(f"{output}: {len(view.nodes)} nodes{more}")
    elif form == "png":
        _png_to_stdout(drawn)
    else:
        console.data(drawn.decode())


def _png_to_stdout(data: bytes) -> None:
    import sys

    from composer.errors import UsageError

    if sys.stdout.isatty():
        raise UsageError("CMP113.png-terminal")
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
