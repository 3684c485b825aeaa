"""A layer and the call that a rule judges: its arguments, and the tensors that it is called with.

A rule takes a :class:`Called` and returns the shapes or specs of the outputs. It raises
:class:`UnknownError` where only Keras can tell, and :class:`KerasRefusesError` where Keras is
certain to refuse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from composer.graphs.graph import Json, TensorSpec, Tree
from composer.graphs.static_shapes.compute_dtype import FLOATS

Shape = tuple[int | None, ...]


class UnknownError(Exception):
    """Ends a rule that can't tell."""


class KerasRefusesError(Exception):
    """Ends a rule for a call that Keras refuses.

    Args:
        message: what is wrong, as it follows the name of the class: "needs 3 dimensions".
        argument: of the constructor, where it is what does not fit.
        help: what to write instead, where the rule knows.
    """

    def __init__(
        self,
        message: str,
        argument: str | None = None,
        *,
        help: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(message)
        self.message = message
        self.argument = argument
        self.help = help


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """A layer of Keras and one call of it.

    Attributes:
        class_name: as ``keras.layers`` spells it.
        arguments: of the constructor; those that are left out have Keras's defaults.
        dtype: that the layer computes in.
        args, kwargs: of the call, with ``TensorSpec`` leaves.
    """

    class_name: str
    arguments: Mapping[str, Json]
    dtype: str
    args: Sequence[Tree]
    kwargs: Mapping[str, Tree]

    # ------------------------------------------------------------ what comes in

    def plain(self, name: str) -> Json:
        """Return an argument of the call that is no tensor; None where it is left out."""
        value = self.kwargs.get(name)
        if value is not None and not isinstance(value, bool | int | float | str):
            raise UnknownError
        return value

    def only(self, *allowed: str) -> None:
        """Give up where the call has other arguments than these and ``training``."""
        for name, value in self.kwargs.items():
            if value is not None and name not in {*allowed, "training"}:
                raise UnknownError

    def tensor(self, name: str = "inputs", *, alone: bool = True) -> TensorSpec:
        """Return the one tensor that the layer is called with.

        Args:
            name: of the parameter of ``call`` that takes it.
            alone: whether Keras refuses a list in its place, as not all layers do.
        """
        self.only(name)
        given = self._first(name)
        if isinstance(given, TensorSpec):
            return self.cast(given)
        several = isinstance(given, list | tuple) and len(given) > 1 and _all_tensors(given)
        if several and alone:
            raise KerasRefusesError(f"takes one tensor and is called with {len(given)}")
        raise UnknownError

    def shape(self, name: str = "inputs", *, alone: bool = True) -> Shape:
        """Return the shape of the one tensor that the layer is called with, as ``tensor`` does."""
        return known(self.tensor(name, alone=alone))

    def tensors(self) -> list[TensorSpec]:
        """Return the tensors that the layer is called with as a list."""
        self.only("inputs")
        given = self._first("inputs")
        if isinstance(given, TensorSpec):
            raise KerasRefusesError(
                "takes a list of tensors and is called with one",
                help="write a list: inputs: [FIRST, SECOND]",
            )
        if not isinstance(given, list | tuple) or not given or not _all_tensors(given):
            raise UnknownError
        return [self.cast(spec) for spec in given]

    def _first(self, name: str) -> Tree:
        if len(self.args) == 1 and name not in self.kwargs:
            return self.args[0]
        if not self.args and name in self.kwargs:
            return self.kwargs[name]
        raise UnknownError

    def cast(self, spec: TensorSpec) -> TensorSpec:
        """Return a tensor as the layer gets it: floats are cast, all else is left alone."""
        if not spec.shape or spec.dtype is None:
            raise UnknownError
        return TensorSpec(spec.shape, self.dtype) if spec.dtype in FLOATS else spec

    # ------------------------------------------------------------ arguments

    def argument(self, name: str, default: Json = None) -> Json:
        """Return an argument of the constructor."""
        return self.arguments.get(name, default)

    def number(self, name: str, default: int | None = None, *, least: int = 1) -> int:
        """Return a whole number that the constructor takes."""
        value = self.argument(name, default)
        if not is_number(value) or value < least:
            raise UnknownError
        return int(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean that the constructor takes."""
        value = self.argument(name, default)
        if not isinstance(value, bool):
            raise UnknownError
        return value

    def numbers(
        self, name: str, count: int, default: Json = None, *, least: int = 1
    ) -> tuple[int, ...]:
        """Return what the constructor takes as a number or as ``count`` of them."""
        return several(self.argument(name, default), count, least=least)

    def word(self, name: str, default: str, known_words: Sequence[str]) -> str:
        """Return a word that the constructor takes."""
        value = self.argument(name, default)
        if not isinstance(value, str) or value not in known_words:
            raise UnknownError
        return value

    def channels_last(self) -> None:
        """Give up on other orders of axes than the usual one."""
        if self.argument("data_format") not in (None, "channels_last"):
            raise UnknownError

    def needs_rank(self, shape: Shape, rank: int) -> None:
        """Refuse a tensor of another number of dimensions, the batch counted."""
        if len(shape) != rank:
            raise KerasRefusesError(
                f"needs {rank} dimensions, the batch included, and gets {shown(shape)}"
            )


def known(spec: TensorSpec) -> Shape:
    """Return a shape that is known."""
    if spec.shape is None:
        raise UnknownError
    return spec.shape


def shown(shape: Shape) -> str:
    """Return a shape as messages show it."""
    return str(TensorSpec(shape, None))


def is_number(value: Json) -> bool:
    """Tell whether a value is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def several(value: Json, count: int, *, least: int = 1) -> tuple[int, ...]:
    """Return a number, or ``count`` of them, as a tuple of that many."""
    values = [value] * count if is_number(value) else value
    if not isinstance(values, list | tuple) or len(values) != count:
        raise UnknownError
    if not all(is_number(item) and item >= least for item in values):
        raise UnknownError
    return tuple(values)


def _all_tensors(given: Sequence[Tree]) -> bool:
    return all(isinstance(item, TensorSpec) for item in given)
