"""What Keras has answered so far: in this run, and in earlier ones that the store remembers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from composer.graphs.model_file import ModelFile
from composer.resolver.facts import Fact, Question
from composer.spec.model import Spec
from composer.store import Store

if TYPE_CHECKING:
    from composer.keras_process.code_state import CodeState


@dataclass(slots=True)
class StoredKnowledge:
    """Facts of the store, and those that the process just asked gave for this very graph."""

    store: Store
    spec: Spec
    answers: dict[str, Fact] = field(default_factory=dict)
    _state: CodeState | None = None
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
        from composer.keras_process.code_state import CodeState
        from composer.keras_process.user_code import code_of

        if self._state is None:
            self._state = CodeState(code_of(self.spec))
        return recall(question, self.store, self._state)

    def made(self, fact: Fact) -> ModelFile | None:
        """Return the stored file of a new layer."""
        from composer.model_files.read_model import read_model
        from composer.sources.listings import RememberedListings

        if fact.object is None:
            return None
        if fact.object not in self._files:
            path = self.store.object_path(fact.object)
            if path is None:
                return None
            self._files[fact.object] = read_model(path, RememberedListings(self.store))
        return self._files[fact.object]
