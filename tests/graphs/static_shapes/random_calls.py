"""Random layers of Keras with random arguments, and shapes to call them with."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from composer.graphs.graph import TensorSpec
from composer.graphs.static_shapes.table import ALIASES, RULES

Draw = random.Random
Arguments = dict[str, Any]

_BATCHES = (None, None, None, 2, 3)
_POLICIES = (None, None, None, None, "float16", "mixed_float16", "mixed_bfloat16", "float64")
_DTYPES = ("float32",) * 8 + ("float16", "int32", "uint8", "bool")
_ACTIVATIONS = (None, "relu", "softmax", "gelu", "linear", "glu", "swish", "tanh_shrink")


@dataclass(frozen=True, kw_only=True)
class RandomCall:
    """A layer's class and arguments, and a call of it with ``TensorSpec`` leaves."""

    class_name: str
    arguments: Mapping[str, Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any]


def random_calls(class_name: str, seed: int, count: int) -> Iterator[RandomCall]:
    """Yield calls, most of them sound."""
    draw = random.Random(f"{class_name} {seed}")
    named = ALIASES.get(class_name, class_name)
    for _ in range(count):
        arguments, args, kwargs = _call(named, draw)
        policy = draw.choice(_POLICIES)
        if policy is not None:
            arguments["dtype"] = policy
        yield RandomCall(class_name=class_name, arguments=arguments, args=args, kwargs=kwargs)


def class_names() -> list[str]:
    """Return every name under which there is a rule."""
    return sorted((*RULES, *ALIASES))


# ---------------------------------------------------------------- tensors


def _length(draw: Draw, least: int = 1) -> int | None:
    return draw.choice((None, 1, 2, 3, 4, 6, 8, 12)) if least == 1 else draw.choice((None, 8, 12))


def _tensor(draw: Draw, rank: int, *, dtype: str | None = None) -> TensorSpec:
    if draw.random() < 0.08:
        rank = max(1, rank + draw.choice((-1, 1)))
    shape = (draw.choice(_BATCHES), *(_length(draw) for _ in range(rank - 1)))
    return TensorSpec(shape, dtype or draw.choice(_DTYPES))


def _varied(draw: Draw, spec: TensorSpec, chance: float = 0.3) -> TensorSpec:
    """Return a tensor like another one, with a length changed now and then."""
    shape = list(spec.shape or ())
    if draw.random() < chance:
        axis = draw.randrange(len(shape))
        shape[axis] = draw.choice((None, 1, 5, 8))
    if draw.random() < 0.05:
        shape = shape[:-1] if len(shape) > 1 and draw.random() < 0.5 else [*shape, 4]
    return TensorSpec(tuple(shape), spec.dtype)


def _listed(draw: Draw, rank: int, count: int | None = None) -> list[TensorSpec]:
    first = _tensor(draw, rank)
    return [first, *(_varied(draw, first) for _ in range((count or draw.choice((1, 2, 2, 3))) - 1))]


# ---------------------------------------------------------------- arguments


def _several(draw: Draw, dimensions: int, values: tuple[int, ...]) -> Any:
    if draw.random() < 0.4:
        return draw.choice(values)
    return [draw.choice(values) for _ in range(dimensions)]


def _perhaps(draw: Draw, arguments: Arguments, **values: Callable[[], Any]) -> Arguments:
    for name, value in values.items():
        if draw.random() < 0.6:
            arguments[name] = value()
    return arguments


def _format(draw: Draw) -> str | None:
    return draw.choice((None, "channels_last", "channels_last", "channels_first"))


def _dimensions(name: str) -> int:
    return next((int(letter) for letter in name if letter.isdigit()), 1)


