"""What is known of the tensors of the joined graph, and what is left to ask of Keras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from composer.graphs.graph import TensorSpec
from composer.graphs.model_file import LayerState, ModelFile
from composer.resolver.facts import Question
from composer.resolver.joined import JoinedOperation
from composer.resolver.seams import Seam
from composer.resolver.tensor_references import JoinedRef
from composer.resolver.unchecked import NOTHING, Unchecked


@dataclass(frozen=True, slots=True, kw_only=True)
class Inferred:
    """What is known of the result's tensors.

    Attributes:
        specs: by tensor of the joined graph; of tensors that wait for Keras those that can be
            foreseen.
        operations: with facts put in: configs of new layers, build configs behind changed seams.
        states: for new layers, where their weights are.
        questions: in an order in which they can be answered.
        seams: in the order of the graph.
        unchecked: what the questions leave open.
    """

    specs: Mapping[JoinedRef, TensorSpec] = field(default_factory=dict)
    operations: Mapping[str, JoinedOperation] = field(default_factory=dict)
    states: Mapping[str, tuple[ModelFile, LayerState]] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()
    seams: tuple[Seam, ...] = ()
    unchecked: Unchecked = NOTHING
