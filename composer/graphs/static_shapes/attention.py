"""Attention (``keras/src/layers/attention``)."""

from __future__ import annotations

from collections.abc import Mapping

from composer.graphs.graph import TensorSpec
from composer.graphs.static_shapes.called import (
    Called,
    KerasRefusesError,
    Shape,
    UnknownError,
    is_number,
    known,
    shown,
)

_RANK = 3
_ROLES = ("query", "value", "key")
_QUIET = ("use_causal_mask", "return_attention_scores")


def attention(called: Called) -> list[Shape]:
    """Return what ``Attention`` and ``AdditiveAttention`` put out, called with a list."""
    called.only("inputs", *_QUIET)
    scores = called.plain("return_attention_scores")
    shapes = [known(spec) for spec in _listed(called).tensors()]
    if len(shapes) not in (2, 3):
        raise KerasRefusesError(
            f"takes query, value and perhaps key, and is called with {len(shapes)}"
        )
    query, value = shapes[:2]
    key = shapes[2] if len(shapes) > len(shapes[:2]) else value
    if any(len(shape) != _RANK or shape[-1] is None for shape in (query, value, key)):
        raise UnknownError
    if len({shape[0] for shape in shapes} - {None}) > 1:
        raise UnknownError
    if query[-1] != key[-1]:
        if called.class_name == "Attention" and called.argument("score_mode", "dot") == "dot":
            raise KerasRefusesError(
                f"needs query and {'key' if len(shapes) == _RANK else 'value'} of one length along "
                f"the last axis; {shown(query)} and {shown(key)} differ"
            )
        raise UnknownError
    if called.argument("score_mode", "dot") not in ("dot", "concat"):
        raise UnknownError
    if value[1] != key[1]:
        if None in (value[1], key[1]):
            raise UnknownError
        raise KerasRefusesError(
            f"needs value and key of one length; {shown(value)} and {shown(key)} differ at axis 1"
        )
    out = (*query[:-1], value[-1])
    return [out, (*query[:-1], key[-2])] if scores else [out]


def _listed(called: Called) -> Called:
    """Return the call with its tensors alone."""
    return Called(
        class_name=called.class_name,
        arguments=called.arguments,
        dtype=called.dtype,
        args=called.args,
        kwargs={k: v for k, v in called.kwargs.items() if k == "inputs"},
    )


def multi_head_attention(called: Called) -> Shape:
    """Return what ``MultiHeadAttention`` puts out."""
    called.only(*_ROLES, "use_causal_mask")
    _check_heads(called)
    shapes = {role: known(called.cast(spec)) for role, spec in _by_role(called).items()}
    if any(len(shape) != _RANK or shape[-1] is None for shape in shapes.values()):
        raise UnknownError
    if len({shape[0] for shape in shapes.values()} - {None}) > 1:
        raise UnknownError
    value, key = shapes["value"], shapes.get("key", shapes["value"])
    if value[1] != key[1]:
        raise KerasRefusesError(
            f"needs value and key of one length; {shown(value)} and {shown(key)} differ at axis 1"
        )
    last = called.argument("output_shape")
    if not last:
        return shapes["query"]
    sizes = [last] if is_number(last) else last
    if not isinstance(sizes, list | tuple) or not all(is_number(n) and n > 0 for n in sizes):
        raise UnknownError
    return (*shapes["query"][:-1], *sizes)


def _check_heads(called: Called) -> None:
    called.number("num_heads")
    called.number("key_dim")
    if called.argument("value_dim") is not None:
        called.number("value_dim")
    for unusual in ("attention_axes", "sliding_window", "flash_attention", "use_gate"):
        if called.argument(unusual):
            raise UnknownError


def _by_role(called: Called) -> Mapping[str, TensorSpec]:
    """Return what is given as query, as value, and as key where one is."""
    if len(called.args) > len(_ROLES):
        raise UnknownError
    given = dict(zip(_ROLES, called.args, strict=False)) | {
        role: called.kwargs[role] for role in _ROLES if called.kwargs.get(role) is not None
    }
    if "value" not in given and isinstance(given.get("query"), list | tuple | TensorSpec):
        raise KerasRefusesError(
            "takes its tensors by name and is called without a value: inputs: {query: …, value: …}"
        )
    if "query" not in given or not all(isinstance(s, TensorSpec) for s in given.values()):
        raise UnknownError
    return given