def _convolution(name: str, draw: Draw) -> Arguments:
    n = _dimensions(name)
    arguments: Arguments = {"kernel_size": _several(draw, n, (1, 2, 3, 5))}
    if "Depthwise" not in name:
        arguments["filters"] = draw.choice((1, 2, 4, 6))
    _perhaps(
        draw,
        arguments,
        strides=lambda: _several(draw, n, (1, 1, 2, 3)),
        padding=lambda: draw.choice(("valid", "same", "causal" if n == 1 else "same")),
        dilation_rate=lambda: _several(draw, n, (1, 1, 2)),
        activation=lambda: draw.choice(_ACTIVATIONS),
        data_format=lambda: _format(draw),
    )
    if name.startswith("Conv") and not name.endswith("Transpose"):
        _perhaps(draw, arguments, groups=lambda: draw.choice((1, 1, 2, 3)))
    if "Depthwise" in name or "Separable" in name:
        _perhaps(draw, arguments, depth_multiplier=lambda: draw.choice((1, 2)))
    if name.endswith("Transpose") and draw.random() < 0.2:
        arguments["output_padding"] = 1
    return arguments


def _pooling(name: str, draw: Draw) -> Arguments:
    n = _dimensions(name)
    arguments: Arguments = {}
    if name.startswith("Average") or draw.random() < 0.7:
        arguments["pool_size"] = _several(draw, n, (1, 2, 3))
    return _perhaps(
        draw,
        arguments,
        strides=lambda: draw.choice((None, _several(draw, n, (1, 2, 3)))),
        padding=lambda: draw.choice(("valid", "same")),
        data_format=lambda: _format(draw),
    )


def _borders(name: str, draw: Draw) -> Arguments:
    n = _dimensions(name)
    key = {"Z": "padding", "C": "cropping", "U": "size"}[name[0]]

    def value() -> Any:
        if key == "size":
            return draw.choice((1, 2, 3)) if n == 1 else _several(draw, n, (1, 2, 3))
        if n == 1:
            return _several(draw, 2, (0, 1, 2))
        return draw.choice(
            (draw.choice((0, 1, 2)), [_several(draw, 2, (0, 1, 2)) for _ in range(n)])
        )

    arguments = _perhaps(draw, {}, **{key: value})
    return arguments if n == 1 else _perhaps(draw, arguments, data_format=lambda: _format(draw))


def _recurrent(draw: Draw) -> Arguments:
    return _perhaps(
        draw,
        {"units": draw.choice((1, 3))},
        return_sequences=lambda: draw.random() < 0.5,
        return_state=lambda: draw.random() < 0.5,
        stateful=lambda: draw.random() < 0.2,
        unroll=lambda: draw.random() < 0.2,
        activation=lambda: draw.choice(_ACTIVATIONS),
    )


def _axis(draw: Draw) -> Any:
    return draw.choice((-1, -1, 1, 2, -2, 3, 4, [1, 2], [-1]))


