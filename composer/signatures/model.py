"""The signature of a layer: its arguments, with the forms of value that each of them accepts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal[
    "any", "null", "boolean", "integer", "number", "text", "list", "map", "object", "layer"
]
"""What a value is. ``object`` is the name of an activation and the like, or a serialised one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One form of value that an argument accepts.

    Attributes:
        kind: of the value.
        minimum: the least number, itself included.
        maximum: the largest number, itself included.
        choices: the only texts, or the only numbers; empty where any will do.
        any_case: whether the case of the text does not matter.
        whole: whether 0 and 1 will do for a boolean.
        of: for an object, what it is (``activation``, ``initializer``, …): see ``names_of``.
        items: the forms that each item of a list may have.
        shortest: how many items a list has at least.
        longest: how many it has at most; None for no limit.
    """

    kind: Kind
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str | int | float, ...] = ()
    any_case: bool = False
    whole: bool = False
    of: str | None = None
    items: tuple[Form, ...] = ()
    shortest: int = 0
    longest: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument of a constructor or of a call.

    Attributes:
        name: as it is written under ``args`` or ``call``.
        forms: what it accepts, the most usual form first.
        required: whether it has no default.
        default: as JSON; None where there is none, or where it is null.
        hidden: whether it is accepted for the sake of old programs and files alone, and so is
            never offered.
    """

    name: str
    forms: tuple[Form, ...]
    required: bool = False
    default: Any = None
    hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSignature:
    """What a layer of Keras takes.

    Attributes:
        name: of the class in ``keras.layers``, aliases such as ``AvgPool2D`` included.
        class_name: what Python calls the class, and a saved file.
        arguments: of the constructor, in its order; those of every layer (``dtype``,
            ``trainable``, …) come last. ``name`` is not among them: a spec gives it by the key.
        call: the arguments of a call, tensors included, in their order.
        open_call: whether a call takes arguments of any other name too.
    """

    name: str
    class_name: str
    arguments: tuple[Argument, ...]
    call: tuple[Argument, ...]
    open_call: bool = False

    def argument(self, name: str) -> Argument | None:
        """Return the argument of the constructor called ``name``, or None."""
        return next((found for found in self.arguments if found.name == name), None)

    def call_argument(self, name: str) -> Argument | None:
        """Return the argument of a call that is called ``name``, or None."""
        return next((found for found in self.call if found.name == name), None)

    def filled(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``args`` with the defaults of the arguments that it leaves out.

        Args:
            args: as written in a spec; required arguments that it lacks stay missing.
        """
        defaults = {
            found.name: found.default
            for found in self.arguments
            if not found.required and not found.hidden
        }
        return {**defaults, **args}
