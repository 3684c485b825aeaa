"""``compose verify``: whether an artifact is what it should be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from composer.cli import candidates, console, options
from composer.files.suffixes import SPEC_SUFFIXES

if TYPE_CHECKING:
    from composer.cli.reporting import Report
    from composer.diagnostics.render import Format


@click.command(
    name="verify",
    short_help="Check a built model: in Keras, against its lock, or by building again.",
)
@click.argument("artifact", shell_complete=candidates.specs_and_models)
@options.overrides
@click.option(
    "--spec",
    metavar="SPEC",
    shell_complete=candidates.specs,
    help="The spec that the file was built from.",
)
@click.option(
    "--lock", metavar="LOCK", shell_complete=candidates.locks,
    help="Compare digests and names with a lock, or with the lock next to a spec.",
)  # fmt: skip
@click.option(
    "--rebuild", is_flag=True, help="Build the spec again in an empty store, and compare bytes."
)
@click.option(
    "--public-key", metavar="KEY", shell_complete=candidates.any_file,
    help="Check the signature next to the file with a public key (PEM).",
)  # fmt: skip
@click.option(
    "--signature", metavar="FILE", shell_complete=candidates.any_file,
    help="The signature, if it is not ARTIFACT.sig.",
)  # fmt: skip
@options.output_format
def command(
    artifact: str,
    overrides: tuple[str, ...],
    *,
    spec: str | None,
    lock: str | None,
    rebuild: bool,
    public_key: str | None,
    signature: str | None,
    format: Format,  # noqa: A002
) -> int:
    """Check that a built file is what it should be.

    Alone, or with --spec, Keras loads and runs a .keras file in a separate process. With --spec,
    every tensor is compared with its source, bit for bit, and so is what each whole source
    computes. An OVERRIDE is one that was used for the build.

    --lock, --rebuild and --public-key work with files of every format, or with a spec, which means
    everything it builds. They don't start Keras, unless the new build needs it.
    """
    from composer.cli.reporting import Report
    from composer.cli.verify_files import VerifyRequest, verify_files
    from composer.errors import UsageError

    _check_usage(artifact, overrides, spec=spec, rebuild=rebuild, lock=lock)
    named = artifact.endswith(SPEC_SUFFIXES)
    wanted = VerifyRequest(
        spec=artifact if named else spec,
        artifact=None if named else artifact,
        overrides=overrides,
        lock=lock,
        rebuild=rebuild,
        public_key=public_key,
        signature=signature,
    )
    if signature is not None and (public_key is None or named):
        raise UsageError("CMP113.signature-alone")
    with Report(format) as report:
        if lock is None and not rebuild and public_key is None:
            if named:
                raise UsageError("CMP113.verify-spec", path=artifact)
            return _in_keras(Path(artifact), spec, overrides, report)
        return verify_files(wanted, report)


def _check_usage(
    artifact: str, overrides: tuple[str, ...], *, spec: str | None, rebuild: bool, lock: str | None
) -> None:
    from composer.errors import UsageError

    strangers = [argument for argument in overrides if not options.is_override(argument)]
    if strangers:
        raise UsageError("CMP113.verify-many", names=strangers)
    is_spec = artifact.endswith(SPEC_SUFFIXES)
    if is_spec and spec is not None:
        raise UsageError("CMP113.verify-two-specs", path=artifact, other=spec)
    if overrides and spec is None and not is_spec:
        raise UsageError("CMP113.verify-overrides", overrides=overrides)
    if rebuild and not is_spec and spec is None and lock is None:
        raise UsageError("CMP113.rebuild-what", path=artifact)


def _in_keras(artifact: Path, spec: str | None, overrides: tuple[str, ...], report: Report) -> int:
    """Load the artifact in Keras, and show what was found."""
    from composer.cli.verify_report import failed_checks, keras_report, verification_lines
    from composer.errors import DriftError

    found = keras_report(artifact, spec, overrides, report)
    if found is None:
        return 1
    report.for_programs(failed_checks(found))
    report.say(verification_lines(found, color=console.terminal(report.stream).color))
    return 0 if found.ok else DriftError.exit_code
