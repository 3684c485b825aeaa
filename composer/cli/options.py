"""Arguments and options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from composer.cli import candidates
from composer.errors import UsageError
from composer.files.suffixes import SPEC_SUFFIXES

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

output_format: Decorator = click.option(
    "--output-format",
    "format",
    # The names of composer.diagnostics.render.FORMATS, which --help must not have to import.
    type=click.Choice(["full", "concise", "json", "github", "sarif"]),
    default="full",
    show_default=True,
    help="Format of diagnostics. json, github and sarif go to stdout, the others to stderr.",
)

deep: Decorator = click.option(
    "--deep", is_flag=True, help="Start Keras to find out what files alone can't tell."
)

offline: Decorator = click.option(
    "--offline",
    is_flag=True,
    help="Use only what was fetched before; no network. Same as COMPOSE_OFFLINE=1.",
)

page: Decorator = click.option(
    "--html",
    "page",
    metavar="FILE",
    shell_complete=candidates.pages,
    help="Also write an HTML page, in one file.",
)


def _arguments(metavar: str) -> Decorator:
    return click.argument(
        "arguments",
        nargs=-1,
        metavar=metavar,
        type=click.UNPROCESSED,
        shell_complete=candidates.specs_and_overrides,
    )


overrides: Decorator = click.argument(
    "overrides",
    nargs=-1,
    metavar="[OVERRIDE...]",
    type=click.UNPROCESSED,
    shell_complete=candidates.specs_and_overrides,
)

specs_and_overrides: Decorator = _arguments("SPEC... [OVERRIDE...]")

maybe_specs_and_overrides: Decorator = _arguments("[SPEC...] [OVERRIDE...]")


def is_override(argument: str) -> bool:
    """Tell an override (``vars.classes=5``, ``+a.b=c``, ``~a.b``) from the path of a spec."""
    return "=" in argument or argument.startswith(("+", "~"))


def split(arguments: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the specs and the overrides among ``arguments``, a folder as the specs in it.

    Raises:
        UsageError: there is no spec, or a folder holds none.
    """
    listed = tuple(arguments)
    overrides = tuple(argument for argument in listed if is_override(argument))
    named = (a for a in listed if not is_override(a))
    specs = tuple(dict.fromkeys(spec for name in named for spec in _specs_of(name)))
    if not specs:
        if overrides:
            raise UsageError("CMP113.only-overrides", overrides=overrides)
        raise UsageError("CMP113.no-spec")
    return specs, overrides


def _specs_of(name: str) -> tuple[str, ...]:
    """Return the specs that ``name`` stands for: itself, or those in a folder at any depth."""
    if not Path(name).is_dir():
        return (name,)
    found = specs_below(name)
    if not found:
        raise UsageError("CMP114.empty-folder", path=name)
    return found


def specs_below(name: str) -> tuple[str, ...]:
    """Return the YAML files in a folder, at any depth.

    Files and folders whose names begin with ``_`` or a dot are left out: what other specs extend
    and what is no spec at all can stand beside them.
    """
    folder = Path(name)
    return tuple(
        sorted(
            str(path)
            for path in folder.rglob("*")
            if path.suffix in SPEC_SUFFIXES
            and not any(part.startswith(("_", ".")) for part in path.relative_to(folder).parts)
            and path.is_file()
        )
    )
