"""``compose diff``: what two specs, plans, locks or artifacts differ in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from composer.cli import candidates, console, options

if TYPE_CHECKING:
    from composer.diagnostics.diagnostic import Diagnostic
    from composer.diagnostics.render import Format
    from composer.difference.compare import ModelDifference

DIFFERENT = 4
UNKNOWN = 3


@click.command(name="diff", short_help="Compare two specs, plans, locks or artifacts.")
@click.argument("before", shell_complete=candidates.compared)
@click.argument("now", shell_complete=candidates.compared)
@options.overrides
@options.deep
@options.page
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@options.output_format
def command(
    before: str,
    now: str,
    *,
    overrides: tuple[str, ...],
    deep: bool,
    as_json: bool,
    page: str | None,
    format: Format,  # noqa: A002
) -> int:
    """Compare two models layer by layer: names, wiring, arguments, shapes and weights.

    Each is a spec, a .keras file, a lock, or the output of compose plan --json. REVISION:PATH, such
    as HEAD:specs/a.yaml, reads it from git. Overrides apply to specs; if both are the same spec,
    only to the second. Exits with code 0 if nothing differs, 4 if something does, and 3 if no
    difference was found but not everything could be compared.
    """
    from composer.cli.progress import display
    from composer.cli.reporting import Report
    from composer.cli.writing import page_path, replace_file
    from composer.difference.compare import compare
    from composer.errors import SpecError, UsageError
    from composer.workflows.comparison import opened_views

    wrong = [word for word in overrides if not options.is_override(word)]
    if wrong:
        raise UsageError("CMP113.diff-third", name=wrong[0])
    page_file = page_path(page)
    text = ""
    with Report(format, stdout_is_taken=True) as report:
        try:
            with (
                display(f"comparing {before} and {now}") as say,
                opened_views(before, now, overrides, deep=deep, progress=say) as views,
            ):
                found = compare(*views)
                if page_file is not None:
                    from composer.views.page.html import html
                    from composer.views.page.of_difference import page_of_difference

                    text = html(page_of_difference(*views, found))
            partial = not found.any and bool(found.not_compared)
            if partial:
                report.add([_partial(found, deep=deep)])
        except SpecError as error:
            report.add(error.diagnostics)
            return error.exit_code
    if page_file is not None:
        replace_file(page_file, text.encode())
        console.talk(f"{page_file}: open it in a browser")
    if as_json:
        import json

        from composer.difference.difference_document import difference_document

        console.data(json.dumps(difference_document(found), indent=2) + "\n")
    else:
        from composer.cli.diff_text import diff_lines

        console.data("".join(f"{line}\n" for line in diff_lines(found)))
    return UNKNOWN if partial else DIFFERENT if found.any else 0


def _partial(found: ModelDifference, *, deep: bool) -> Diagnostic:
    from composer.diagnostics.diagnostic import Diagnostic

    return Diagnostic(
        code="CMP117",
        message=f"not compared, since one side does not tell them: {', '.join(found.not_compared)}",
        help="compare two specs, or two artifacts, which hold everything"
        + ("" if deep else "; --deep lets Keras make what a spec leaves open"),
    )
