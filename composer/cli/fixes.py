"""``compose validate --fix`` and ``--diff``: what was put right, and what is left."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from composer.cli import console
from composer.diagnostics.render.terminal_text import shown_lines
from composer.files.suffixes import SPEC_SUFFIXES
from composer.workflows.named_files import readable_file

if TYPE_CHECKING:
    from composer.authoring.fixed_texts import FixedFile
    from composer.diagnostics.render import Format
    from composer.workflows.fixing import Fixed


def fix_specs(
    specs: Sequence[str],
    overrides: Sequence[str],
    *,
    write: bool,
    deep: bool,
    offline: bool,
    format: Format,  # noqa: A002
) -> int:
    """Put right what can be in specs, or show what that would change.

    Returns:
        The exit code: 1 where errors are left, or where changes were shown and not made.
    """
    from composer.cli.progress import display
    from composer.cli.reporting import Report
    from composer.cli.verdict import verdict
    from composer.errors import ComposeError
    from composer.workflows.fixing import fix_spec, write_fixed

    code = 0
    with Report(format, stdout_is_taken=not write) as report:
        for spec in specs:
            try:
                readable_file(spec, SPEC_SUFFIXES)
                with display(f"fixing {spec}") as say:
                    fixed = fix_spec(spec, overrides, deep=deep, offline=offline, progress=say)
                if write:
                    write_fixed(fixed.files)
            except ComposeError as error:
                report.fail(error)
                code = max(code, error.exit_code)
                continue
            if not write:
                for file in fixed.files:
                    console.data("".join(_difference(file)))
            report.remark(fixed.prepared.remarks)
            report.add(fixed.prepared.diagnostics)
            console.talk_lines(_tally(spec, fixed, write=write))
            if fixed.prepared.errors or (fixed.files and not write):
                code = max(code, 1)
            if fixed.prepared.errors:
                console.talk_lines(verdict(spec, fixed.prepared))
            elif write:
                report.say(verdict(spec, fixed.prepared))
    return code


def _tally(spec: str, fixed: Fixed, *, write: bool) -> str:
    lines = [
        f"{'fixed' if write else 'would fix'} {found.span.file}:{found.span.line}: "
        f"{found.code} {found.message}"
        for found in fixed.done
        if found.span is not None
    ]
    left = len(fixed.prepared.diagnostics)
    words = "fixed" if write else "would be fixed"
    return shown_lines(
        [*lines, f"{spec}: {len(fixed.done)} {words}, {left} remain{'s' if left == 1 else ''}"]
    )


def _difference(file: FixedFile) -> Iterator[str]:
    """Yield the lines of a unified diff, as patch reads them."""
    before = file.before.decode("utf-8").splitlines(keepends=True)
    after = file.after.decode("utf-8").splitlines(keepends=True)
    for line in difflib.unified_diff(before, after, file.shown, file.shown):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
