"""What a merge method is: a record that one small module makes, ours or a plug-in's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from composer.errors import PluginError
from composer.plugins.entry_points import find, of_plugins, ours

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GROUP = "keras_compose.merge_methods"
"""Group of the entry points by which a package brings methods: ``name = module:RECORD``."""

Number: TypeAlias = bool | int | float
Value: TypeAlias = Number | tuple[Number, ...]
Needs: TypeAlias = Literal["elements", "passes", "tensors"]


class Elements(Protocol):
    """The same elements of every tensor."""

    @property
    def arrays(self) -> tuple[NDArray[np.float64], ...]:
        """One a tensor, all of one shape; not to be changed in place."""

    def places(self) -> NDArray[np.int64]:
        """Return where in the tensor each element is, counted row-major; of the arrays' shape."""


class Passes(Protocol):
    """What a method may read before the first element is made."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensors."""

    def elements(self) -> Iterator[Elements]:
        """Yield all elements, in row-major order and in pieces that depend on nothing but shape.

        So sums over pieces are the same whatever the evaluation's chunks and threads.
        """

    def tensor(self, index: int) -> NDArray[np.float64]:
        """Return a whole tensor; for methods that need ``tensors``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A number that a method takes.

    Attributes:
        default: whose type is the parameter's: ``True``, ``1`` or ``1.0``.
        each: whether there is one a tensor; then the value is a tuple, and a single number stands
            for as many of it.
    """

    name: str
    default: Number
    each: bool = False


def _no_check(_: Mapping[str, Any]) -> None:
    """Find nothing wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeMethod:
    """How tensors become one.

    Attributes:
        name: in the language; a plug-in's may not be one of ours.
        version: counted up when the same parameters give other numbers; part of every key.
        apply: ``(elements, parameters, found) → array``: the merged elements, computed one by one,
            so that they do not depend on which others are in the same piece.
        parameters: in the order of the documentation.
        needs: ``elements``: ``apply`` alone; ``passes``: ``prepare`` reads all elements in pieces
            first; ``tensors``: it may also ask for whole tensors, which are in memory then.
        prepare: ``(passes, parameters) → found``, for methods that need more than ``elements``.
        check: raises :class:`ValueError` for complete parameters that make no sense together.
    """

    name: str
    version: int
    apply: Callable[[Elements, Mapping[str, Any], Any], NDArray[np.float64]]
    parameters: tuple[Parameter, ...] = ()
    needs: Needs = "elements"
    prepare: Callable[[Passes, Mapping[str, Any]], Any] | None = None
    check: Callable[[Mapping[str, Any]], None] = _no_check

    def __post_init__(self) -> None:
        if (self.prepare is None) != (self.needs == "elements"):
            raise ValueError(f"method {self.name} needs {self.needs}: prepare contradicts that")

    def complete(self, given: Mapping[str, Value], count: int) -> dict[str, Value]:
        """Return all parameters, in the method's order.

        Args:
            given: by name; what is missing gets its default.
            count: of the tensors.

        Raises:
            ValueError: there is no such parameter, or a value is of another type, or there are more
                or fewer than tensors, or :attr:`check` refuses them.
        """
        unknown = [name for name in given if name not in {known.name for known in self.parameters}]
        if unknown:
            raise ValueError(f"{self.name} has no parameter {unknown[0]!r}")
        found = {
            known.name: _value(known, given.get(known.name, known.default), count)
            for known in self.parameters
        }
        self.check(found)
        return found


def _value(known: Parameter, value: Value, count: int) -> Value:
    if not known.each:
        return _number(known, value)
    values = value if isinstance(value, tuple) else (value,) * count
    if len(values) != count:
        raise ValueError(f"{len(values)} values of {known.name} for {count} tensors")
    return tuple(_number(known, one) for one in values)


def _number(known: Parameter, value: Value) -> Number:
    kind = type(known.default)
    if kind is float and type(value) is int:
        return float(value)
    if isinstance(value, tuple) or type(value) is not kind:
        raise ValueError(f"{known.name} is {value!r}; expected {kind.__name__}")
    return value


def merge_method(name: str) -> MergeMethod | None:
    """Return the method of a name, ours or a plug-in's; None where there is none.

    Raises:
        PluginError: a plug-in's can't be loaded, or is something else.
    """
    registered = find(GROUP, name)
    if registered is None:
        return None
    method: MergeMethod = registered.load(MergeMethod)
    if method.name != name:
        raise PluginError(
            "CMP560.other-name",
            plugin=registered.provider,
            package=registered.package,
            found=method.name,
            name=name,
        )
    return method


def merge_method_names() -> tuple[str, ...]:
    """Return the names of all methods: ours first, then those of plug-ins."""
    return (*ours(GROUP), *dict.fromkeys(entry.name for entry in of_plugins(GROUP)))
