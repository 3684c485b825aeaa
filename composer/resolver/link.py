"""A link under way: what the passes know so far. Each takes one of these and returns the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from composer.diagnostics.diagnostic import Diagnostic
from composer.graphs.model_file import ModelFile
from composer.resolver.facts import Answer
from composer.resolver.inferred import Inferred
from composer.resolver.joined import JoinedGraph
from composer.resolver.piece import Piece
from composer.resolver.plan import Download, Plan
from composer.resolver.tensor_references import Step
from composer.spec.model import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What is given to a link, and what its passes have found.

    Attributes:
        spec: validated.
        files: models by source id; one that could not be opened is missing. It was reported
            already, so whatever refers to it is passed over.
        downloads: by source id what URLs gave.
        facts: what Keras answered, by question id.
        pieces: by source id, in the order of the spec.
        joined: the graph of all pieces, new layers and inputs.
        whole: whether every source is in the graph and all of its wires are sound, so that what
            it lacks can be judged.
        order: calls of the graph, each after what it takes; none if it is circular.
        reached: the calls that an output depends on, none unless
            the graph is whole.
        unreachable: keys of operations that no output depends on.
        inferred: shapes and dtypes of the tensors, and what is left to ask.
        plan: the result; it counts only if there are no errors.
        diagnostics: errors and warnings, in the order in which they were found.
    """

    spec: Spec
    files: Mapping[str, ModelFile]
    downloads: Mapping[str, Download] = field(default_factory=dict)
    facts: Mapping[str, Answer] = field(default_factory=dict)
    pieces: Mapping[str, Piece] = field(default_factory=dict)
    joined: JoinedGraph = field(default_factory=JoinedGraph)
    whole: bool = False
    order: tuple[Step, ...] = ()
    reached: frozenset[Step] = frozenset()
    unreachable: tuple[str, ...] = ()
    inferred: Inferred = field(default_factory=Inferred)
    plan: Plan | None = None
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether all sources are there and no error was found so far."""
        opened = all(source.id in self.files for source in self.spec.sources)
        return opened and not any(found.severity == "error" for found in self.diagnostics)

    @property
    def linkable(self) -> bool:
        """Whether no layer was found that can't be linked at all (CMP520)."""
        return all(found.code != "CMP520" for found in self.diagnostics)
