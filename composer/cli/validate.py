"""``compose validate``: every problem of some specs at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from composer.cli import console, options
from composer.diagnostics.render.terminal_text import shown_lines
from composer.file_suffixes import SPEC_SUFFIXES

if TYPE_CHECKING:
    from composer.diagnostics.render import Format
    from composer.pipeline import Prepared
    from composer.resolver.unchecked import Unchecked

_SHOWN = 5


@click.command(name="validate", short_help="Report every problem of specs.")
@options.specs_and_overrides
@options.deep
@click.option("--fix", is_flag=True, help="Apply the safe fixes to the files.")
@click.option("--diff", is_flag=True, help="Show the changes that --fix would make.")
@options.offline
@options.output_format
def command(
    arguments: tuple[str, ...],
    *,
    deep: bool,
    fix: bool,
    diff: bool,
    offline: bool,
    format: Format,  # noqa: A002
) -> int:
    """Report every mistake in specs, their layer names and their graphs.

    Checks that need Keras are listed at the end; --deep runs them: each new layer, and each layer
    that gets another shape than its source recorded, is made and run once. Without --deep, Keras is
    not started. Sources by URL are fetched unless they are in the store. An OVERRIDE is a change
    such as vars.classes=5, +sources.a.trainable=true or ~layers.drop.

    --fix applies the safe fixes: a prefix for clashing names, a misspelled key, name or file,
    missing quotes. Comments and layout stay as they are.
    """
    from composer.cli.progress import display
    from composer.cli.reporting import Report
    from composer.errors import ComposeError
    from composer.pipeline import prepare

    specs, overrides = options.split(arguments)
    if fix or diff:
        from composer.cli.fixes import fix_specs

        return fix_specs(
            specs, overrides, write=fix and not diff, deep=deep, offline=offline, format=format
        )
    code = 0
    with Report(format) as report:
        for spec in specs:
            try:
                options.readable_file(spec, SPEC_SUFFIXES)
                with display(f"reading {spec}") as say:
                    prepared = prepare(spec, overrides, deep=deep, offline=offline, progress=say)
            except ComposeError as error:
                report.fail(error)
                code = max(code, error.exit_code)
                continue
            report.remark(prepared.remarks)
            report.add(prepared.diagnostics)
            if prepared.errors:
                code = max(code, 1)
                console.talk_lines(verdict(spec, prepared))
            else:
                report.say(verdict(spec, prepared))
    return code


def verdict(spec: str, prepared: Prepared) -> str:
    """Return the last lines about one spec: what was found, and what was not checked.

    A stranger's text in them is escaped, a line at a time.
    """
    from composer.cli.numbers import UNREAD, count
    from composer.cli.reporting import counted

    parts = []
    if prepared.spec is not None and not prepared.errors:
        parts.append(count(len(prepared.spec.sources), "source"))
    if prepared.plan is not None:
        parts.append(count(len(prepared.plan.graph.operations), "operation"))
        parts.append(UNREAD)
    unchecked = _unchecked(prepared.unchecked)
    rest = "; not checked:" if unchecked else ""
    if prepared.errors:
        words = f"{counted(prepared.diagnostics)} in {spec}"
        fixable = sum(bool(found.fix) for found in prepared.diagnostics)
        first = words + (f" ({fixable} fixable with compose validate --fix)" if fixable else "")
    else:
        fine = "no problem found" if unchecked else "fine"
        word = counted(prepared.diagnostics) if prepared.diagnostics else fine
        first = f"{spec}: {word}" + (f" ({', '.join(parts)})" if parts else "")
    return shown_lines([first + rest, *(f"  {line}" for line in unchecked)])


def _unchecked(found: Unchecked) -> list[str]:
    """Return a line for each kind of thing that was not checked, and how to check them."""
    kinds = (
        ("sources that Keras imports", found.imports),
        ("arguments", found.arguments),
        ("inputs that changed", found.inputs),
        ("output shapes", found.shapes),
    )
    lines = []
    for kind, names in kinds:
        if names:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            lines.append(f"{kind}: {', '.join(names[:_SHOWN])}{more}")
    return [*lines, "--deep asks Keras about these"] if lines else []
