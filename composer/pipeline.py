"""The way from a spec to an artifact, as functions of a program: what the command line calls.

Each function returns a value or raises one of ``composer.errors``; none of them prints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from composer.diagnostics.diagnostic import Diagnostic
from composer.errors import BuildError, SpecError
from composer.keras_format.model_file import ModelFile
from composer.resolver.facts import Fact, Question
from composer.resolver.plan import Plan
from composer.resolver.resolve import resolve
from composer.spec import read_spec
from composer.spec.model import Spec
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
    spec, diagnostics = read_spec(path, overrides)
    if spec is None:
        return Prepared(spec=None, plan=None, diagnostics=diagnostics)
    prepared = prepare_spec(spec, deep=deep, store=store, progress=progress)
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
    # Imported here: reading model files needs h5py, which a spec with mistakes does not.
    from composer.sources import open_sources
    from composer.sources.context import Context

    store = store or default_store()
    context = Context(store=store, seed=spec.seed, may_import=deep, progress=progress)
    opened = open_sources(spec, context)
    knowledge = _Knowledge(store)
    resolution = resolve(spec, opened.files, knowledge)
    for _ in range(_ROUNDS):
        if not resolution.questions:
            break
        answers = _answers(resolution.questions, store, deep=deep, progress=progress)
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


def _answers(
    questions: Sequence[Question], store: Store, *, deep: bool, progress: Progress | None
) -> Mapping[str, Fact]:
    from composer.keras_process.asking import ask, recall_all

    if not deep:
        return recall_all(questions, store)
    return ask(questions, store, import_paths=(Path.cwd(),), progress=progress)


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
