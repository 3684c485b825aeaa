"""``compose plan``: what a build would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from composer.cli import console, options
from composer.files.suffixes import SPEC_SUFFIXES
from composer.workflows.named_files import readable_file

if TYPE_CHECKING:
    from composer.diagnostics.render import Format


@click.command(name="plan", short_help="Show what a build would do: the link map.")
@options.specs_and_overrides
@options.deep
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
@options.page
@click.option("--all", "every_layer", is_flag=True, help="List every layer on its own line.")
@options.offline
@options.output_format
def command(
    arguments: tuple[str, ...],
    *,
    deep: bool,
    offline: bool,
    as_json: bool,
    page: str | None,
    every_layer: bool,
    format: Format,  # noqa: A002
) -> int:
    """Show what a build would do: which layers are used, under which names, and how they connect.

    Without --deep, Keras is not started, and shapes that only Keras can tell are shown as
    deferred. Sources by URL are fetched unless they are in the store.
    """
    from composer.cli.progress import display
    from composer.cli.reporting import Report, counted
    from composer.cli.writing import page_path, replace_file
    from composer.errors import UsageError
    from composer.workflows.pipeline import plan_spec, prepare

    specs, overrides = options.split(arguments)
    if len(specs) > 1:
        raise UsageError("CMP113.plan-many-specs", count=len(specs), specs=specs)
    page_file = page_path(page)
    readable_file(specs[0], SPEC_SUFFIXES)
    with display(f"planning {specs[0]}") as say:
        prepared = prepare(specs[0], overrides, deep=deep, offline=offline, progress=say)
    with Report(format, stdout_is_taken=as_json) as report:
        report.remark(prepared.remarks)
        report.add(prepared.diagnostics)
        if prepared.errors:
            console.talk(f"{counted(prepared.diagnostics)} in {specs[0]}")
            return 1
        plan = plan_spec(prepared)
        assert prepared.spec is not None
        results = prepared.spec.target.destinations
        if as_json:
            import json

            from composer.cli.build_screen import results_document
            from composer.resolver.plan_document import plan_document

            document = {**plan_document(plan), "results": results_document(results)}
            document["weights_read"] = False
            report.say(json.dumps(document, indent=2))
        else:
            from composer.cli.plan_screen import show_plan

            where = console.terminal(report.stream)
            show_plan(plan, where, results=results, every_layer=every_layer)
        if page_file is not None:
            from composer.views.page.html import html
            from composer.views.page.of_plan import page_of_plan

            text = html(page_of_plan(plan, every_layer=every_layer))
            replace_file(page_file, text.encode())
            console.talk(f"{page_file}: open it in a browser")
    return 0
