"""``compose inspect``: what is in a ``.keras`` or ``.h5`` file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from composer.cli import candidates, console
from composer.files.suffixes import KERAS_SUFFIXES, LEGACY_SUFFIXES
from composer.workflows.named_files import readable_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from composer.cli.selected_layers import Caught
    from composer.spec.model import Selector


@click.command(name="inspect", short_help="List the layers of a .keras or .h5 file.")
@click.argument("model", shell_complete=candidates.model_files)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--select",
    "selectors",
    multiple=True,
    metavar="SELECTOR",
    shell_complete=candidates.layer_names,
    help="Show the layers that a selector matches, such as 'conv5_*' or '{class: Dropout}'.",
)
def command(model: str, *, as_json: bool, selectors: tuple[str, ...]) -> int:
    """List the layers of a .keras or .h5 file: names, classes, shapes, sizes.

    The file is read as data: nothing in it is executed, and Keras is not started.
    """
    file = readable_file(model, KERAS_SUFFIXES + LEGACY_SUFFIXES)
    parsed = {text: _selector(text) for text in selectors}

    from composer.authoring.inspection import inspect_model

    inspection = inspect_model(file)
    caught = None
    if parsed:
        from composer.cli.selected_layers import catch

        caught = catch(inspection, parsed)
        _report(caught)
    if as_json:
        import json

        from composer.authoring.inspection_document import inspection_document

        names = None if caught is None else {text: it.names for text, it in caught.items()}
        console.data(json.dumps(inspection_document(inspection, names), indent=2) + "\n")
    else:
        from composer.cli.layer_table import show_inspection

        show_inspection(inspection, console.terminal("stdout"), caught)
    return 1 if caught is not None and not all(it.names for it in caught.values()) else 0


def _selector(text: str) -> Selector:
    """Read a selector as a spec would; a map is YAML, anything else a glob."""
    from composer.errors import UsageError
    from composer.spec.refused import RefusedError
    from composer.spec.selectors import parse_selector

    data: object = text
    if text.lstrip().startswith("{"):
        import yaml

        try:
            # Only text comes of this loader: no number, no date, no object.
            data = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506
        except yaml.YAMLError as error:
            raise UsageError("CMP113.selector-yaml", text=text, reason=str(error)) from error
    forms = ({"regex"}, {"class"}, {"upto"}, {"after"}, {"from", "to"})
    is_map = isinstance(data, dict) and set(data) in forms
    if not isinstance(data, str) and not (
        isinstance(data, dict) and is_map and all(isinstance(v, str) for v in data.values())
    ):
        raise UsageError("CMP113.selector", text=text)
    try:
        return parse_selector(data)
    except RefusedError as error:
        raise UsageError("CMP113.selector-refused", reason=error.message, help=error.help).under(
            error.code
        ) from error


def _report(caught: Mapping[str, Caught]) -> None:
    for text, found in caught.items():
        if not found.names:
            console.show_problem(f"{text} matches no layer", found.why_none, code="CMP401")
        elif found.opened:
            console.talk(
                f"note: {text} matches layers inside nested models: in a spec only with "
                "flatten: true on the source"
            )
