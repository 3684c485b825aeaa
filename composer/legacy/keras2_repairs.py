"""What Keras 3 dropped, renamed or defines otherwise in built-in layers, as a table of repairs.

A repair is a small pure function from a layer's config to the config that Keras 3 takes, and a
sentence about what it did. What would compute other numbers under its old name is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from composer.graphs.graph import Json

Config = Mapping[str, Json]
Repaired = tuple[Config, tuple[str, ...]]
Mend = Callable[[Config], Repaired]


class NoEquivalentError(Exception):
    """A layer can't be written for Keras 3; the text says why. Caught in this room only."""


def mend(class_name: str, config: Config) -> Repaired:
    """Return a built-in layer's config as Keras 3 takes it, and what was changed.

    Args:
        class_name: such as ``Conv2D``.
        config: the constructor's arguments as Keras 2 serialised them.

    Returns:
        The config, and a sentence for each change.

    Raises:
        NoEquivalentError: Keras 3 has no layer that computes the same.
    """
    if class_name in NO_EQUIVALENT:
        raise NoEquivalentError(NO_EQUIVALENT[class_name])
    if class_name not in SAME_CLASSES:
        raise NoEquivalentError(f"today's Keras has no layer {class_name}")
    changes: list[str] = []
    for repair in (*FOR_EVERY_LAYER, *REPAIRS.get(class_name, ())):
        config, changed = repair(config)
        changes.extend(changed)
    return config, tuple(changes)


# ---------------------------------------------------------------- kinds of repair


def left_out(key: str, why: str, *, only: tuple[Json, ...] | None = None) -> Mend:
    """Return a repair that drops ``key``, and refuses where its value is none of ``only``."""

    def repair(config: Config) -> Repaired:
        if key not in config:
            return config, ()
        value = config[key]
        if only is not None and value not in only:
            raise NoEquivalentError(f"it has {key}={value!r}, and {why}")
        rest = {name: item for name, item in config.items() if name != key}
        return rest, (f"{key}={value!r} dropped: {why}",)

    return repair


def renamed(old: str, new: str) -> Mend:
    """Return a repair that gives an argument its new name, in its old place."""

    def repair(config: Config) -> Repaired:
        if old not in config or new in config:
            return config, ()
        changed = {new if name == old else name: item for name, item in config.items()}
        return changed, (f"{old}={config[old]!r} renamed to {new}",)

    return repair


def one_axis(config: Config) -> Repaired:
    """Write ``axis: [3]`` as ``axis: 3``; Keras 3 normalises over one axis."""
    axis = config.get("axis")
    if not isinstance(axis, list | tuple):
        return config, ()
    if len(axis) != 1:
        raise NoEquivalentError(f"it normalises over the axes {axis!r}; today's Keras takes one")
    return {**config, "axis": axis[0]}, (f"axis={list(axis)!r} written as {axis[0]}",)


def plain_numbers(config: Config) -> Repaired:
    """Write NumPy scalars (``{"class_name": "__numpy__"}``, 2.12) as the numbers that they are."""
    changed = dict(config)
    changes = []
    for key, value in config.items():
        if isinstance(value, Mapping) and value.get("class_name") == "__numpy__":
            number = (value.get("config") or {}).get("value")
            if isinstance(number, int | float):
                changed[key] = number
                changes.append(f"{key} written as the number {number}")
    return (changed, tuple(changes)) if changes else (config, ())


def today_s_policy(config: Config) -> Repaired:
    """Write a ``Policy`` of ``keras.mixed_precision`` as the ``DTypePolicy`` of today."""
    policy = config.get("dtype")
    if not isinstance(policy, Mapping) or policy.get("class_name") != "Policy":
        return config, ()
    name = (policy.get("config") or {}).get("name")
    if not isinstance(name, str):
        raise NoEquivalentError(f"its dtype policy has no name: {policy!r}")
    today = {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": {"name": name},
        "registered_name": None,
    }
    return {**config, "dtype": today}, (f"dtype: Policy {name!r} written as a DTypePolicy",)


