"""``compose status``: which results and locks of specs are what the specs give now."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from composer.cli import console, options
from composer.diagnostics.render.terminal_text import shown_lines
from composer.errors import DriftError
from composer.files.suffixes import SPEC_SUFFIXES
from composer.workflows.named_files import readable_file

if TYPE_CHECKING:
    from composer.diagnostics.diagnostic import Diagnostic
    from composer.diagnostics.render import Format
    from composer.workflows.status import LockStatus, Status

_SPEC = re.compile(rb"^version\s*:\s*1\s*(?:#.*)?$", re.MULTILINE)
_PARTS = re.compile(rb"^(?:sources|layers|extends)\s*:", re.MULTILINE)


@click.command(name="status", short_help="Show which results and locks are out of date, and why.")
@options.maybe_specs_and_overrides
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@options.output_format
def command(arguments: tuple[str, ...], *, as_json: bool, format: Format) -> int:  # noqa: A002
    """Show for each spec whether a build would do anything, and why.

    Without a SPEC, every spec below the current folder is checked, except those whose names start
    with _. Nothing is built, and neither Keras nor the network is used: for a source by URL, the
    last download counts. Exits with code 0 if every result and lock is up to date, else with 4.
    """
    from composer.cli.progress import display
    from composer.cli.reporting import FOR_PROGRAMS, Report
    from composer.errors import ComposeError
    from composer.workflows.status import status_of

    named = arguments or ()
    if all(options.is_override(argument) for argument in named):
        named = (*_found(), *named)
    specs, overrides = options.split(named)
    found: list[Status] = []
    codes = [0]
    with Report(format, stdout_is_taken=as_json) as report:
        for spec in specs:
            try:
                readable_file(spec, SPEC_SUFFIXES)
                with display(f"looking at {spec}") as say:
                    status = status_of(spec, overrides, progress=say)
            except ComposeError as error:
                report.fail(error, spec)
                codes.append(error.exit_code)
                continue
            found.append(status)
            # Of several specs the table tells; programs get all of it in any case.
            if len(specs) == 1 or format in FOR_PROGRAMS:
                report.add(status.diagnostics)
            report.for_programs(_not_current(status))
            codes.append(_code(status))
        if as_json:
            import json

            from composer.cli.status_document import status_document

            report.say(json.dumps(status_document(found), indent=2))
        elif found:
            report.say(_table(found))
    if len(specs) > 1:
        current = sum(status.current for status in found)
        console.talk(f"{current} of {len(specs)} specs are current")
        wrong = [status.spec for status in found if status.diagnostics]
        if wrong and format not in FOR_PROGRAMS:
            more = f" {wrong[1]}" if len(wrong) == 2 else " …" if len(wrong) > 1 else ""  # noqa: PLR2004
            console.talk(f"compose validate {wrong[0]}{more} says what is wrong")
    return max(codes)


def _found() -> tuple[str, ...]:
    """Return the specs below the current folder.

    Raises:
        UsageError: there is none.
    """
    from composer.errors import UsageError

    specs = tuple(name for name in options.specs_below(".") if _is_spec(Path(name)))
    if not specs:
        raise UsageError("CMP114.no-specs")
    return specs


def _is_spec(path: Path) -> bool:
    """Tell whether a YAML file looks like a spec, and not like one of another program."""
    try:
        text = path.read_bytes()
    except OSError:
        return False
    return _SPEC.search(text) is not None and _PARTS.search(text) is not None


def _code(status: Status) -> int:
    if status.diagnostics:
        return 1
    return 0 if status.current else DriftError.exit_code


def _not_current(status: Status) -> list[Diagnostic]:
    """Return what the table says of results and a lock that a build would change."""
    from composer.cli.build_screen import shown
    from composer.diagnostics.diagnostic import Diagnostic

    found = [
        Diagnostic(
            code="CMP614",
            message=f"{shown(result.place.path)} is {result.state}"
            + (f": {', '.join(result.reasons)}" if result.reasons else ""),
            help=f"compose build {status.spec}",
        )
        for result in status.results
        if result.state != "fresh"
    ]
    lock = status.lock
    if lock is not None and lock.holds is not True:
        code = "CMP118" if lock.problem else "CMP610" if lock.holds is None else "CMP601"
        found.append(Diagnostic(code=code, message=f"{lock.path}: {_lock(lock)}"))
    return found


def _table(found: Sequence[Status]) -> str:
    rows = [(status.spec, status.state, _why(status)) for status in found]
    first = max(len(spec) for spec, _, _ in rows)
    second = max(len(state) for _, state, _ in rows)
    return shown_lines(
        f"{spec:<{first}}  {state:<{second}}  {why}".rstrip() for spec, state, why in rows
    )


def _why(status: Status) -> str:
    from composer.cli.build_screen import shown
    from composer.cli.reporting import counted

    if status.diagnostics:
        return counted(status.diagnostics)
    parts: list[str] = []
    if len({(result.state, result.reasons) for result in status.results}) == 1:
        parts.extend(status.results[0].reasons)
    else:
        parts.extend(
            f"{shown(result.place.path)}: {', '.join(result.reasons) or result.state}"
            for result in status.results
            if result.state != "fresh"
        )
    if status.lock is not None:
        parts.append(_lock(status.lock))
    return "; ".join(parts)


def _lock(lock: LockStatus) -> str:
    if lock.problem is not None:
        return lock.problem
    if lock.holds is None:
        return "its lock matches, as far as compose can check without Keras"
    if lock.holds:
        return "locked"
    more = f" and {len(lock.changed) - 1} more" if len(lock.changed) > 1 else ""
    return f"its lock is out of date: {lock.changed[0].field}{more}"
