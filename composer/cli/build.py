"""``compose build``: from specs to ``.keras`` files."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from composer.cli import console, options

if TYPE_CHECKING:
    from pathlib import Path

    from composer.diagnostics.render import Format
    from composer.pipeline import Prepared
    from composer.resolver.plan import Plan


@click.command(name="build", short_help="Plan, link and save the models of specs.")
@options.specs_and_overrides
@click.option("-o", "--output", metavar="PATH", help="Where the artifact goes; for one spec.")
@click.option("--verify", is_flag=True, help="Let Keras load and run it before it takes its name.")
@click.option("--dry-run", is_flag=True, help="Do everything but write the artifact.")
@click.option("-k", "--keep-going", is_flag=True, help="Build the other specs when one fails.")
@options.output_format
def command(
    arguments: tuple[str, ...],
    *,
    output: str | None,
    verify: bool,
    dry_run: bool,
    keep_going: bool,
    format: Format,  # noqa: A002
) -> int:
    """Plan, link and save the models of specs.

    A folder stands for all specs in it but those whose names begin with _; a spec is built after
    the specs that it starts from. After a failure no other is built unless --keep-going is given.

    Keras is started only for new layers, for seams whose shape changed, and to import a source
    that is no .keras file; what it answers is remembered. An OVERRIDE is a change such as
    vars.classes=5, +sources.a.trainable=true or ~layers.drop.
    """
    from composer.cli.reporting import Report, counted, show_error
    from composer.cli.spec_order import in_order
    from composer.errors import ComposeError, UsageError

    specs, overrides = options.split(arguments)
    if output is not None and len(specs) > 1:
        raise UsageError(
            f"--output is for one spec; found {len(specs)}: {', '.join(specs)}",
            help="let each spec say where its own artifact goes: output: {path: …}",
        )
    if verify and dry_run:
        raise UsageError("--verify looks at what was written, and --dry-run writes nothing")
    codes: dict[str, int] = {}
    taken: dict[Path, str] = {}
    specs = in_order(specs, overrides)
    with Report(format) as report:
        for spec in specs:
            started = time.monotonic()
            codes[spec] = 0
            try:
                prepared = _prepare(spec, overrides)
                report.add(prepared.diagnostics)
                if prepared.errors:
                    console.talk(f"{counted(prepared.diagnostics)} in {spec}")
                    codes[spec] = 1
                else:
                    target = _target(prepared, output, spec, taken)
                    report.say(
                        _planned(prepared, target)
                        if dry_run
                        else _built(prepared, target, started, verify=verify)
                    )
            except ComposeError as error:
                show_error(error)
                codes[spec] = error.exit_code
            if codes[spec] and not keep_going:
                break
    if len(specs) > 1:
        console.talk(_tally(specs, codes))
    return max(codes.values())


def _tally(specs: Sequence[str], codes: Mapping[str, int]) -> str:
    """Return the last line about several specs: what failed, what was not tried."""
    failed = [spec for spec in specs if codes.get(spec)]
    left = [spec for spec in specs if spec not in codes]
    parts = [f"{len(codes) - len(failed)} of {len(specs)} specs done"]
    if failed:
        parts.append(f"failed: {', '.join(failed)}")
    if left:
        parts.append(f"not tried: {', '.join(left)} (--keep-going tries them)")
    return "; ".join(parts)


def _prepare(spec: str, overrides: tuple[str, ...]) -> Prepared:
    from composer.cli.progress import display
    from composer.pipeline import prepare

    options.readable_file(spec, (".yaml", ".yml"))
    with display(f"planning {spec}") as say:
        return prepare(spec, overrides, deep=True, progress=say)


def _target(prepared: Prepared, output: str | None, spec: str, taken: dict[Path, str]) -> Path:
    """Return where the artifact goes; two specs of one command may not share a place."""
    from composer.errors import UsageError
    from composer.pipeline import output_path

    assert prepared.spec is not None
    target = output_path(prepared.spec, output)
    other = taken.setdefault(target.resolve(), spec)
    if other != spec:
        raise UsageError(
            f"{spec} and {other} would both be written to {target}",
            help="give one of them another name, or its own output: {path: …}",
        )
    return target


def _planned(prepared: Prepared, target: Path) -> str:
    from composer.builder.target import check_target
    from composer.pipeline import plan_spec

    plan = plan_spec(prepared)
    check_target(target, (file.path for file in plan.files.values()))
    return _summary(f"{_shown(target)} would be written", _sizes(plan))


def _built(prepared: Prepared, target: Path, started: float, *, verify: bool) -> str:
    from composer.cli.numbers import size
    from composer.cli.progress import display
    from composer.pipeline import build_spec

    assert prepared.plan is not None
    with display(f"linking {prepared.plan.name}") as say:
        if verify:
            from composer.api import build_verified

            artifact, report = build_verified(prepared, output=target, progress=say)
            checks = [f"{check.name} {check.state}" for check in report.checks]
        else:
            artifact = build_spec(prepared, output=target, progress=say)
            checks = []
    lines = [
        *_sizes(artifact.plan),
        ("file", size(artifact.path.stat().st_size)),
        ("sha256", artifact.sha256),
    ]
    if checks:
        lines.append(("verified", ", ".join(checks)))
    lines.append(("took", f"{time.monotonic() - started:.1f} s"))
    return _summary(_shown(artifact.path), lines)


def _shown(target: Path) -> str:
    """Return the path without the detour over the spec's folder (``specs/../build``)."""
    from pathlib import Path

    if ".." not in target.parts:
        return str(target)
    whole = target.parent.resolve() / target.name
    here = Path.cwd().resolve()
    return str(whole.relative_to(here) if whole.is_relative_to(here) else target)


def _sizes(plan: Plan) -> list[tuple[str, str]]:
    from composer.cli.numbers import count, size

    origin = count(len(plan.sources), "source")
    new = sum(made.kind == "layer" for made in plan.origins.values())
    if new:
        origin += f" and {count(new, 'new layer')}"
    return [
        ("operations", f"{len(plan.graph.operations):,}, from {origin}"),
        ("parameters", f"{plan.parameters:,} ({size(plan.nbytes)})"),
    ]


def _summary(head: str, lines: list[tuple[str, str]]) -> str:
    return "\n".join([head, *(f"  {label:<12}{value}" for label, value in lines)])