def same_activations(config: Config) -> Repaired:
    """Refuse an activation that Keras 3 computes otherwise or does not know by that name."""
    for key in ("activation", "recurrent_activation"):
        if _is_code(config.get(key)):
            raise NoEquivalentError(
                f"its {key} is a lambda or another function of the program that made it, and "
                "compose runs no code from a file"
            )
        name = _activation_name(config.get(key))
        if name is None or name in SAME_ACTIVATIONS:
            continue
        if name == "hard_sigmoid":
            raise NoEquivalentError(
                f"its {key} hard_sigmoid is clip(0.2 x + 0.5) in Keras 2 and relu6(x + 3) / 6 in "
                "today's Keras, which gives other numbers"
            )
        raise NoEquivalentError(f"today's Keras has no function {name!r} for its {key}")
    return config, ()


def forgotten_inversion(config: Config) -> Repaired:
    """Say that Keras 2.12 did not record ``invert`` of a Normalization layer."""
    if "invert" in config:
        return config, ()
    return {**config, "invert": False}, (
        "invert=False assumed: Keras 2.12 does not record it, and loses it itself",
    )


def _is_code(value: Json) -> bool:
    """Tell a function that Keras 2 wrote as its code, or as the name of no function at all."""
    if isinstance(value, Mapping):
        return "class_name" not in value
    return isinstance(value, list) or value == "<lambda>"


def _activation_name(value: Json) -> str | None:
    """Return the name of a built-in function, None for a layer or a registered function."""
    if isinstance(value, str):
        return None if ">" in value else value
    if isinstance(value, Mapping) and value.get("class_name") == "function":
        module, name = value.get("module"), value.get("config")
        builtin = module == "builtins" or str(module).startswith(("keras", "tf_keras"))
        return name if builtin and isinstance(name, str) and ">" not in name else None
    return None


# ---------------------------------------------------------------- the table

_SHAPE: Final = "shapes follow from the tensors"
_NO_GROUPS: Final = "this layer has no groups"
_KERNEL: Final = "this layer has a depthwise and a pointwise kernel in its place"
_KEYWORD: Final = "today's Keras has no such argument"

FOR_EVERY_LAYER: Final[tuple[Mend, ...]] = (
    left_out("rng_type", "today's Keras has one kind of random generator"),
    left_out("experimental_autocast", _KEYWORD, only=(True, None)),
    left_out("dynamic", _KEYWORD, only=(False, None)),
    plain_numbers,
    today_s_policy,
    same_activations,
)
"""Applied to each built-in layer, before its own repairs."""

_RECURRENT: Final[tuple[Mend, ...]] = (
    left_out("time_major", "today's Keras takes the batch first", only=(False,)),
    left_out("num_constants", "today's Keras has no constants beside the states", only=(None, 0)),
    left_out("implementation", "today's Keras chooses between the implementations itself"),
)
_SPATIAL_DROPOUT: Final[tuple[Mend, ...]] = (
    left_out("noise_shape", "it follows from the tensors", only=(None,)),
    left_out("trainable", "this layer has no weights, and today takes no such argument"),
)
_DEPTHWISE: Final[tuple[Mend, ...]] = (left_out("groups", _NO_GROUPS, only=(1,)),)
_SEPARABLE: Final[tuple[Mend, ...]] = (
    *_DEPTHWISE,
    *(left_out(f"kernel_{part}", _KERNEL) for part in ("initializer", "regularizer", "constraint")),
)

