"""The way from a spec to an artifact, as functions of a program: what the command line calls.

Each function returns a value or raises one of ``composer.errors``; none of them prints.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from composer.diagnostics.diagnostic import Diagnostic
from composer.errors import BuildError, SourceError, SpecError
from composer.keras_format.model_file import ModelFile
from composer.resolver.facts import Fact, Question
from composer.resolver.plan import Plan
from composer.resolver.resolve import resolve
from composer.spec import read_spec
from composer.spec.model import Spec
from composer.spec.source_text import COMMAND_LINE
from composer.store import Store, default_store

Progress = Callable[[str], None]
_ROUNDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """How far a spec could be taken.

    Attributes:
        spec: None when the text alone is too broken to go on.
        plan: None when there are errors or sources that wait for Keras.
        deferred: what only Keras can tell and was not asked, in words.
        diagnostics: errors and warnings of all stages that could run.
    """

    spec: Spec | None
    plan: Plan | None
    deferred: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that stop a build."""
        return tuple(d for d in self.diagnostics if d.severity == "error")


def prepare(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    deep: bool = False,
    store: Store | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Take a spec as far as its problems allow, and report all of them.

    Args:
        path: of the spec.
        overrides: such as ``vars.classes=5``.
        deep: whether Keras may be started, to import sources and to answer questions. Without
            it, only what the store remembers is used and the rest is deferred.
        store: None is the user's own.
        progress: called with lines of progress.

    Raises:
        UsageError: the spec can't be read.
        BuildError: an import or the Keras process failed for a reason outside of the spec.
    """
    return _prepare(Path(path), overrides, _Run(store or default_store(), progress, deep))


@dataclass(frozen=True, slots=True)
class _Run:
    """What a spec and the specs that it starts from have in common.

    Attributes:
        chain: the specs that are being prepared, the outermost first.
    """

    store: Store
    progress: Progress | None
    deep: bool
    chain: tuple[Path, ...] = ()


def _prepare(path: Path, overrides: Sequence[str], run: _Run) -> Prepared:
    spec, diagnostics = read_spec(path, overrides)
    if spec is None:
        return Prepared(spec=None, plan=None, diagnostics=diagnostics)
    prepared = _prepare_spec(spec, replace(run, chain=(*run.chain, path.resolve())))
    return Prepared(
        spec=spec,
        plan=None if any(d.severity == "error" for d in diagnostics) else prepared.plan,
        deferred=prepared.deferred,
        diagnostics=(*diagnostics, *prepared.diagnostics),
    )


def prepare_spec(
    spec: Spec,
    *,
    deep: bool = False,
    store: Store | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Do what :func:`prepare` does, for a spec that was read already."""
    return _prepare_spec(spec, _Run(store or default_store(), progress, deep))


def _prepare_spec(spec: Spec, run: _Run) -> Prepared:
    # Imported here: reading model files needs h5py, which a spec with mistakes does not.
    from composer.sources import open_sources
    from composer.sources.context import Context

    store, deep, progress = run.store, run.deep, run.progress
    context = Context(
        store=store,
        seed=spec.seed,
        may_import=deep,
        progress=progress,
        link_spec=lambda path, variables: _linked(path, variables, run),
    )
    opened = open_sources(spec, context)
    knowledge = _Knowledge(store)
    resolution = resolve(spec, opened.files, knowledge)
    for _ in range(_ROUNDS):
        if not resolution.questions:
            break
        answers = _answers(spec, resolution.questions, run)
        if not knowledge.learn(answers):
            break
        resolution = resolve(spec, opened.files, knowledge)
    deferred = [
        f"source {source!r} has to be imported by Keras first" for source in opened.deferred
    ]
    deferred.extend(_in_words(question) for question in resolution.questions)
    if deep and resolution.questions and not knowledge.waiting_for_errors(resolution.questions):
        raise BuildError(
            f"Keras was asked and left unanswered: {', '.join(q.id for q in resolution.questions)}"
        )
    return Prepared(
        spec=spec,
        plan=resolution.plan,
        deferred=tuple(deferred),
        diagnostics=(*opened.diagnostics, *resolution.diagnostics),
    )


def _linked(
    path: Path, variables: Mapping[str, Any], run: _Run
) -> tuple[Path | None, tuple[Diagnostic, ...]]:
    """Link another spec into the store; no path where that needs Keras and Keras may not be asked.

    Its own artifact is neither read nor written. What is to be told of it comes along.

    Raises:
        SourceError: the specs lead in a circle (``circle``), or a variable is not declared there
            (``args``).
        SpecError: it has errors.
        BuildError: it can't be linked.
    """
    from composer.builder.build import build_plan
    from composer.builder.linker import content_key
    from composer.sources.remembered import remembered_sha256

    resolved = path.resolve()
    if resolved in run.chain:
        ring = [*run.chain[run.chain.index(resolved) :], resolved]
        raise SourceError(
            f"specs start from each other in a circle: {' -> '.join(p.name for p in ring)}",
            reason="circle",
            help="take one of them as a built file (from: build/NAME.keras), or move what both "
            "need into a spec of its own",
        )
    overrides = [f"vars.{name}={json.dumps(value)}" for name, value in variables.items()]
    prepared = _prepare(path, overrides, run)
    for problem in prepared.errors:
        if problem.span is not None and problem.span.file == COMMAND_LINE:
            raise SourceError(
                f"args of {path.name}: {problem.message}",
                reason="args",
                help="args gives values to what that spec declares under vars",
            )
    if prepared.errors:
        raise SpecError(prepared.diagnostics)
    plan = prepared.plan
    if plan is None or not plan.complete:
        return None, prepared.diagnostics
    store = run.store
    key = content_key(plan, lambda file: remembered_sha256(file, store))
    digest = store.recipe(key)
    if digest is None:
        with store.making(key), store.scratch() as folder:
            digest = store.recipe(key)  # another process may have made it while this one waited
            if digest is None:
                build_plan(plan, folder / "linked.keras", progress=run.progress)
                digest = store.add(folder / "linked.keras")
                store.remember_recipe(key, digest, {"importer": "spec", "name": plan.name})
    return store.object_path(digest), prepared.diagnostics


def _answers(spec: Spec, questions: Sequence[Question], run: _Run) -> Mapping[str, Fact]:
    from composer.keras_process.asking import ask, recall_all
    from composer.keras_process.user_code import code_of

    if not run.deep:
        return recall_all(questions, run.store)
    return ask(questions, run.store, code=code_of(spec), progress=run.progress)


def _in_words(question: Question) -> str:
    if question.kind == "make":
        return f"layer {question.id!r} has to be made by Keras first"
    return f"what {question.id!r} gives for its new inputs"


@dataclass(slots=True)
class _Knowledge:
    """Facts of the store, and those that the process just asked gave for this very graph."""

    store: Store
    answers: dict[str, Fact] = field(default_factory=dict)
    _files: dict[str, ModelFile] = field(default_factory=dict)

    def learn(self, answers: Mapping[str, Fact]) -> bool:
        """Add answers; tell whether any is new."""
        new = {
            key: fact
            for key, fact in answers.items()
            if key not in self.answers or len(fact.outputs) > len(self.answers[key].outputs)
        }
        self.answers.update(new)
        return bool(new)

    def waiting_for_errors(self, questions: Sequence[Question]) -> bool:
        """Tell whether every question waits for one that Keras refused."""
        return any(fact.error is not None for fact in self.answers.values()) and bool(questions)

    def recall(self, question: Question) -> Fact | None:
        """Return the answer to a question, of this run or of an earlier one."""
        fact = self.answers.get(question.id)
        # An answer may be about the first calls only: those whose inputs were known by then.
        if fact is not None and (fact.error or len(fact.outputs) >= len(question.calls)):
            return fact
        from composer.keras_process.asking import recall

        return recall(question, self.store)

    def made(self, fact: Fact) -> ModelFile | None:
        """Return the stored file of a new layer."""
        from composer.keras_format.read_model import read_model
        from composer.sources.listings import RememberedListings

        if fact.object is None:
            return None
        if fact.object not in self._files:
            path = self.store.object_path(fact.object)
            if path is None:
                return None
            self._files[fact.object] = read_model(path, RememberedListings(self.store))
        return self._files[fact.object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A built model.

    Attributes:
        path: of the ``.keras`` file.
        plan: that it was built from.
        sha256: of the file.
        diagnostics: warnings of the build.
    """

    path: Path
    plan: Plan
    sha256: str
    diagnostics: tuple[Diagnostic, ...] = ()


def plan_spec(prepared: Prepared) -> Plan:
    """Return the plan of what was prepared.

    Raises:
        SpecError: there are errors.
        BuildError: sources wait for an import.
    """
    if prepared.errors:
        raise SpecError(prepared.diagnostics)
    if prepared.plan is None:
        raise BuildError(
            "the plan waits for Keras: " + "; ".join(prepared.deferred),
            help="compose plan --deep (or compose build) asks Keras and remembers the answer",
        )
    return prepared.plan


def output_path(spec: Spec, output: str | Path | None = None) -> Path:
    """Return where the artifact goes: ``output``, or the spec's, or ``build/NAME.keras``."""
    if output is not None:
        return Path(output)
    return spec.target.path or Path("build") / f"{spec.name}.keras"


def build_spec(
    prepared: Prepared, *, output: str | Path | None = None, progress: Progress | None = None
) -> Artifact:
    """Link what was prepared, read it again, check it, and move it into place.

    Raises:
        SpecError: there are errors.
        BuildError: it waits for Keras, or can't be written.
        DriftError: what was written is not what was planned; the target is left as it was.
    """
    from composer.builder.build import build_plan

    plan = plan_spec(prepared)
    assert prepared.spec is not None
    target = output_path(prepared.spec, output)
    digest = build_plan(plan, target, progress=progress)
    return Artifact(path=target, plan=plan, sha256=digest, diagnostics=prepared.diagnostics)
