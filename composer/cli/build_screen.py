"""What ``compose build`` says of what it wrote, or would write."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from composer.cli.numbers import count, size
from composer.container.digests import digest_file
from composer.diagnostics.render.terminal_text import shown_lines
from composer.files.regular import read_regular
from composer.outputs.companions import COMPANIONS, companion, signature
from composer.outputs.registry import output_format
from composer.record.signing import signs

if TYPE_CHECKING:
    from composer.outputs.exporting import Comparison
    from composer.outputs.written import WrittenFile
    from composer.resolver.plan import Plan
    from composer.spec.model import Destination
    from composer.workflows.building import Artifact

Row = tuple[str, str]


def planned(plan: Plan, places: Sequence[Destination], fresh: Collection[Path] = ()) -> str:
    """Return the lines of a build that writes nothing.

    Args:
        plan: of the build.
        places: that it would write to.
        fresh: those of them that it would leave alone.
    """
    heads = [
        f"{shown(place.path)} is fresh"
        if place.path in fresh
        else f"{shown(place.path)} would be "
        + ("exported by Keras" if output_format(place.format).exported else "written")
        for place in places
    ]
    return shown_lines([*heads, *_rows(_sizes(plan))])


def built(artifact: Artifact, checks: Sequence[str], seconds: float) -> str:
    """Return the lines of a build: one block a file, the first one with what all have in common.

    What is fresh, and was left alone, has a line.

    Args:
        artifact: what was written.
        checks: what Keras was asked to verify, in words.
        seconds: that it took.
    """
    fresh = [f"{shown(file.path)} is fresh" for file in artifact.files if file.fresh]
    last = [(place.format, shown(place.path)) for place in artifact.companions]
    if artifact.fresh:
        return shown_lines([*fresh, *_rows(last)])
    last += [("verified", ", ".join(checks))] if checks else []
    last.append(("took", f"{seconds:.1f} s"))
    first, *others = (file for file in artifact.files if not file.fresh)
    return shown_lines(
        [
            *fresh,
            shown(first.path),
            *_rows([*_sizes(artifact.plan), *_file(first)]),
            *(line for file in others for line in (shown(file.path), *_rows(_file(file)))),
            *_rows(last),
        ]
    )


def outdated(artifact: Artifact) -> tuple[str, ...]:
    """Return a remark for each file of an earlier build that says something of other bytes."""
    first = artifact.files[0]
    written = [place.path for place in artifact.companions]
    found = []
    for name in COMPANIONS:
        path = companion(first.path, name).path
        if path in written:
            continue
        try:
            current = first.sha256 in read_regular(path).decode()
        except (OSError, ValueError):
            continue
        if not current:
            found.append(f"{shown(path)} is of an earlier build; --{name} writes it anew")
    digests = [(file.path, file.sha256) for file in artifact.files if not file.path.is_dir()]
    digests += [(path, digest_file(path)) for path in written if path.suffix == ".json"]
    for signed, digest in digests:
        path = signature(signed).path
        if path not in written and signs(path, digest) is False:
            found.append(f"{shown(path)} is of an earlier build; --sign KEY writes it anew")
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


def _sizes(plan: Plan) -> list[Row]:
    origin = count(len(plan.sources), "source")
    new = sum(made.kind == "layer" for made in plan.origins.values())
    if new:
        origin += f" and {count(new, 'new layer')}"
    return [
        ("operations", f"{len(plan.graph.operations):,}, from {origin}"),
        ("parameters", f"{plan.parameters:,} ({size(plan.nbytes)})"),
    ]


def _rows(rows: Sequence[Row]) -> list[str]:
    return [f"  {label:<12}{value}" for label, value in rows]
