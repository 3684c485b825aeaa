"""``compose build``: from specs to models, in all the formats that they ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from composer.cli import candidates, console, options
from composer.files.suffixes import SPEC_SUFFIXES
from composer.workflows.named_files import readable_file

if TYPE_CHECKING:
    from composer.cli.reporting import Report
    from composer.diagnostics.render import Format
    from composer.workflows.jobs import Outcome


@click.command(name="build", short_help="Plan, link and save the models of specs.")
@options.specs_and_overrides
@click.option(
    "-o", "--output", "outputs", metavar="PATH", multiple=True,
    shell_complete=candidates.any_file,
    help="Output file; overrides the spec. The extension sets the format. May be repeated. Only "
    "for a single spec.",
)  # fmt: skip
@click.option("--verify", is_flag=True, help="Load and run the model in Keras before it is saved.")
@click.option("--dry-run", is_flag=True, help="Do everything except writing the result.")
@click.option("-k", "--keep-going", is_flag=True, help="Build the other specs if one fails.")
@click.option(
    "-j", "--jobs", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
    help="Build up to N specs in parallel, each in its own process.",
)  # fmt: skip
@click.option(
    "--locked", is_flag=True,
    help="Fail (code 4) if anything has changed since the spec was locked.",
)  # fmt: skip
@click.option(
    "--frozen", is_flag=True,
    help="Build from the spec's lock, even if the spec has changed.",
)  # fmt: skip
@click.option(
    "--trust-lock", is_flag=True,
    help="With --frozen: let the lock run code and name files that the spec does not.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Build even if the result is up to date.")
@click.option(
    "--provenance",
    is_flag=True,
    help="Also write NAME.intoto.json: its provenance (in-toto, SLSA).",
)
@click.option(
    "--sbom", is_flag=True,
    help="Also write NAME.cdx.json: its bill of materials (CycloneDX).",
)  # fmt: skip
@click.option(
    "--sign", metavar="KEY", shell_complete=candidates.any_file,
    help="Also write FILE.sig for each file: a signature by a private key (PEM).",
)  # fmt: skip
@options.offline
@options.output_format
def command(
    arguments: tuple[str, ...],
    *,
    outputs: tuple[str, ...],
    verify: bool,
    dry_run: bool,
    keep_going: bool,
    jobs: int,
    offline: bool,
    locked: bool,
    frozen: bool,
    trust_lock: bool,
    force: bool,
    provenance: bool,
    sbom: bool,
    sign: str | None,
    format: Format,  # noqa: A002
) -> int:
    """Plan, link and save the models of specs.

    A folder means every spec in it whose name does not start with _. A spec is built after the
    specs it depends on, and is skipped if one of them fails. The first failure stops the run,
    unless --keep-going is given. A result that is up to date is kept, unless --force or --verify
    is given. A lock next to a spec is kept up to date.

    Keras is started only for new layers, for connections whose shape changed, to import a source
    that is not a .keras file, and to export h5, saved_model, onnx and tflite. Its answers are
    remembered, and each export is compared with the linked model before it is saved. An OVERRIDE
    is a change such as vars.classes=5, +sources.a.trainable=true or ~layers.drop.
    """
    from composer.cli.progress import displayed
    from composer.cli.reporting import Report
    from composer.errors import UsageError
    from composer.workflows.jobs import Job
    from composer.workflows.many_jobs import run_many

    specs, overrides = options.split(arguments)
    if outputs and len(specs) > 1:
        raise UsageError("CMP113.output-many-specs", count=len(specs), specs=specs)
    _check_lock_options(overrides, locked=locked, frozen=frozen, trust_lock=trust_lock)
    if verify and dry_run:
        raise UsageError("CMP113.verify-dry-run")
    beside = {"--provenance": provenance, "--sbom": sbom, "--sign": sign is not None}
    for option in (name for name, given in beside.items() if given and dry_run):
        raise UsageError("CMP113.after-dry-run", option=option)
    todo = [
        Job(
            spec=spec,
            overrides=overrides,
            outputs=outputs,
            verify=verify,
            dry_run=dry_run,
            offline=offline,
            locked=locked,
            force=force,
            frozen=frozen,
            trust_lock=trust_lock,
            provenance=provenance,
            sbom=sbom,
            sign=sign,
        )
        for spec in specs
    ]
    if len(specs) > 1 and not (keep_going or frozen):
        for spec in specs:  # before the first is built: a word may be an override without its '='
            readable_file(spec, SPEC_SUFFIXES)
    outcomes = []
    with Report(format) as report:
        for outcome in displayed(
            "building",
            lambda say: run_many(todo, workers=jobs, keep_going=keep_going, progress=say),
        ):
            outcomes.append(outcome)
            _show(outcome, report)
    if len(specs) > 1:
        console.talk(_tally(outcomes, keep_going=keep_going))
    return max(outcome.code for outcome in outcomes)


def _check_lock_options(
    overrides: Sequence[str], *, locked: bool, frozen: bool, trust_lock: bool
) -> None:
    """Refuse options about locks that contradict each other."""
    from composer.errors import UsageError

    if frozen and locked:
        raise UsageError("CMP113.locked-frozen")
    if frozen and overrides:
        raise UsageError("CMP113.frozen-overrides", overrides=" ".join(overrides))
    if trust_lock and not frozen:
        raise UsageError("CMP113.trust-lock-alone")


def _show(outcome: Outcome, report: Report) -> None:
    from composer.cli.build_screen import lines, remarks
    from composer.cli.reporting import counted

    if outcome.status == "not tried":
        return
    report.remark(remarks(outcome))
    report.add(outcome.diagnostics)
    if outcome.status != "failed":
        report.say(lines(outcome))
    elif outcome.problem is not None:
        report.fail_with(outcome.problem, outcome.diagnostics)
    else:
        console.talk(f"{counted(outcome.diagnostics)} in {outcome.job.spec}")


def _tally(outcomes: Sequence[Outcome], *, keep_going: bool) -> str:
    """Return the last line about several specs: what was fresh, what failed or was not tried."""
    fresh = sum(outcome.status == "fresh" for outcome in outcomes)
    failed = [outcome.job.spec for outcome in outcomes if outcome.status == "failed"]
    left = [outcome.job.spec for outcome in outcomes if outcome.status == "not tried"]
    done = len(outcomes) - len(failed) - len(left)
    parts = [f"{done} of {len(outcomes)} specs done"]
    if fresh:
        parts.append(f"{done - fresh} built, {fresh} fresh")
    if failed:
        parts.append(f"failed: {', '.join(failed)}")
    if left:
        why = "they start from what failed" if keep_going else "--keep-going tries them"
        parts.append(f"not tried: {', '.join(left)} ({why})")
    return "; ".join(parts)