_OWN: dict[str, Callable[[Draw], Arguments]] = {
    "Activation": lambda d: {"activation": d.choice(_ACTIVATIONS[1:])},
    "Concatenate": lambda d: _perhaps(d, {}, axis=lambda: d.choice((-1, 0, 1, 2, -2, 3))),
    "Dense": lambda d: _perhaps(
        d, {"units": d.choice((1, 3, 5))}, activation=lambda: d.choice(_ACTIVATIONS)
    ),
    "Dot": lambda d: {"axes": d.choice((1, -1, 2, [1, 2], [2, 1], [1, 1], [-1, 1], 0, 3))},
    "Dropout": lambda d: {"rate": 0.5} | ({"noise_shape": [2, 1]} if d.random() < 0.1 else {}),
    "AlphaDropout": lambda d: {"rate": 0.5},
    "GaussianDropout": lambda d: {"rate": 0.5},
    "GaussianNoise": lambda d: {"stddev": 0.5},
    "Embedding": lambda d: {"input_dim": 7, "output_dim": d.choice((1, 3))},
    "Flatten": lambda d: _perhaps(d, {}, data_format=lambda: _format(d)),
    "Permute": lambda d: {"dims": d.choice(([1], [2, 1], [1, 2], [3, 1, 2], [2, 3, 1]))},
    "RepeatVector": lambda d: {"n": d.choice((1, 3))},
    "Rescaling": lambda d: {"scale": d.choice((0.5, 2)), "offset": d.choice((0, 1.0))},
    "Reshape": lambda d: {
        "target_shape": d.choice(([-1], [4], [2, 2], [2, -1], [-1, 1], [12], [3, 4], [], [2, 2, 2]))
    },
    "Softmax": lambda d: _perhaps(d, {}, axis=lambda: _axis(d)),
    "GroupNormalization": lambda d: _perhaps(
        d, {"groups": d.choice((1, 2, 3, -1))}, axis=lambda: d.choice((-1, 1, 2, -2))
    ),
    "BatchNormalization": lambda d: _perhaps(d, {}, axis=lambda: d.choice((-1, 1, 2, -2, 5))),
    "LayerNormalization": lambda d: _perhaps(d, {}, axis=lambda: _axis(d)),
    "RMSNormalization": lambda d: _perhaps(d, {}, axis=lambda: _axis(d)),
    "UnitNormalization": lambda d: _perhaps(d, {}, axis=lambda: _axis(d)),
    "Attention": lambda d: _perhaps(d, {}, score_mode=lambda: d.choice(("dot", "concat"))),
    "MultiHeadAttention": lambda d: _perhaps(
        d,
        {"num_heads": d.choice((1, 2)), "key_dim": 3},
        value_dim=lambda: d.choice((None, 2)),
        output_shape=lambda: d.choice((None, 5, [5], [2, 3])),
    ),
}
_LISTS = frozenset(
    {"Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"}
)
_ANY_RANK = 4


def _arguments(name: str, draw: Draw) -> Arguments:
    if name in _OWN:
        return _OWN[name](draw)
    if "Conv" in name:
        return _convolution(name, draw)
    if name.startswith("Global"):
        return _perhaps(
            draw,
            {},
            keepdims=lambda: draw.random() < 0.5,
            data_format=lambda: _format(draw),
        )
    if "Pooling" in name:
        return _pooling(name, draw)
    if name.startswith(("ZeroPadding", "Cropping", "UpSampling")):
        return _borders(name, draw)
    if name.startswith("SpatialDropout"):
        return {"rate": 0.5} | ({"data_format": _format(draw)} if name[-2] != "1" else {})
    return _recurrent(draw) if name in ("LSTM", "GRU", "SimpleRNN") else {}


def _rank(name: str, draw: Draw) -> int:
    if name in ("LSTM", "GRU", "SimpleRNN") or name.endswith("Attention"):
        return 3
    if name == "RepeatVector":
        return 2
    if name[-1] == "D" or name.endswith("DTranspose"):
        return _dimensions(name) + 2
    return draw.choice((1, 2, 2, 3, 3, 4))


def _call(name: str, draw: Draw) -> tuple[Arguments, tuple[Any, ...], dict[str, Any]]:
    arguments, rank = _arguments(name, draw), _rank(name, draw)
    kwargs = {"training": False} if draw.random() < 0.2 and name == "Dropout" else {}
    odd = draw.random() < 0.06
    if name == "MultiHeadAttention":
        query, value, *key = _listed(draw, rank, draw.choice((2, 3)))
        named = {"query": query, "value": value} | ({"key": key[0]} if key else {})
        if odd:
            return arguments, ([query, value],), {}
        return (arguments, (), named) if draw.random() < 0.8 else (arguments, (query, value), {})
    if name in ("Attention", "AdditiveAttention"):
        tensors = _listed(draw, rank, draw.choice((2, 3)))
        if draw.random() < 0.2:
            kwargs = {"return_attention_scores": True}
        return arguments, (tensors[0] if odd else tensors,), kwargs
    if name in _LISTS:
        tensors = _listed(draw, rank, 2 if name == "Dot" and not odd else None)
        return arguments, (tensors[0] if odd else tensors,), kwargs
    if odd:
        return arguments, (_listed(draw, rank, 2),), kwargs
    return arguments, (_tensor(draw, rank),), kwargs
