"""``compose lock``: write, or check, what specs are resolved to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from composer.cli import candidates, console, options
from composer.diagnostics.render.terminal_text import shown, shown_lines
from composer.files.suffixes import SPEC_SUFFIXES
from composer.workflows.named_files import readable_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from composer.cli.reporting import Report
    from composer.diagnostics.render import Format
    from composer.difference.changes import Change

_SHOWN = 12


@click.command(name="lock", short_help="Pin sources and results in a lock file.")
@options.specs_and_overrides
@click.option(
    "--check", is_flag=True, help="Write nothing; fail (code 4) if a lock is out of date."
)
@click.option("--existing", is_flag=True, help="Skip specs that have no lock yet.")
@click.option(
    "--upgrade", multiple=True, metavar="SOURCE", shell_complete=candidates.source_ids,
    help="Use the current content of a source's URL, not the locked one. May be repeated.",
)  # fmt: skip
@options.offline
@options.output_format
def command(
    arguments: tuple[str, ...],
    *,
    check: bool,
    existing: bool,
    upgrade: tuple[str, ...],
    offline: bool,
    format: Format,  # noqa: A002
) -> int:
    """Write NAME.lock.json next to each spec: digests of everything that a build reads and writes.

    build --locked fails if anything differs from the lock. The model is built to write the lock,
    but not saved. --check compares the spec, its sources and all names, without Keras and without
    a build. If nothing differs but some checks need Keras, it exits with code 3.
    """
    from composer.cli.progress import display
    from composer.cli.reporting import Report
    from composer.errors import ComposeError, SpecError, UsageError, exit_code

    specs, overrides = options.split(arguments)
    if existing:
        specs = tuple(spec for spec in specs if _has_lock(spec))
        if not specs:
            console.talk("none of these specs has a lock")
            return 0
    if upgrade and len(specs) > 1:
        raise UsageError("CMP113.upgrade-many-specs", count=len(specs), specs=specs)
    if upgrade and check:
        raise UsageError("CMP113.check-upgrade")
    codes = [0]
    with Report(format) as report:
        for spec in specs:
            try:
                readable_file(spec, SPEC_SUFFIXES)
                with display(f"locking {spec}") as say:
                    if check:
                        codes.append(_checked(spec, overrides, report, say, offline=offline))
                    else:
                        _written(spec, overrides, report, say, upgrade=upgrade, offline=offline)
            except SpecError as error:
                report.fail(error)
                codes.append(exit_code(error.diagnostics))
            except ComposeError as error:
                report.fail(error)
                codes.append(error.exit_code)
    return max(codes)


def _checked(
    spec: str,
    overrides: Sequence[str],
    report: Report,
    say: Callable[[str], None],
    *,
    offline: bool,
) -> int:
    from composer.errors import exit_code
    from composer.workflows.locking import check_lock

    prepared = check_lock(spec, overrides, offline=offline, progress=say)
    report.remark(prepared.remarks)
    report.add(prepared.diagnostics)
    if not prepared.errors:
        report.say(shown(f"{_path(spec)} holds"))
    return exit_code(prepared.diagnostics)


def _written(
    spec: str,
    overrides: Sequence[str],
    report: Report,
    say: Callable[[str], None],
    *,
    upgrade: Sequence[str],
    offline: bool,
) -> None:
    from composer.workflows.locking import write_lock

    prepared, changed = write_lock(spec, overrides, upgrade=upgrade, offline=offline, progress=say)
    report.remark(prepared.remarks)
    report.add(prepared.diagnostics)
    if changed is None:
        report.say(shown(f"{_path(spec)} written"))
    elif not changed:
        report.say(shown(f"{_path(spec)} is current"))
    else:
        report.say(shown_lines([f"{_path(spec)} brought up to date", *_lines(changed)]))


def _has_lock(spec: str) -> bool:
    from composer.record.lock_file import lock_path

    return lock_path(readable_file(spec, SPEC_SUFFIXES)).exists()


def _path(spec: str) -> str:
    from pathlib import Path

    from composer.record.lock_file import lock_path

    return str(lock_path(Path(spec)))


def _lines(changed: Sequence[Change]) -> list[str]:
    lines = [f"  {item}" for item in changed[:_SHOWN]]
    if len(changed) > _SHOWN:
        lines.append(f"  and {len(changed) - _SHOWN} more fields")
    return lines
