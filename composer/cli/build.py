"""``compose build``: from specs to models, in all the formats that they ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from composer.cli import candidates, console, options
from composer.file_suffixes import SPEC_SUFFIXES

if TYPE_CHECKING:
    from composer.cli.build_one import Outcome
    from composer.cli.reporting import Report
    from composer.diagnostics.render import Format


@click.command(name="build", short_help="Plan, link and save the models of specs.")
@options.specs_and_overrides
@click.option(
    "-o", "--output", "outputs", metavar="PATH", multiple=True,
    shell_complete=candidates.any_file,
    help="Where the result goes, whatever the spec says; its ending says the format. Several "
    "times for several results; for one spec.",
)  # fmt: skip
@click.option("--verify", is_flag=True, help="Let Keras load and run it before it takes its name.")
@click.option("--dry-run", is_flag=True, help="Do everything but write the result.")
@click.option("-k", "--keep-going", is_flag=True, help="Build the other specs when one fails.")
@click.option(
    "-j", "--jobs", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
    help="Build up to N specs side by side, each in a process of its own.",
)  # fmt: skip
@click.option(
    "--locked", is_flag=True,
    help="Fail (code 4) when anything is not as the spec's lock says; see compose lock.",
)  # fmt: skip
@click.option(
    "--frozen", is_flag=True,
    help="Build from the spec's lock, also where the spec has moved on since.",
)  # fmt: skip
@click.option(
    "--trust-lock", is_flag=True,
    help="With --frozen: let the lock run code and name files that the spec does not.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Build what is fresh, too.")
@click.option(
    "--provenance",
    is_flag=True,
    help="Write NAME.intoto.json beside the result: what it was made from (in-toto, SLSA).",
)
@click.option(
    "--sbom", is_flag=True,
    help="Write NAME.cdx.json beside the result: its bill of materials (CycloneDX).",
)  # fmt: skip
@click.option(
    "--sign", metavar="KEY", shell_complete=candidates.any_file,
    help="Write FILE.sig beside each file: its signature by a private key (PEM).",
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

    A folder stands for all specs in it but those whose names begin with _; a spec is built after
    the specs that it starts from, and not at all when one of those failed. After a failure no
    other is begun unless --keep-going is given. A result that an earlier build left and this one
    would write again is fresh and left alone, unless --force or --verify is given. A lock that
    lies beside a spec is kept current.

    Keras is started only for new layers, for seams whose shape changed, and to import a source
    that is no .keras file; what it answers is remembered. It also exports h5, saved_model, onnx
    and tflite, each of which is run beside the linked model before it is kept. An OVERRIDE is a
    change such as vars.classes=5, +sources.a.trainable=true or ~layers.drop.
    """
    from composer.cli.build_one import Job
    from composer.cli.build_several import build_several
    from composer.cli.reporting import Report
    from composer.cli.spec_order import starts_from
    from composer.errors import UsageError

    specs, overrides = options.split(arguments)
    if outputs and len(specs) > 1:
        raise UsageError(
            f"--output is for one spec; found {len(specs)}: {', '.join(specs)}",
            help="let each spec say where its own artifact goes: output: {path: …}",
        )
    _check_lock_options(overrides, locked=locked, frozen=frozen, trust_lock=trust_lock)
    if verify and dry_run:
        raise UsageError("--verify looks at what was written, and --dry-run writes nothing")
    beside = {"--provenance": provenance, "--sbom": sbom, "--sign": sign is not None}
    for option in (name for name, given in beside.items() if given and dry_run):
        raise UsageError(f"{option} is about what was written, and --dry-run writes nothing")
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
            options.readable_file(spec, SPEC_SUFFIXES)
    before = starts_from(specs, overrides)
    codes: dict[str, int] = {}
    fresh = 0
    with Report(format) as report:
        for outcome in build_several(todo, before, processes=jobs, keep_going=keep_going):
            codes[outcome.job.spec] = outcome.code
            fresh += outcome.fresh
            _show(outcome, report)
    if len(specs) > 1:
        console.talk(_tally(specs, codes, fresh=fresh, keep_going=keep_going))
    return max(codes.values())


def _check_lock_options(
    overrides: Sequence[str], *, locked: bool, frozen: bool, trust_lock: bool
) -> None:
    """Refuse options about locks that contradict each other."""
    from composer.errors import UsageError

    if frozen and locked:
        raise UsageError("--locked fails when the spec moved on, and --frozen does not ask")
    if frozen and overrides:
        raise UsageError(
            f"--frozen builds what the lock says, and takes no overrides: {' '.join(overrides)}",
            help="compose lock SPEC OVERRIDE… locks a spec with them",
        )
    if trust_lock and not frozen:
        raise UsageError("--trust-lock is about builds from a lock, which --frozen makes")


def _show(outcome: Outcome, report: Report) -> None:
    from composer.cli.reporting import counted

    report.remark(outcome.remarks)
    report.add(outcome.diagnostics)
    if outcome.said is not None:
        report.say(outcome.said)
    elif outcome.problem is not None:
        console.show_problem(*outcome.problem)
    else:
        console.talk(f"{counted(outcome.diagnostics)} in {outcome.job.spec}")


def _tally(specs: Sequence[str], codes: Mapping[str, int], *, fresh: int, keep_going: bool) -> str:
    """Return the last line about several specs: what was fresh, what failed or was not tried."""
    failed = [spec for spec in specs if codes.get(spec)]
    left = [spec for spec in specs if spec not in codes]
    done = len(codes) - len(failed)
    parts = [f"{done} of {len(specs)} specs done"]
    if fresh:
        parts.append(f"{done - fresh} built, {fresh} fresh")
    if failed:
        parts.append(f"failed: {', '.join(failed)}")
    if left:
        why = "they start from what failed" if keep_going else "--keep-going tries them"
        parts.append(f"not tried: {', '.join(left)} ({why})")
    return "; ".join(parts)
