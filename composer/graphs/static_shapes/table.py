"""The rules by class, and what they say of a call: specs of its outputs, a refusal, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from composer.graphs.graph import Json, TensorSpec, Tree
from composer.graphs.static_shapes.activations import activation, prelu, softmax
from composer.graphs.static_shapes.attention import attention, multi_head_attention
from composer.graphs.static_shapes.borders import cropping, up_sampling, zero_padding
from composer.graphs.static_shapes.called import (
    Called,
    KerasRefusesError,
    Shape,
    UnknownError,
    known,
)
from composer.graphs.static_shapes.compute_dtype import FLOATS, compute_dtype
from composer.graphs.static_shapes.convolution import (
    convolution,
    depthwise,
    separable,
    transposed,
)
from composer.graphs.static_shapes.core import dense, embedding
from composer.graphs.static_shapes.merging import concatenate, dot, elementwise
from composer.graphs.static_shapes.normalization import normalization
from composer.graphs.static_shapes.pooling import global_pooling, pooling
from composer.graphs.static_shapes.recurrent import recurrent
from composer.graphs.static_shapes.reshaping import (
    flatten,
    identity,
    permute,
    repeat_vector,
    reshape,
)

Rule = Callable[[Called], "Shape | list[Shape] | TensorSpec"]
"""A spec where the rule knows the dtype for any input; shapes hold for floats alone."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why Keras is certain to refuse a call.

    Attributes:
        message: as it follows the name of the class: "needs inputs of one shape; …".
        argument: of the constructor, where it is what does not fit.
        help: what to write instead, where the rule knows.
    """

    message: str
    argument: str | None = None
    help: str | None = None


Answer = tuple[TensorSpec, ...] | Refusal | None
"""Specs of the flattened outputs of a call, why there are none, or None where only Keras knows."""


def static_answer(
    class_name: str,
    arguments: Mapping[str, Json],
    args: Sequence[Tree],
    kwargs: Mapping[str, Tree],
) -> Answer:
    """Return what can be told of a call of one of Keras's own layers without Keras.

    What is returned equals what Keras 3.15 infers, as a property test asserts. That holds for
    the settings of the Keras process: ``float32`` and ``channels_last`` where nothing else is
    written.

    Args:
        class_name: of ``keras.layers``, under any of its names there.
        arguments: of the constructor, or a whole config; none has to be checked before.
        args: of the call, with ``TensorSpec`` leaves; a leaf that is not known has no shape.
        kwargs: the same.
    """
    rule = RULES.get(ALIASES.get(class_name, class_name))
    dtype = compute_dtype(arguments.get("dtype"))
    if rule is None or dtype is None or "autocast" in arguments:
        return None
    called = Called(
        class_name=ALIASES.get(class_name, class_name),
        arguments=arguments,
        dtype=dtype,
        args=args,
        kwargs=kwargs,
    )
    try:
        found = rule(called)
    except UnknownError:
        return None
    except KerasRefusesError as refused:
        return Refusal(refused.message, refused.argument, refused.help)
    if isinstance(found, TensorSpec):
        return (found,)
    # A layer casts floats to its compute dtype and leaves integers alone, so that an integer
    # input gives an integer or a float depending on the layer.
    if not _takes_floats([*args, *kwargs.values()]):
        return None
    shapes = found if isinstance(found, list) else [found]
    return tuple(TensorSpec(shape, dtype) for shape in shapes)


def _takes_floats(tree: Tree) -> bool:
    if isinstance(tree, TensorSpec):
        return tree.dtype in FLOATS
    if isinstance(tree, Mapping):
        return all(map(_takes_floats, tree.values()))
    return all(map(_takes_floats, tree)) if isinstance(tree, list | tuple) else True


def _same(called: Called) -> Shape:
    return called.shape(alone=False)


def _scaled(called: Called) -> TensorSpec:
    spec = called.tensor(alone=False)
    if spec.dtype in ("string", "bool") or isinstance(called.argument("scale"), list | dict | str):
        raise UnknownError
    return TensorSpec(known(spec), called.dtype)


def _of_rank(rank: int) -> Rule:
    def rule(called: Called) -> Shape:
        shape = called.shape()
        called.channels_last()
        called.needs_rank(shape, rank)
        return shape

    return rule


def _dropout(called: Called) -> Shape:
    if called.argument("noise_shape") is not None:
        raise UnknownError
    return called.shape(alone=False)


_DIMENSIONS = (1, 2, 3)

RULES: dict[str, Rule] = {
    "Activation": activation,
    "ActivityRegularization": _same,
    "AdditiveAttention": attention,
    "AlphaDropout": _dropout,
    "Attention": attention,
    "Concatenate": concatenate,
    "Dense": dense,
    "Dot": dot,
    "Dropout": _dropout,
    "ELU": _same,
    "Embedding": embedding,
    "Flatten": flatten,
    "GRU": recurrent(1),
    "GaussianDropout": _same,
    "GaussianNoise": _same,
    "Identity": identity,
    "LSTM": recurrent(2),
    "LeakyReLU": _same,
    "Masking": _same,
    "MultiHeadAttention": multi_head_attention,
    "PReLU": prelu,
    "Permute": permute,
    "ReLU": _same,
    "RepeatVector": repeat_vector,
    "Rescaling": _scaled,
    "Reshape": reshape,
    "SimpleRNN": recurrent(1),
    "Softmax": softmax,
    **{f"AveragePooling{n}D": pooling(n, None) for n in _DIMENSIONS},
    **{f"Conv{n}D": convolution(n) for n in _DIMENSIONS},
    **{f"Conv{n}DTranspose": transposed(n) for n in _DIMENSIONS},
    **{f"Cropping{n}D": cropping(n) for n in _DIMENSIONS},
    **{f"DepthwiseConv{n}D": depthwise(n) for n in _DIMENSIONS[:2]},
    **{f"GlobalAveragePooling{n}D": global_pooling(n) for n in _DIMENSIONS},
    **{f"GlobalMaxPooling{n}D": global_pooling(n) for n in _DIMENSIONS},
    **{f"MaxPooling{n}D": pooling(n, 2) for n in _DIMENSIONS},
    **{f"SeparableConv{n}D": separable(n) for n in _DIMENSIONS[:2]},
    **{f"SpatialDropout{n}D": _of_rank(n + 2) for n in _DIMENSIONS},
    **{f"UpSampling{n}D": up_sampling(n) for n in _DIMENSIONS},
    **{f"ZeroPadding{n}D": zero_padding(n) for n in _DIMENSIONS},
    **dict.fromkeys(("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"), elementwise),
    **dict.fromkeys(
        (
            "BatchNormalization",
            "GroupNormalization",
            "LayerNormalization",
            "RMSNormalization",
            "UnitNormalization",
        ),
        normalization,
    ),
}
"""By the name that Keras writes into a config."""

ALIASES = {
    **{f"AvgPool{n}D": f"AveragePooling{n}D" for n in _DIMENSIONS},
    **{f"Convolution{n}D": f"Conv{n}D" for n in _DIMENSIONS},
    **{f"Convolution{n}DTranspose": f"Conv{n}DTranspose" for n in _DIMENSIONS},
    **{f"GlobalAvgPool{n}D": f"GlobalAveragePooling{n}D" for n in _DIMENSIONS},
    **{f"GlobalMaxPool{n}D": f"GlobalMaxPooling{n}D" for n in _DIMENSIONS},
    **{f"MaxPool{n}D": f"MaxPooling{n}D" for n in _DIMENSIONS},
    **{f"SeparableConvolution{n}D": f"SeparableConv{n}D" for n in _DIMENSIONS[:2]},
}
"""Further names that ``keras.layers`` has for some classes."""
