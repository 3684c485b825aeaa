"""The functions of ``import composer``: a spec in, a plan, an artifact or a report out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from composer.keras_process.shared_process import shared_keras
from composer.keras_process.user_code import code_of
from composer.outputs.chosen import Output
from composer.record.checks import VerificationReport
from composer.resolver.plan import Plan
from composer.spec import load_spec
from composer.spec.model import Spec
from composer.spec.self_shown import SelfShown
from composer.workflows.building import Artifact, build_spec
from composer.workflows.pipeline import Prepared, plan_spec, prepare, prepare_spec
from composer.workflows.verification import verify_artifact
from composer.workflows.verified_building import build_verified

__all__ = ["build", "load_spec", "plan", "verify"]


def _shown(value: Any) -> Mapping[str, str]:
    # Imported here: tables and pictures are made where a notebook asks for them.
    from composer.views.notebook import mimebundle

    return mimebundle(value)


SelfShown.shown_by = _shown


@shared_keras()
def plan(spec: Spec | str | Path, overrides: Sequence[str] = (), *, deep: bool = True) -> Plan:
    """Return the plan of a spec: what a build would do.

    Args:
        spec: a spec, or the path of one.
        overrides: such as ``vars.classes=5``; for a path only.
        deep: whether Keras may be started for what the configs alone don't tell. Without it the
            plan may be a draft: its ``deferred`` lists what is open.

    Raises:
        SpecError: the spec or its sources are wrong; it holds all diagnostics.
        UsageError: the file can't be read.
        BuildError: Keras failed, or sources wait for an import that ``deep`` would make.
        ValueError: overrides were given for a spec that is read already.
    """
    return plan_spec(_prepared(spec, overrides, deep=deep))


@shared_keras()
def build(
    spec: Spec | str | Path,
    overrides: Sequence[str] = (),
    *,
    output: Output = None,
    verify: bool = False,
    force: bool = False,
    provenance: bool = False,
    sbom: bool = False,
    sign: str | Path | None = None,
) -> Artifact:
    """Build the model of a spec and return where it is and what it was built from.

    What an earlier build left there and would be built again is left alone.

    Args:
        spec: a spec, or the path of one.
        overrides: such as ``vars.classes=5``; for a path only.
        output: one path or several, whose endings say the formats; None is the spec's own
            ``output``, or ``build/NAME.keras``.
        verify: whether Keras has to load and run the linked model before anything takes its
            place; all is built then.
        force: whether all is built, also what is fresh.
        provenance: whether an in-toto Statement with SLSA provenance is written beside it.
        sbom: whether a CycloneDX bill of materials is written beside it.
        sign: private key (PEM, an elliptic curve) by which each file that is written is signed.

    Raises:
        SpecError: the spec or its sources are wrong; it holds all diagnostics.
        UsageError: the file can't be read, or SOURCE_DATE_EPOCH is no time, or the key can't
            sign.
        BuildError: Keras failed, or the artifact can't be written.
        DriftError: what was written is not what was planned; what stood there is left alone.
        ValueError: overrides were given for a spec that is read already.
    """
    prepared = _prepared(spec, overrides, deep=True, output=output, building=True)
    beside = None
    if provenance or sbom or sign is not None:
        from composer.workflows.attesting import attestations

        beside = attestations(
            prepared,
            output=output,
            provenance=provenance,
            sbom=sbom,
            key=None if sign is None else Path(sign),
        )
    if verify:
        return build_verified(prepared, output=output, companions=beside)[0]
    return build_spec(prepared, output=output, force=force, companions=beside)


@shared_keras()
def verify(
    artifact: str | Path, spec: Spec | str | Path | None = None, overrides: Sequence[str] = ()
) -> VerificationReport:
    """Load an artifact in Keras, in a process of its own, and compare it with what it should be.

    Args:
        artifact: a ``.keras`` file.
        spec: what it was built from; with it, every tensor is compared with its source.
        overrides: those of the build.

    Raises:
        FormatError: the file is no sound ``.keras`` file.
        SpecError: the spec or its sources are wrong.
        BuildError: the Keras process failed.
    """
    if spec is None:
        return verify_artifact(Path(artifact))
    prepared = _prepared(spec, overrides, deep=True)
    planned = plan_spec(prepared)
    assert prepared.spec is not None
    return verify_artifact(Path(artifact), planned, code=code_of(prepared.spec), seed=planned.seed)


def _prepared(
    spec: Spec | str | Path,
    overrides: Sequence[str],
    *,
    deep: bool,
    output: Output = None,
    building: bool = False,
) -> Prepared:
    if not isinstance(spec, Spec):
        return prepare(spec, overrides, deep=deep, output=output, building=building)
    if overrides:
        raise ValueError("overrides change the text of a spec; this one is read already")
    return prepare_spec(spec, deep=deep, output=output, building=building)
