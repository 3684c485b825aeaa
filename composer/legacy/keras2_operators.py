"""Operations of TensorFlow that Keras 2 recorded as layers, written as operations of Keras 3.

``TFOpLambda`` names a function of TensorFlow's public API and takes its arguments in the call
(``tf_keras/src/layers/core/tf_op_layer.py``). Keras 3 splits them: what is constant belongs to the
operation, tensors to the call. The table holds functions of which both compute the same; the name
is only compared with the table, and nothing is looked up or run by it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from composer.graphs.graph import Json
from composer.legacy.keras2_repairs import NoEquivalentError

OPERATOR_CLASSES: Final = frozenset({"TFOpLambda", "SlicingOpLambda"})

Arguments = dict[str, Json]
"""Of a call of TensorFlow's function by name, the first one under ``FIRST``."""
FIRST: Final = "first argument"
_SWITCHED_OFF: Final = (
    "adjoint_a", "adjoint_b", "a_is_sparse", "b_is_sparse", "conjugate", "transpose_a",
    "transpose_b",
)  # fmt: skip
"""Arguments that Keras 3 does not have, and that do nothing where they are False."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """An operation of Keras 3.

    Attributes:
        class_name: such as ``Add``.
        module: below ``keras.src.ops``.
        config: its constructor's arguments, without ``name``.
        args: of its call.
        kwargs: of its call.
    """

    class_name: str
    module: str
    config: Mapping[str, Json] = field(default_factory=dict)
    args: tuple[Json, ...] = ()
    kwargs: Mapping[str, Json] = field(default_factory=dict)


Rule = Callable[[Arguments], Operator]


def operator_of(function: str, call: Mapping[str, Json], policy: Json) -> Operator:
    """Return what Keras 3 calls a function of TensorFlow, with the arguments in their places.

    Args:
        function: as Keras 2 records it, without ``tf.``: ``math.add``.
        call: ``args`` and ``kwargs`` in today's form.
        policy: the dtype policy that the layer was made under.

    Raises:
        NoEquivalentError: the function is not in the table, or is called in a way that Keras 3
            can't be told.
    """
    # TensorFlow 2 reaches some functions through those of version 1; arguments that these alone
    # take are refused below.
    rule = RULES.get(function.removeprefix("compat.v1."))
    if rule is None:
        raise NoEquivalentError(
            f"it calls tf.{function}, which compose can't convert to an operation of "
            "the current Keras"
        )
    arguments = {FIRST: call["args"][0], **call["kwargs"]}
    arguments.pop("name", None)
    for key in _SWITCHED_OFF:
        if arguments.get(key) is False:
            arguments.pop(key)
    made = rule(arguments)
    if arguments:
        raise NoEquivalentError(
            f"it calls tf.{function} with {', '.join(sorted(arguments))}, which the operation "
            f"{made.class_name} of today's Keras does not take"
        )
    if made.class_name == "GetItem":
        return made
    return replace(made, args=tuple(_array(value, policy) for value in made.args))


def _array(value: Json, policy: Json) -> Json:
    """Write a constant array, of which Keras 2 records the numbers and not the dtype.

    TensorFlow gave it the dtype of the tensor beside it.
    """
    if not isinstance(value, list) or _holds_tensor(value):
        return value
    if policy != "float32" or not all(isinstance(n, float) for n in _numbers(value)):
        raise NoEquivalentError("it takes a constant array, whose dtype the file does not record")
    return {"class_name": "__numpy__", "config": {"value": value, "dtype": "float32"}}


def _numbers(value: Json) -> Iterator[Json]:
    if isinstance(value, list):
        for item in value:
            yield from _numbers(item)
    else:
        yield value


# ---------------------------------------------------------------- kinds of rule


def _unary(class_name: str, module: str = "numpy") -> Rule:
    def rule(arguments: Arguments) -> Operator:
        return Operator(class_name=class_name, module=module, args=(arguments.pop(FIRST),))

    return rule


def _binary(class_name: str, second: str = "y") -> Rule:
    def rule(arguments: Arguments) -> Operator:
        both = (arguments.pop(FIRST), _needed(arguments, second))
        return Operator(class_name=class_name, module="numpy", args=both)

    return rule


def _configured(class_name: str, module: str, renamed: Mapping[str, str], **defaults: Json) -> Rule:
    """Return a rule for one tensor and constants.

    Args:
        class_name: of the operation.
        module: below ``keras.src.ops``.
        renamed: names of TensorFlow's arguments → names of the constructor's.
        defaults: TensorFlow's, under the constructor's names; what has none must be given.
    """

    def rule(arguments: Arguments) -> Operator:
        tensor = arguments.pop(FIRST)
        config: dict[str, Json] = {}
        for theirs, ours in renamed.items():
            if theirs in arguments:
                config[ours] = _constant(arguments.pop(theirs), theirs)
            elif ours in defaults:
                config[ours] = defaults[ours]
            else:
                raise NoEquivalentError(f"it is called without {theirs}")
        return Operator(class_name=class_name, module=module, config=config, args=(tensor,))

    return rule


def _reduced(class_name: str, module: str = "numpy") -> Rule:
    return _configured(
        class_name, module, {"axis": "axis", "keepdims": "keepdims"}, axis=None, keepdims=False
    )


def _needed(arguments: Arguments, key: str) -> Json:
    if key not in arguments:
        raise NoEquivalentError(f"it is called without {key}")
    return arguments.pop(key)


def _constant(value: Json, what: str) -> Json:
    if _holds_tensor(value):
        raise NoEquivalentError(
            f"its {what} is computed by other layers, and today's Keras takes a constant there"
        )
    return value


def _holds_tensor(value: Json) -> bool:
    if isinstance(value, list):
        return any(_holds_tensor(item) for item in value)
    if isinstance(value, Mapping):
        return value.get("class_name") == "__keras_tensor__" or any(
            _holds_tensor(item) for item in value.values()
        )
    return False


# ---------------------------------------------------------------- rules of their own


def _swish(arguments: Arguments) -> Operator:
    if arguments.pop("beta", 1.0) != 1.0:
        raise NoEquivalentError("its beta is not 1, and today's Keras has no such argument")
    return Operator(class_name="Silu", module="nn", args=(arguments.pop(FIRST),))


def _split(arguments: Arguments) -> Operator:
    sizes = _constant(_needed(arguments, "num_or_size_splits"), "num_or_size_splits")
    if arguments.get("num", 0) is None:
        arguments.pop("num")
    if isinstance(sizes, list):
        if not all(isinstance(size, int) and size >= 0 for size in sizes):
            raise NoEquivalentError("it leaves the size of a part open")
        # Keras, as NumPy, takes the places to cut at.
        sizes = [sum(sizes[: end + 1]) for end in range(len(sizes) - 1)]
    axis = _constant(arguments.pop("axis", 0), "axis")
    return Operator(
        class_name="Split", module="numpy",
        config={"indices_or_sections": sizes, "axis": axis}, args=(arguments.pop(FIRST),),
    )  # fmt: skip


def _pad(arguments: Arguments) -> Operator:
    mode = str(arguments.pop("mode", "CONSTANT")).lower()
    if mode not in ("constant", "reflect", "symmetric"):
        raise NoEquivalentError(f"it pads in the mode {mode!r}")
    value = _constant(arguments.pop("constant_values", 0), "constant_values")
    return Operator(
        class_name="Pad", module="numpy",
        config={"pad_width": _constant(_needed(arguments, "paddings"), "paddings"), "mode": mode},
        args=(arguments.pop(FIRST),),
        kwargs={"constant_values": value} if mode == "constant" else {},
    )  # fmt: skip


def _where(arguments: Arguments) -> Operator:
    tensors = (arguments.pop(FIRST), _needed(arguments, "x"), _needed(arguments, "y"))
    return Operator(class_name="Where", module="numpy", args=tensors)


def _l2_normalize(arguments: Arguments) -> Operator:
    axis = arguments.pop("axis", None)
    if not isinstance(axis, int):
        raise NoEquivalentError(f"it normalises over the axes {axis!r}; today's Keras takes one")
    # TensorFlow bounds the sum of squares, Keras its root.
    epsilon = math.sqrt(arguments.pop("epsilon", 1e-12))
    return Operator(
        class_name="Normalize", module="nn",
        config={"axis": axis, "order": 2, "epsilon": epsilon}, args=(arguments.pop(FIRST),),
    )  # fmt: skip


def _resize(arguments: Arguments) -> Operator:
    if arguments.pop("preserve_aspect_ratio", False):
        raise NoEquivalentError("it keeps the ratio of the sides, which depends on the image")
    method = str(arguments.pop("method", "bilinear")).lower()
    if method not in ("bilinear", "nearest", "bicubic"):
        raise NoEquivalentError(f"it resizes by the method {method!r}")
    return Operator(
        class_name="Resize", module="image",
        config={
            "size": _constant(_needed(arguments, "size"), "size"),
            "interpolation": method,
            "antialias": bool(arguments.pop("antialias", False)),
            "data_format": "channels_last",
        },
        args=(arguments.pop(FIRST),),
    )  # fmt: skip


def _get_item(arguments: Arguments) -> Operator:
    # Left out, it is None: a new axis.
    spec = _slice(arguments.pop("slice_spec", None))
    return Operator(class_name="GetItem", module="numpy", args=(arguments.pop(FIRST), spec))


def _slice(spec: Json) -> Json:
    if isinstance(spec, list):
        return [_slice(item) for item in spec]
    if isinstance(spec, Mapping):
        if set(spec) == {"start", "stop", "step"}:
            _constant(dict(spec), "slice")
            return {"class_name": "__slice__", "config": dict(spec)}
        if str(spec.get("class_name")).strip("_").lower() == "ellipsis":
            return {"class_name": "__ellipsis__", "config": {}}
    elif spec is None or (isinstance(spec, int) and not isinstance(spec, bool)):
        return spec
    raise NoEquivalentError("it picks elements by what other layers compute")


# ---------------------------------------------------------------- the table

RULES: Final[Mapping[str, Rule]] = {
    "__operators__.getitem": _get_item,
    "__operators__.add": _binary("Add"),
    **{
        name: _binary(class_name)
        for name, class_name in {
            "math.add": "Add", "math.subtract": "Subtract", "math.multiply": "Multiply",
            "math.divide": "TrueDivide", "math.truediv": "TrueDivide",
            "math.floordiv": "FloorDivide", "math.floormod": "Mod", "math.pow": "Power",
            "math.maximum": "Maximum", "math.minimum": "Minimum", "math.greater": "Greater",
            "math.greater_equal": "GreaterEqual", "math.less": "Less",
            "math.less_equal": "LessEqual", "math.equal": "Equal", "math.not_equal": "NotEqual",
            "math.logical_and": "LogicalAnd", "math.logical_or": "LogicalOr",
        }.items()
    },
    "__operators__.eq": _binary("Equal", "other"),
    "__operators__.ne": _binary("NotEqual", "other"),
    "linalg.matmul": _binary("Matmul", "b"),
    **{
        f"math.{name}": _unary(class_name)
        for name, class_name in {
            "abs": "Absolute", "exp": "Exp", "expm1": "Expm1", "log": "Log", "log1p": "Log1p",
            "sqrt": "Sqrt", "square": "Square", "negative": "Negative", "sin": "Sin",
            "cos": "Cos", "tanh": "Tanh", "floor": "Floor", "ceil": "Ceil", "sign": "Sign",
            "logical_not": "LogicalNot",
        }.items()
    },
    "math.rsqrt": _unary("Rsqrt", "math"),
    "math.erf": _unary("Erf", "math"),
    "math.sigmoid": _unary("Sigmoid", "nn"),
    "math.softplus": _unary("Softplus", "nn"),
    "identity": _unary("Copy"),
    "stop_gradient": _unary("StopGradient", "core"),
    **{
        f"nn.{name}": _unary(class_name, "nn")
        for name, class_name in {
            "relu": "Relu", "relu6": "Relu6", "elu": "Elu", "selu": "Selu",
            "softplus": "Softplus", "softsign": "Softsign", "sigmoid": "Sigmoid",
        }.items()
    },
    "nn.tanh": _unary("Tanh"),
    "nn.silu": _swish,
    "nn.swish": _swish,
    "nn.gelu": _configured("Gelu", "nn", {"approximate": "approximate"}, approximate=False),
    "nn.leaky_relu": _configured(
        "LeakyRelu", "nn", {"alpha": "negative_slope"}, negative_slope=0.2
    ),
    "nn.softmax": _configured("Softmax", "nn", {"axis": "axis"}, axis=-1),
    "nn.log_softmax": _configured("LogSoftmax", "nn", {"axis": "axis"}, axis=-1),
    **{
        f"math.reduce_{name}": _reduced(class_name)
        for name, class_name in {
            "mean": "Mean", "sum": "Sum", "max": "Max", "min": "Min", "prod": "Prod",
            "std": "Std", "variance": "Var", "any": "Any", "all": "All",
        }.items()
    },
    "math.reduce_logsumexp": _reduced("Logsumexp", "math"),
    "math.l2_normalize": _l2_normalize,
    "nn.l2_normalize": _l2_normalize,
    "linalg.l2_normalize": _l2_normalize,
    "cast": _configured("Cast", "core", {"dtype": "dtype"}),
    "clip_by_value": _configured(
        "Clip", "numpy", {"clip_value_min": "x_min", "clip_value_max": "x_max"}
    ),
    "concat": _configured("Concatenate", "numpy", {"axis": "axis"}),
    "stack": _configured("Stack", "numpy", {"axis": "axis"}, axis=0),
    "expand_dims": _configured("ExpandDims", "numpy", {"axis": "axis"}),
    "squeeze": _configured("Squeeze", "numpy", {"axis": "axis"}, axis=None),
    "reshape": _configured("Reshape", "numpy", {"shape": "newshape"}),
    "transpose": _configured("Transpose", "numpy", {"perm": "axes"}, axes=None),
    "tile": _configured("Tile", "numpy", {"multiples": "repeats"}),
    "repeat": _configured(
        "Repeat", "numpy", {"repeats": "repeats", "axis": "axis"}, axis=None
    ),
    "reverse": _configured("Flip", "numpy", {"axis": "axis"}),
    "split": _split,
    "pad": _pad,
    "where": _where,
    "image.resize": _resize,
}  # fmt: skip
"""By the name under which TensorFlow exports the function. What Keras 3 would compute otherwise,
such as ``argmax`` (another dtype) or ``shape`` (no tensor there), is left out on purpose."""
