"""Arguments of a layer that are right one by one and that Keras refuses together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from composer.signatures.model import LayerSignature


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Arguments that can't be given together, or one that another one needs.

    Attributes:
        argument: one that was given, to point at.
        message: what is wrong.
        help: what to write instead.
    """

    argument: str
    message: str
    help: str


_CONVOLUTION = re.compile(r"(?:Separable|Depthwise)?Conv[123]D(?:Transpose)?|ConvLSTM[123]D")


def conflicts(signature: LayerSignature, args: Mapping[str, Any]) -> tuple[Conflict, ...]:
    """Return the conflicts among arguments that are right one by one.

    Args:
        signature: of the class.
        args: as written.
    """
    all_args = signature.filled(args)
    name = signature.class_name
    found: list[Conflict] = []
    if _CONVOLUTION.fullmatch(name):
        found += _of_convolutions(name, args, all_args)
    if name == "GroupedQueryAttention":
        found += _divided(args, all_args, "num_query_heads", "num_key_value_heads")
    if name == "Discretization":
        found += _one_of(args, "num_bins", "bin_boundaries")
    if name == "Normalization":
        found += _both(args, "mean", "variance")
    return tuple(found)


def _of_convolutions(
    name: str, args: Mapping[str, Any], all_args: Mapping[str, Any]
) -> Iterator[Conflict]:
    if all_args.get("groups") is not None:
        yield from _divided(args, all_args, "filters", "groups")
    strides, dilation = _largest(all_args["strides"]), _largest(all_args["dilation_rate"])
    if strides > 1 and dilation > 1 and not name.startswith(("Separable", "Depthwise")):
        yield Conflict(
            argument="dilation_rate",
            message="strides and dilation_rate can't both be above 1",
            help="leave one of them out",
        )
    padding = all_args.get("output_padding")
    if padding is not None:
        for extra, stride in zip(*_pairs(padding, all_args["strides"]), strict=True):
            if extra >= stride:
                yield Conflict(
                    argument="output_padding",
                    message=f"output_padding ({extra}) must be below strides ({stride})",
                    help="lower output_padding, or leave it out",
                )
                return


def _pairs(one: Any, other: Any) -> tuple[list[int], list[int]]:
    length = max(len(value) if isinstance(value, list | tuple) else 1 for value in (one, other))
    first, second = (
        list(value) if isinstance(value, list | tuple) else [value] * length
        for value in (one, other)
    )
    return first, second


def _largest(value: Any) -> int:
    return int(max(value)) if isinstance(value, list | tuple) else int(value)


def _divided(
    args: Mapping[str, Any], all_args: Mapping[str, Any], whole: str, part: str
) -> Iterator[Conflict]:
    if all_args[whole] % all_args[part]:
        yield Conflict(
            argument=part if part in args else whole,
            message=f"{whole} ({all_args[whole]}) must be a multiple of {part} ({all_args[part]})",
            help=f"change {whole} or {part}",
        )


def _one_of(args: Mapping[str, Any], first: str, second: str) -> Iterator[Conflict]:
    given = [name for name in (first, second) if args.get(name) is not None]
    if len(given) == 2:  # noqa: PLR2004 - both
        yield Conflict(
            argument=second,
            message=f"{first} and {second} can't both be given",
            help="leave one of them out",
        )


def _both(args: Mapping[str, Any], first: str, second: str) -> Iterator[Conflict]:
    given = [name for name in (first, second) if args.get(name) is not None]
    if len(given) == 1:
        other = second if given == [first] else first
        yield Conflict(
            argument=given[0],
            message=f"{given[0]} is given and {other} is not",
            help=f"give {other}, too",
        )
