"""The architectures of keras.applications that the sweep tries, and the ways to link them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from composer.graphs.graph import TensorRef, leaves
from composer.graphs.model_file import ModelFile
from composer.resolver.topology import Topology
from composer.spec.model import Reference, Selector, SourceInput
from tests.properties.linking_parts import Variant, declared, source_of, spec_of

SMALLEST: Mapping[str, int] = {
    "ConvNeXtBase": 32,
    "ConvNeXtSmall": 32,
    "ConvNeXtTiny": 32,
    "DenseNet121": 32,
    "DenseNet169": 32,
    "DenseNet201": 32,
    "EfficientNetB0": 32,
    "EfficientNetB1": 32,
    "EfficientNetB2": 32,
    "EfficientNetB3": 32,
    "EfficientNetB4": 32,
    "EfficientNetB5": 32,
    "EfficientNetB6": 32,
    "EfficientNetB7": 32,
    "EfficientNetV2B0": 32,
    "EfficientNetV2B1": 32,
    "EfficientNetV2B2": 32,
    "EfficientNetV2B3": 32,
    "EfficientNetV2L": 32,
    "EfficientNetV2M": 32,
    "EfficientNetV2S": 32,
    "InceptionResNetV2": 75,
    "InceptionV3": 75,
    "MobileNet": 32,
    "MobileNetV2": 32,
    "MobileNetV3Large": 32,
    "MobileNetV3Small": 32,
    "NASNetLarge": 32,
    "NASNetMobile": 32,
    "ResNet101": 32,
    "ResNet101V2": 32,
    "ResNet152": 32,
    "ResNet152V2": 32,
    "ResNet50": 32,
    "ResNet50V2": 32,
    "VGG16": 32,
    "VGG19": 32,
    "Xception": 71,
}
"""Pixels a side of the smallest image that each takes; one or two would do for some."""

LINKED = (
    "ConvNeXtTiny",
    "DenseNet121",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "InceptionResNetV2",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Small",
    "NASNetMobile",
    "ResNet50V2",
    "VGG16",
    "Xception",
)
"""One of each family, the smallest."""


def application(name: str) -> Any:
    """Return the architecture without pretrained weights, for the smallest image, ten classes."""
    import keras

    keras.utils.clear_session()  # two of one kind have the same names
    make = getattr(keras.applications, name)
    side = SMALLEST[name]
    return make(weights=None, input_shape=(side, side, 3), classes=10)


def headless(files: Mapping[str, ModelFile], choice: int) -> Variant:
    """The last layer excluded; what it took is what is open now."""
    file = files["a"]
    last = next(iter(leaves(file.graph.outputs)))
    operations = {operation.name: operation for operation in file.graph.operations}
    before = next(operations[last.operation].calls[last.call].tensors()).ref
    exclude = (Selector(kind="glob", pattern=last.operation),)
    inputs = [ref.operation for ref in leaves(file.graph.inputs)]
    return Variant(
        spec=spec_of((source_of("a", prefix="p_", exclude=exclude),), ()),
        inputs={f"p_{name}": name for name in inputs},
        outputs=(("a", before),),
        names={"a": ("p_", "")},
    )


def from_the_middle(files: Mapping[str, ModelFile], choice: int) -> Variant:
    """The front excluded, with new inputs in the place of the tensors that it gave the rest."""
    file = files["a"]
    topology = Topology.of(file.graph)
    middle, cut = _middle(topology)
    wires = tuple(
        SourceInput(
            target=ref.operation,
            node=ref.call,
            output=ref.output,
            reference=Reference(name=f"new_{number}"),
        )
        for number, ref in enumerate(cut)
    )
    exclude = (Selector(kind="upto", pattern=middle),)
    outputs = tuple(("a", ref) for ref in leaves(file.graph.outputs))
    return Variant(
        spec=spec_of(
            (source_of("a", prefix="p_", exclude=exclude, inputs=wires),),
            (),
            inputs=tuple(
                declared(topology.specs.get(ref), f"new_{number}") for number, ref in enumerate(cut)
            ),
        ),
        inputs={f"new_{number}": str(ref) for number, ref in enumerate(cut)},
        outputs=outputs,
        names={"a": ("p_", "")},
        starts=cut,
    )


def _middle(topology: Topology) -> tuple[str, tuple[TensorRef, ...]]:
    """Return a layer of the middle third, and the fewest tensors that lead past it."""
    names = list(topology.operations)
    best: tuple[str, tuple[TensorRef, ...]] | None = None
    for name in names[len(names) // 3 : 2 * len(names) // 3]:
        front = topology.ancestors(name) | {name}
        cut: dict[TensorRef, None] = {}
        for other, operation in topology.operations.items():
            if other in front:
                continue
            for call in operation.calls:
                for tensor in call.tensors():
                    if tensor.ref.operation in front:
                        cut[tensor.ref] = None
        if best is None or len(cut) < len(best[1]):
            best = (name, tuple(cut))
        if len(cut) == 1:
            break
    assert best is not None
    return best
