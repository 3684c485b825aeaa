"""``compose diff``: what two specs, plans, locks or artifacts differ in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from composer.cli import candidates, console, options

if TYPE_CHECKING:
    from composer.diagnostics.render import Format

DIFFERENT = 4


@click.command(name="diff", short_help="Compare two specs, plans, locks or artifacts.")
@click.argument("before", shell_complete=candidates.compared)
@click.argument("now", shell_complete=candidates.compared)
@click.argument(
    "overrides",
    nargs=-1,
    metavar="[OVERRIDE...]",
    type=click.UNPROCESSED,
    shell_complete=candidates.compared,
)
@options.deep
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@options.output_format
def command(
    before: str,
    now: str,
    *,
    overrides: tuple[str, ...],
    deep: bool,
    as_json: bool,
    format: Format,  # noqa: A002
) -> int:
    """Compare two models layer by layer: names, wiring, arguments, shapes and weights.

    Each is a spec, a .keras file, a lock, or what compose plan --json wrote; REVISION:PATH, such
    as HEAD:specs/a.yaml, takes it from git. Overrides go to what is a spec. The exit code is 0
    where nothing differs, else 4.
    """
    from composer.cli.progress import display
    from composer.cli.reporting import Report
    from composer.comparison import compare_files
    from composer.errors import SpecError, UsageError

    wrong = [word for word in overrides if not options.is_override(word)]
    if wrong:
        raise UsageError(
            f"two are compared at a time; found a third: {wrong[0]}",
            help="an override holds '=' or begins with '+' or '~'",
        )
    with Report(format, stdout_is_taken=True) as report:
        try:
            with display(f"comparing {before} and {now}") as say:
                found = compare_files(before, now, overrides, deep=deep, progress=say)
        except SpecError as error:
            report.add(error.diagnostics)
            return error.exit_code
    if as_json:
        import json

        from composer.difference.document import difference_document

        console.data(json.dumps(difference_document(found), indent=2) + "\n")
    else:
        from composer.cli.diff_text import diff_lines

        console.data("".join(f"{line}\n" for line in diff_lines(found)))
    return DIFFERENT if found.any else 0
