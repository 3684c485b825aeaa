"""``compose validate``: every problem of some specs at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from composer.cli import console, options
from composer.files.suffixes import SPEC_SUFFIXES
from composer.workflows.named_files import readable_file

if TYPE_CHECKING:
    from composer.diagnostics.render import Format


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
    from composer.cli.verdict import verdict
    from composer.errors import ComposeError
    from composer.workflows.pipeline import prepare

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
                readable_file(spec, SPEC_SUFFIXES)
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
