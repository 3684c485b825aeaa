"""Verifies an artifact: against its plan without TensorFlow, then in Keras in a fresh process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from composer.container.archive import open_archive
from composer.container.digests import TensorDigest, digest_tensors
from composer.errors import DriftError
from composer.files.unfinished import temporary_folder
from composer.graphs.code_scan import Finding, scan
from composer.graphs.foreign import ForeignClass, foreign_classes
from composer.graphs.graph import Graph, leaves
from composer.keras_process.ask_verification import Verification, WholeSource, verify
from composer.keras_process.user_code import NO_CODE, UserCode
from composer.linker.check_artifact import check_artifact
from composer.linker.linker import canonical_model
from composer.model_files.read_model import read_model
from composer.outputs.chosen import destination
from composer.outputs.registry import output_format
from composer.outputs.write import check_again
from composer.record.checks import CheckResult, VerificationReport
from composer.resolver.plan import Plan, WholeUse
from composer.sources.source_digests import source_states
from composer.spec.formats import DEFAULT, format_of
from composer.store import default_store
from composer.tensors.expression import TensorExpr
from composer.tensors.value_digests import digest_values
from composer.workflows.pipeline import Prepared, plan_spec


def verify_artifact(
    artifact: Path,
    plan: Plan | None = None,
    *,
    code: UserCode = NO_CODE,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> VerificationReport:
    """Verify ``artifact``.

    An artifact that carries code is loaded only where ``plan`` lets in that very code.

    Args:
        artifact: a ``.keras`` file.
        plan: what it should be. Without one, the artifact is held against itself: Keras must
            load, order and keep what the file says.
        code: of the user's; imported where the artifact holds classes from outside of Keras.
        seed: for the random inputs of the forward pass.
        progress: called with lines of progress.

    Raises:
        FormatError: the file is no sound ``.keras`` file.
        KerasProcessError: the Keras process failed.
    """
    graph = read_model(artifact).graph
    strangers = _strangers(graph)
    checks: list[CheckResult] = []
    if plan is None:
        expected = digest_tensors(artifact)
    else:
        expected = digest_values(plan.tensors, _evaluated_again)
        checks.append(_against_plan(artifact, plan, expected))
    carried = _carried(artifact)
    if carried:
        checks.append(_code_check(artifact, plan, carried))
        if checks[-1].state == "failed":
            return VerificationReport(artifact=artifact, checks=tuple(checks))
    uses = plan.wholes if plan is not None else ()
    with temporary_folder() as folder:
        found = verify(
            artifact,
            weights=folder / "loaded.weights.h5",
            sources=[_whole(use, plan) for use in uses if plan is not None],
            code=code if strangers else NO_CODE,
            seed=seed,
            safe=not carried,
            progress=progress,
        )
        checks.extend(_in_keras(found, graph, expected, strangers, safe=not carried))
    return VerificationReport(artifact=artifact, checks=tuple(checks))


def verify_linked(artifact: Path, prepared: Prepared) -> VerificationReport | None:
    """Verify a file of a format that is written without Keras, and that Keras does not load.

    Args:
        artifact: the file.
        prepared: from the spec that says what it should be, with a complete plan.

    Returns:
        None where it is not of such a format.
    """
    form = format_of(str(artifact))
    if form is None or form.name == DEFAULT or output_format(form.name).exported:
        return None
    plan, spec, store = plan_spec(prepared), prepared.spec, prepared.store or default_store()
    assert spec is not None
    try:
        check_again(
            plan,
            source_states(plan, spec, store),
            destination(artifact, spec),
            digest_values(plan.tensors, _evaluated_again),
        )
    except DriftError as error:
        check = CheckResult(name="plan", state="failed", detail=error.message)
    else:
        check = CheckResult(name="plan", state="ok", detail="equal to what the plan says")
    return VerificationReport(artifact=artifact, checks=(check,))


def _evaluated_again(value: TensorExpr, _name: str) -> tuple[bytes]:
    """Compute a tensor in another way than the link does."""
    from composer.tensors.plain_evaluation import reference

    return (reference(value).tobytes(),)


def _against_plan(artifact: Path, plan: Plan, expected: Mapping[str, TensorDigest]) -> CheckResult:
    try:
        check_artifact(artifact, plan, expected)
    except DriftError as error:
        return CheckResult(name="plan", state="failed", detail=error.message)
    return CheckResult(
        name="plan",
        state="ok",
        detail=f"names, order, inputs and outputs as planned; {len(expected)} tensors equal "
        "to their sources",
    )


def _carried(artifact: Path) -> tuple[Finding, ...]:
    """Return what of an artifact Keras may not be given as it is."""
    with open_archive(artifact) as archive:
        return tuple(found for found in scan(archive.config) if found.kind != "name")


def _code_check(artifact: Path, plan: Plan | None, carried: Sequence[Finding]) -> CheckResult:
    """Say whether code that an artifact carries may run: only that which the plan has in it."""
    first = f"{carried[0]}"
    more = f", and {len(carried) - 1} more" if len(carried) > 1 else ""
    if plan is None:
        way = "verify it with the spec that trusts its source: --spec SPEC"
    elif not any(source.allowed for source in plan.sources):
        way = "the spec trusts no source that brings it along"
    else:
        with open_archive(artifact) as archive:
            same = archive.config == canonical_model(plan)
        trusted = ", ".join(source.id for source in plan.sources if source.allowed)
        if same and all(found.kind == "code" for found in carried):
            return CheckResult(
                name="code",
                state="ok",
                detail=f"{first}{more}; it runs, because the spec trusts {trusted}",
            )
        way = "it is not what the spec lets in"
    return CheckResult(name="code", state="failed", detail=f"{first}{more}; not loaded: {way}")


def _whole(use: WholeUse, plan: Plan) -> WholeSource:
    return WholeSource(
        id=use.source if use.call is None else f"{use.source}@{use.call}",
        path=plan.files[use.source].path,
        inputs=use.inputs,
        outputs=use.outputs,
        safe=not any(source.id == use.source and source.allowed for source in plan.sources),
    )


def _in_keras(
    found: Verification,
    graph: Graph,
    expected: Mapping[str, TensorDigest],
    strangers: Sequence[ForeignClass],
    *,
    safe: bool,
) -> Iterator[CheckResult]:
    if found.status == "too_deep":
        yield CheckResult(
            name="load",
            state="skipped",
            detail="the graph is too deep for Keras itself, whose walk of it overflows Python's "
            "stack; the file is valid and was checked without Keras",
        )
        return
    if found.status == "refused":
        yield CheckResult(
            name="load",
            state="failed",
            detail=f"Keras refuses it: {found.error}{_hint(strangers)}",
        )
        return
    mode = "in safe mode" if safe else "with the code that it carries"
    yield CheckResult(name="load", state="ok", detail=f"Keras loads it {mode}, in a fresh process")
    yield from _structure(found, graph)
    yield _variables(found, expected)
    if found.ran is None:
        yield CheckResult(name="run", state="skipped", detail="; ".join(found.notes) or "not run")
    else:
        yield CheckResult(
            name="run",
            state="ok" if found.ran else "failed",
            detail="; ".join(found.notes) or "a forward pass on random inputs",
        )
    for comparison in found.comparisons:
        name = f"source {comparison.id}"
        if comparison.equal is None:
            yield CheckResult(name=name, state="skipped", detail=comparison.note or "not compared")
        elif comparison.equal:
            yield CheckResult(name=name, state="ok", detail="its outputs are equal bit for bit")
        else:
            difference = comparison.difference
            size = "in shape or dtype" if difference is None else f"by up to {difference:.3g}"
            yield CheckResult(name=name, state="failed", detail=f"its outputs differ {size}")


def _strangers(graph: Graph) -> tuple[ForeignClass, ...]:
    """Return the classes of a graph that Keras neither has nor imports by itself."""
    found: dict[ForeignClass, None] = {}
    for operation in graph.operations:
        entry = {
            "module": operation.module,
            "class_name": operation.class_name,
            "registered_name": operation.registered_name,
            "config": operation.config,
        }
        found |= dict.fromkeys(foreign_classes(entry))
        if operation.inner is not None:
            found |= dict.fromkeys(_strangers(operation.inner))
    return tuple(foreign for foreign in found if not foreign.found_by_keras)


def _hint(strangers: Sequence[ForeignClass]) -> str:
    if not strangers:
        return ""
    names = ", ".join(str(foreign) for foreign in strangers[:3])
    first = strangers[0]
    return (
        f"; it holds classes from outside of Keras ({names}), which are imported where --spec "
        "names a spec that names their code (a py: source, or objects: "
        f"[{first.module}:{first.name}])"
    )


def _structure(found: Verification, graph: Graph) -> Iterator[CheckResult]:
    names = tuple(operation.name for operation in graph.operations)
    yield _check(
        "order",
        found.operations == names,
        f"{len(names)} operations in Keras's own order",
        "Keras keeps the operations in another order than the file",
    )
    inputs = [ref.operation for ref in leaves(graph.inputs)]
    loaded = [report.name for report in found.inputs]
    yield _check(
        "inputs", loaded == inputs, ", ".join(inputs), f"Keras has {loaded}, the file {inputs}"
    )
    flags = dict(found.trainable)
    wrong = [
        operation.name
        for operation in graph.operations
        if operation.kind == "layer"
        and isinstance(operation.config.get("trainable"), bool)
        and operation.name in flags
        and flags[operation.name] is not operation.config["trainable"]
        # A nested model may say that it trains while none of its layers does.
        and (operation.inner is None or flags[operation.name])
    ]
    yield _check(
        "trainable",
        not wrong,
        f"{sum(flags.values())} of {len(flags)} layers are trainable",
        f"Keras gives other flags to {', '.join(wrong[:3])}",
    )


def _variables(found: Verification, expected: Mapping[str, TensorDigest]) -> CheckResult:
    if found.weights is None:
        return CheckResult(name="weights", state="skipped", detail="Keras saved none")
    loaded = _under_public_names(digest_tensors(found.weights))
    expected = _under_public_names(expected)
    wrong = [path for path in expected if loaded.get(path) != expected[path]]
    extra = [path for path in loaded if path not in expected]
    if wrong or extra:
        first = (wrong or extra)[0]
        return CheckResult(
            name="weights",
            state="failed",
            detail=f"{len(wrong)} tensors differ once loaded and {len(extra)} are new, "
            f"the first is {first}",
        )
    return CheckResult(
        name="weights",
        state="ok",
        detail=f"{len(expected)} tensors equal bit for bit once loaded",
    )


def _under_public_names(tensors: Mapping[str, TensorDigest]) -> Mapping[str, TensorDigest]:
    """Return ``tensors`` by paths without the underscores of private attributes.

    Keras stores a part of a layer under the first attribute that leads to it. Attention layers
    got a public one beside the private one (``key_dense`` beside ``_key_dense``), so that files
    of earlier releases are saved again under other paths.
    """
    public = {
        "/".join(part.lstrip("_") or part for part in path.split("/")): digest
        for path, digest in tensors.items()
    }
    return public if len(public) == len(tensors) else tensors


def _check(name: str, good: bool, fine: str, wrong: str) -> CheckResult:  # noqa: FBT001
    return CheckResult(name=name, state="ok" if good else "failed", detail=fine if good else wrong)
