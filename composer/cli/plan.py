"""``compose plan``: what a build would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from composer.cli import console, options

if TYPE_CHECKING:
    from composer.diagnostics.render import Format


@click.command(name="plan", short_help="Show what a build would do: the link map.")
@options.specs_and_overrides
@options.deep
@click.option("--json", "as_json", is_flag=True, help="Print the plan as a JSON document.")
@click.option("--all", "every_layer", is_flag=True, help="List each layer on a line of its own.")
@options.output_format
def command(
    arguments: tuple[str, ...],
    *,
    deep: bool,
    as_json: bool,
    every_layer: bool,
    format: Format,  # noqa: A002
) -> int:
    """Show the link map of a spec: what goes in, under which name, wired to what.

    Without --deep Keras is not started, and shapes that only Keras can tell are shown as
    deferred.
    """
    from composer.cli.progress import display
    from composer.cli.reporting import Report, counted
    from composer.errors import UsageError
    from composer.pipeline import plan_spec, prepare

    specs, overrides = options.split(arguments)
    if len(specs) > 1:
        raise UsageError(
            f"a plan is of one spec; found {len(specs)}: {', '.join(specs)}",
            help="an override holds '=' or begins with '+' or '~'",
        )
    options.readable_file(specs[0], (".yaml", ".yml"))
    with display(f"planning {specs[0]}") as say:
        prepared = prepare(specs[0], overrides, deep=deep, progress=say)
    with Report(format, stdout_is_taken=as_json) as report:
        report.add(prepared.diagnostics)
        if prepared.errors:
            console.talk(f"{counted(prepared.diagnostics)} in {specs[0]}")
            return 1
        plan = plan_spec(prepared)
        if as_json:
            import json

            from composer.resolver.document import plan_document

            report.say(json.dumps(plan_document(plan), indent=2))
        else:
            from composer.cli.link_map import show_plan

            show_plan(plan, console.terminal(report.stream), every_layer=every_layer)
    return 0
