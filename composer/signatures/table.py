"""The table of signatures, read from the file that ships with the package."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

from composer.signatures.model import Argument, Form, LayerSignature

_REQUIRED = 2
"""How many entries the row of an argument has where no default follows its name and type."""


@functools.cache
def _table() -> Mapping[str, Any]:
    file = resources.files(__package__).joinpath("keras_layers.json")
    found: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def keras_version() -> str:
    """Return the version of Keras that the table was made from."""
    return str(_table()["keras"])


def layer_names() -> tuple[str, ...]:
    """Return the names of all classes of ``keras.layers``, in alphabetical order."""
    return tuple(_table()["layers"])


def names_of(kind: str) -> tuple[str, ...]:
    """Return the names that Keras knows for a kind of object, those to be offered first.

    Args:
        kind: ``activation``, ``constraint``, ``dtype``, ``initializer`` or ``regularizer``.

    Raises:
        KeyError: there is no such kind.
    """
    return tuple(_table()["names"][kind])


@functools.cache
def signature_of(name: str) -> LayerSignature | None:
    """Return the signature of a class of ``keras.layers``, or None for any other name."""
    table = _table()
    found = table["layers"].get(name)
    if found is None:
        return None
    row = table["layers"][found["same_as"]] if "same_as" in found else found
    has_shared = row.get("shared", True)
    arguments = _arguments((*row["arguments"], *(table["shared"] if has_shared else ())))
    hidden = (*row.get("hidden", ()), *(table["shared_hidden"] if has_shared else ()))
    call = _arguments(row["call"])
    return LayerSignature(
        name=name,
        class_name=row.get("class_name", found.get("same_as", name)),
        arguments=(*arguments, *_hidden(hidden, arguments)),
        call=(*call, *_hidden(table["shared_hidden_call"], call)),
        open_call=row.get("open_call", False),
    )


def _hidden(rows: Iterable[Any], named: Iterable[Argument]) -> tuple[Argument, ...]:
    """Return the arguments that are accepted and not offered, without those that are named."""
    names = {argument.name for argument in named}
    return tuple(
        Argument(name=name, forms=_forms(type_name), hidden=True)
        for name, type_name in rows
        if name not in names
    )


def _arguments(rows: Iterable[Any]) -> tuple[Argument, ...]:
    return tuple(
        Argument(
            name=row[0],
            forms=_forms(row[1]),
            required=len(row) == _REQUIRED,
            default=None if len(row) == _REQUIRED else row[2],
        )
        for row in rows
    )


@functools.cache
def _forms(type_name: str) -> tuple[Form, ...]:
    """Return the forms of a named type of the table."""
    return tuple(_form(form) for form in _table()["types"][type_name])


def _form(data: Mapping[str, Any]) -> Form:
    return Form(
        kind=data["kind"],
        minimum=data.get("minimum"),
        maximum=data.get("maximum"),
        choices=tuple(data.get("choices", ())),
        any_case=data.get("any_case", False),
        whole=data.get("whole", False),
        of=data.get("of"),
        items=tuple(_form(item) for item in data.get("items", ())),
        shortest=data.get("shortest", 0),
        longest=data.get("longest"),
    )
