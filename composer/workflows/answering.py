"""Takes a spec whose sources are open to its plan, with answers of the store and of Keras."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from composer.errors import BuildError
from composer.model_files.read_model import read_model
from composer.resolver.facts import Answer, Fact, Question
from composer.resolver.resolve import Resolution, inferred, joined, planned
from composer.sources.listings import RememberedListings
from composer.sources.open_sources import OpenedSources
from composer.spec.model import Spec
from composer.store import Store

if TYPE_CHECKING:
    from composer.keras_process.code_state import CodeState
    from composer.keras_process.user_code import UserCode


class Answers:
    """What is known of what only Keras knows, for one spec.

    Attributes:
        facts: by question id; what a resolver is given.
    """

    def __init__(self, spec: Spec, store: Store) -> None:
        self._store = store
        self._spec = spec
        self._state: CodeState | None = None
        self.facts: dict[str, Answer] = {}

    @property
    def _code(self) -> UserCode:
        from composer.keras_process.user_code import code_of

        return code_of(self._spec)

    def recall(self, questions: Sequence[Question]) -> bool:
        """Add what the store remembers; tell whether that is anything new."""
        if not questions:
            return False
        # Imported here, as below: most specs leave nothing to ask.
        from composer.keras_process.asking import recall_all
        from composer.keras_process.code_state import CodeState

        self._state = self._state or CodeState(self._code)
        return self._learn(recall_all(questions, self._store, self._state))

    def ask(self, questions: Sequence[Question], progress: Callable[[str], None] | None) -> bool:
        """Add what the store remembers and Keras says; tell whether that is anything new.

        Raises:
            BuildError: the Keras process failed, or the questions wait for each other.
        """
        from composer.keras_process.asking import ask

        found = ask(questions, self._store, code=self._code, progress=progress)
        return self._learn(found)

    def _learn(self, found: Mapping[str, Fact]) -> bool:
        before = len(self.facts), sum(len(known.fact.outputs) for known in self.facts.values())
        for question, fact in found.items():
            known = self.facts.get(question)
            # An answer may be about the first calls only: those whose inputs were known by then.
            if known is None or len(fact.outputs) > len(known.fact.outputs):
                answer = self._answer(fact)
                if answer is not None:
                    self.facts[question] = answer
        after = len(self.facts), sum(len(known.fact.outputs) for known in self.facts.values())
        return after != before

    def _answer(self, fact: Fact) -> Answer | None:
        """Return a fact with the file of the layer that Keras made; None where it is gone."""
        if fact.object is None:
            return Answer(fact)
        path = self._store.object_path(fact.object)
        return (
            None
            if path is None
            else Answer(fact, read_model(path, RememberedListings(self._store)))
        )


def resolved(
    spec: Spec,
    opened: OpenedSources,
    store: Store,
    *,
    may_ask: bool,
    progress: Callable[[str], None] | None,
) -> Resolution:
    """Resolve a spec, with the answers to all its questions that can be had.

    What the store knows is used for a spec with errors too, so that all of them are found at once.

    Raises:
        BuildError: Keras was asked and did not answer.
    """
    answers = Answers(spec, store)
    link = joined(spec, opened.files, opened.downloads)
    while True:
        known = inferred(link, answers.facts)
        while answers.recall(known.inferred.questions):
            known = inferred(link, answers.facts)
        resolution = planned(known)
        # Keras is given what a source holds, so it is asked only where that was found to be sound.
        if not may_ask or resolution.plan is None or not resolution.questions:
            return resolution
        if not answers.ask(resolution.questions, progress):
            names = tuple(question.id for question in resolution.questions)
            raise BuildError("CMP710.unanswered", questions=names)


def in_words(question: Question, spec: Spec) -> str:
    """Return what a question waits for."""
    if question.kind == "make":
        words = f"layer {question.id!r} must first be created by Keras"
        unchecked = next((layer.unchecked for layer in spec.layers if layer.id == question.id), ())
        if unchecked:
            words += f" (its {', '.join(unchecked)} may be of a newer Keras than this knows)"
        return words
    return f"what {question.id!r} outputs"
