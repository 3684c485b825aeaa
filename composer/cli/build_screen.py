"""What ``compose build`` says of what it wrote, or would write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from composer.cli.numbers import count, size
from composer.diagnostics.render.terminal_text import shown_lines
from composer.outputs.registry import output_format
from composer.record.outdated import SIGNATURE

if TYPE_CHECKING:
    from composer.outputs.exporting import Comparison
    from composer.outputs.written import WrittenFile
    from composer.spec.model import Destination
    from composer.workflows.jobs import Outcome

Row = tuple[str, str]


def lines(outcome: Outcome) -> str:
    """Return the lines of a job that did not fail."""
    return _planned(outcome) if outcome.planned else _built(outcome)


def _planned(outcome: Outcome) -> str:
    heads = [
        f"{shown(file.place.path)} is fresh"
        if file.fresh
        else f"{shown(file.place.path)} would be "
        + ("exported by Keras" if output_format(file.place.format).exported else "written")
        for file in outcome.planned
    ]
    return shown_lines([*heads, *_rows(_sizes(outcome))])


def _built(outcome: Outcome) -> str:
    """Return the lines of a build: one block a file, the first one with what all have in common.

    What is fresh, and was left alone, has a line.
    """
    fresh = [f"{shown(file.path)} is fresh" for file in outcome.files if file.fresh]
    last = [(place.format, shown(place.path)) for place in outcome.companions]
    if outcome.status == "fresh":
        return shown_lines([*fresh, *_rows(last)])
    checks = ", ".join(f"{check.name} {check.state}" for check in outcome.checks)
    last += [("verified", checks)] if checks else []
    last.append(("took", f"{outcome.seconds:.1f} s"))
    first, *others = (file for file in outcome.files if not file.fresh)
    return shown_lines(
        [
            *fresh,
            shown(first.path),
            *_rows([*_sizes(outcome), *_file(first)]),
            *(line for file in others for line in (shown(file.path), *_rows(_file(file)))),
            *_rows(last),
        ]
    )


def remarks(outcome: Outcome) -> tuple[str, ...]:
    """Return what is worth saying of a job besides: of what was read, its lock, and old files."""
    found = list(outcome.remarks)
    lock = outcome.lock
    if lock is not None:
        if lock.held:
            found.append(f"everything matches {lock.path}")
            if outcome.job.frozen:
                found[-1] += "; built from the lock, not from the current spec"
        elif lock.changed is not None:
            fields = ", ".join(dict.fromkeys(item.path[0] for item in lock.changed)) or "its text"
            found.append(f"{lock.path} brought up to date: {fields}")
        found.extend(lock.remarks)
    for item in outcome.outdated:
        option = "--sign KEY" if item.kind == SIGNATURE else f"--{item.kind}"
        found.append(f"{shown(item.path)} is of an earlier build; {option} writes it anew")
    return tuple(found)


def results_document(places: Sequence[Destination]) -> list[dict[str, object]]:
    """Return the ``results`` of a plan document; ``schemas/plan.schema.json`` describes them."""
    return [
        {
            "path": shown(place.path),
            "format": place.format,
            "exported": output_format(place.format).exported,
        }
        for place in places
    ]


def shown(target: Path) -> str:
    """Return the path without the detour over the spec's folder (``specs/../build``)."""
    if ".." not in target.parts:
        return str(target)
    whole = target.parent.resolve() / target.name
    here = Path.cwd().resolve()
    return str(whole.relative_to(here) if whole.is_relative_to(here) else target)


def _file(file: WrittenFile) -> list[Row]:
    rows = [
        ("folder" if output_format(file.format).folder else "file", size(file.size)),
        ("sha256", file.sha256),
    ]
    if file.comparison is not None:
        rows.append(("compared", _comparison(file.comparison)))
    if file.stale:
        rows.append(("was stale", "; ".join(file.stale)))
    return rows


def _comparison(found: Comparison) -> str:
    batches = " and ".join(str(number) for number in found.batches)
    otherwise = "" if found.otherwise is None else f"; compared with predict: {found.otherwise}"
    if found.equal:
        return f"in {found.runtime} (batches of {batches}): equal to Keras bit for bit{otherwise}"
    return (
        f"in {found.runtime} (batches of {batches}): differs from Keras by up to "
        f"{found.largest:.1e}, {found.relative:.0e} of the largest output{otherwise}"
    )


def _sizes(outcome: Outcome) -> list[Row]:
    counts = outcome.counts
    assert counts is not None
    origin = count(counts.sources, "source")
    if counts.new_layers:
        origin += f" and {count(counts.new_layers, 'new layer')}"
    return [
        ("operations", f"{counts.operations:,}, from {origin}"),
        ("parameters", f"{counts.parameters:,} ({size(counts.nbytes)})"),
    ]


def _rows(rows: Sequence[Row]) -> list[str]:
    return [f"  {label:<12}{value}" for label, value in rows]