REPAIRS: Final[Mapping[str, tuple[Mend, ...]]] = {
    "Attention": (left_out("causal", "it is an argument of the call today", only=(False,)),),
    "AdditiveAttention": (
        left_out("causal", "it is an argument of the call today", only=(False,)),
    ),
    "BatchNormalization": (
        one_axis,
        left_out("renorm", _KEYWORD, only=(False, None)),
        left_out("fused", "today's Keras chooses the kernel itself"),
        left_out("virtual_batch_size", _KEYWORD, only=(None,)),
    ),
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"), _DEPTHWISE),
    **dict.fromkeys(("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"), _RECURRENT),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), _DEPTHWISE),
    "Discretization": (
        left_out("trainable", "this layer has no weights, and today takes no such argument"),
    ),
    "Embedding": (left_out("input_length", _SHAPE), left_out("sparse", _KEYWORD, only=(False,))),
    "LeakyReLU": (renamed("alpha", "negative_slope"),),
    "MultiHeadAttention": (
        left_out("query_shape", _SHAPE),
        left_out("key_shape", _SHAPE),
        left_out("value_shape", _SHAPE),
        left_out("softmax_robust_masking", _KEYWORD, only=(False,)),
    ),
    "Normalization": (forgotten_inversion,),
    **dict.fromkeys(
        ("RNN", "LSTM", "GRU", "SimpleRNN", "LSTMCell", "GRUCell", "SimpleRNNCell"), _RECURRENT
    ),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), _SEPARABLE),
    "Softmax": (left_out("robust_masking", _KEYWORD, only=(False,)),),
    **dict.fromkeys(("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"), _SPATIAL_DROPOUT),
}
"""By class, in the order in which they are applied."""

_OPERATOR: Final = (
    "it is an operation of TensorFlow that Keras 2 recorded as a layer, and today's Keras has no "
    "such layer"
)

NO_EQUIVALENT: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "TFOpLambda",
            "SlicingOpLambda",
            "TensorFlowOpLayer",
            "ClassMethod",
            "InstanceMethod",
            "InstanceProperty",
        ),
        _OPERATOR,
    ),
    **dict.fromkeys(
        (
            "AbstractRNNCell",
            "CuDNNGRU",
            "CuDNNLSTM",
            "DenseFeatures",
            "LocallyConnected1D",
            "LocallyConnected2D",
            "RandomFourierFeatures",
            "RandomHeight",
            "RandomWidth",
            "SyncBatchNormalization",
            "ThresholdedReLU",
        ),
        "today's Keras has no layer of this class",
    ),
    "RandomCrop": "outside training it resizes in Keras 2 and does nothing in today's Keras",
}
"""Built-in classes of Keras 2 that are gone, and what to say of each."""

SAME_ACTIVATIONS: Final = frozenset(
    {
        "elu",
        "exponential",
        "gelu",
        "leaky_relu",
        "linear",
        "mish",
        "relu",
        "relu6",
        "selu",
        "sigmoid",
        "silu",
        "softmax",
        "softplus",
        "softsign",
        "swish",
        "tanh",
    }
)
"""Names under which Keras 2 and 3 compute the same function."""

SAME_CLASSES: Final = frozenset(
    """
    Activation ActivityRegularization Add AdditiveAttention AlphaDropout Attention Average
    AveragePooling1D AveragePooling2D AveragePooling3D BatchNormalization Bidirectional
    CategoryEncoding CenterCrop Concatenate Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D
    Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Cropping1D Cropping2D Cropping3D Dense
    DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout ELU EinsumDense Embedding Flatten
    GRU GRUCell GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D
    GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D
    GroupNormalization HashedCrossing Hashing Identity InputLayer IntegerLookup LSTM LSTMCell
    Lambda LayerNormalization LeakyReLU Masking MaxPooling1D MaxPooling2D MaxPooling3D Maximum
    Minimum MultiHeadAttention Multiply Normalization PReLU Permute RNN RandomBrightness
    RandomContrast RandomFlip RandomRotation RandomTranslation RandomZoom ReLU
    RepeatVector Rescaling Reshape Resizing SeparableConv1D SeparableConv2D SimpleRNN
    SimpleRNNCell Softmax SpatialDropout1D SpatialDropout2D SpatialDropout3D
    SpectralNormalization StackedRNNCells StringLookup Subtract TextVectorization TimeDistributed
    UnitNormalization UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D
    ZeroPadding3D
    """.split()  # noqa: SIM905 - a list of a hundred quoted names hides what is missing
)
"""Layers that Keras 2 and 3 both have, under ``keras.layers``."""
