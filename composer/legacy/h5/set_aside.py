"""Sets aside the layers of an old model that can't be imported, so that the others can.

A layer is looked at by itself: written for today's Keras alone in a model. Where that is refused,
the layer's place is held by one that Keras can make: the same layer with another activation, if it
is the activation that is refused, or an ``Identity``. Neither ever computes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from composer.errors import FormatError
from composer.graphs.graph import Json, Unlinkable
from composer.legacy.h5.early import is_model
from composer.legacy.h5.loss_parts import identity, name_in
from composer.legacy.keras2_calls import OF_ONE_LAYER, leaves_of
from composer.legacy.keras2_operators import OPERATOR_CLASSES

Rewrite = Callable[[Mapping[str, Json]], Json]
"""Writes a model for today's Keras; raises a ``FormatError`` (:data:`REFUSED`) where it can't."""
REFUSED: Final = "CMP520"
"""The code of what can't be imported."""
_ACTIVATIONS: Final = ("activation", "recurrent_activation")
_ROUNDS: Final = 200


class _Key(str):
    """The key under which a stand-in carries its number; a file can't hold one of this class."""

    __slots__ = ()


_NUMBER: Final = _Key("set aside")


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """A layer that can't be imported.

    Attributes:
        path: its full name: in the file, then in the model as today's Keras has it.
        refusal: why.
        entry: what stands in its place in the imported file, as data: ``class_name``, ``module``,
            ``registered_name`` and ``config``; empty where it is what Keras makes.
        made: whether Keras makes it, with its weights and all shapes, but for its activation.
    """

    path: str
    refusal: Unlinkable
    entry: Mapping[str, Json]
    made: bool


def is_refusal(error: FormatError) -> bool:
    """Tell whether a model may be read without the layers that an error is about."""
    return error.code == REFUSED and error.case != "no-shape"


def set_aside(
    model: Mapping[str, Json], rewrite: Rewrite
) -> tuple[Mapping[str, Json], tuple[SetAside, ...]]:
    """Return a model with stand-ins for its refused layers, and these layers by their numbers.

    Args:
        model: as the file has it.
        rewrite: writes a model for today's Keras.
    """
    found: list[SetAside] = []

    def alone(entry: Mapping[str, Json], path: tuple[str, ...]) -> Mapping[str, Json]:
        why = _why_refused(entry, path, rewrite)
        return entry if why is None else _stand_in(entry, path, why, rewrite, found)

    model = _mapped(model, (), alone)
    for _ in range(_ROUNDS):
        try:
            rewrite(model)
        except FormatError as refused:
            before = len(found)
            if refused.case in OF_ONE_LAYER:
                model = _without(model, refused, found)
            if len(found) == before:
                break  # it is told where the model is written
        else:
            break
    return model, tuple(found)


def numbered(model: Mapping[str, Json], found: tuple[SetAside, ...]) -> tuple[Json, dict[str, int]]:
    """Return a model of today without the numbers of its stand-ins, and the numbers by full name.

    Args:
        model: written for today's Keras, with stand-ins of :func:`set_aside`.
        found: what that set aside.
    """
    places: dict[str, int] = {}

    def visit(entry: Mapping[str, Json], path: tuple[str, ...]) -> Mapping[str, Json]:
        config = entry.get("config")
        if not isinstance(config, Mapping):
            return entry
        number = next((value for key, value in config.items() if type(key) is _Key), None)
        if number is None:
            return entry
        places["/".join(path)] = number
        return {**entry, "config": {k: v for k, v in config.items() if type(k) is not _Key}}

    return (_mapped(model, (), visit) if found else model), places


def as_of_today(
    found: tuple[SetAside, ...], places: Mapping[str, int], model: Mapping[str, Json]
) -> tuple[SetAside, ...]:
    """Return what was set aside under its names of today, with what stands in its place.

    Args:
        found: by number.
        places: of these, by full name, as :func:`numbered` returns them.
        model: written for today's Keras.
    """
    entries = dict(_leaves(model, ()))
    return tuple(
        replace(
            found[number],
            path=path,
            entry=_as_data(found[number], entries[path], path.rpartition("/")[2]),
        )
        for path, number in places.items()
    )


def _as_data(aside: SetAside, today: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    """Return the entry of the file as data: the made one with its own activation, or the old."""
    config = aside.entry["config"]
    if aside.made:
        return {
            "module": today.get("module"),
            "class_name": today["class_name"],
            "registered_name": today.get("registered_name"),
            "config": _with_activations(today["config"], config),
        }
    return {
        "module": None,
        "class_name": _class_name(aside.entry["class_name"]),
        "registered_name": None,
        "config": {**config, "name": name},
    }


def _class_name(text: str) -> str:
    """Return the name of a class without its package; what is none could not name a group."""
    name = text.rpartition(">")[2]
    return name if name.isidentifier() else "Layer"


# ---------------------------------------------------------------- one layer


def _why_refused(
    entry: Mapping[str, Json], path: tuple[str, ...], rewrite: Rewrite
) -> FormatError | None:
    """Write a layer alone in a model; return why that is refused, or None.

    Operations are their calls, and so are looked at in their model.
    """
    class_name = entry.get("class_name")
    if class_name == "InputLayer" or class_name in OPERATOR_CLASSES:
        return None
    inside: Json = {key: value for key, value in entry.items() if key != "inbound_nodes"}
    for name in (*reversed(path[:-1]), "alone"):
        start = {
            "class_name": "InputLayer",
            "config": {
                "batch_input_shape": [None, 1], "dtype": "float32", "name": f"{path[-1]} input",
            },
        }  # fmt: skip
        layers = [start, inside]
        inside = {
            "class_name": "Sequential", "name": name, "config": {"name": name, "layers": layers},
        }  # fmt: skip
    try:
        rewrite(inside)
    except FormatError as refused:
        return refused if is_refusal(refused) else None
    return None


def _stand_in(
    entry: Mapping[str, Json],
    path: tuple[str, ...],
    why: FormatError,
    rewrite: Rewrite,
    found: list[SetAside],
) -> Mapping[str, Json]:
    made = {**entry, "config": _linear(entry["config"])}
    operation = entry.get("class_name") in OPERATOR_CLASSES
    is_made = not operation and _why_refused(made, path, rewrite) is None
    if not is_made:
        made = {**entry, **identity(entry["config"]), "inbound_nodes": _plain_calls(entry)}
        for key in ("module", "registered_name", "build_config"):
            made.pop(key, None)
        if _is_of_today(entry):
            made["inbound_nodes"] = entry["inbound_nodes"]
    number = len(found)
    found.append(
        SetAside(
            path="/".join(path),
            refusal=Unlinkable(why=why.message, help=why.help),
            entry={"class_name": str(entry.get("class_name")), "config": entry["config"]},
            made=is_made,
        )
    )
    return {**made, "config": {**made["config"], _NUMBER: number}}


def _without(
    model: Mapping[str, Json], refused: FormatError, found: list[SetAside]
) -> Mapping[str, Json]:
    """Put a stand-in in the place of one layer that is refused for its calls."""
    taken = {aside.path for aside in found}

    def visit(entry: Mapping[str, Json], path: tuple[str, ...]) -> Mapping[str, Json]:
        name = "/".join(path)
        if name != refused.fields["layer"] or name in taken:
            return entry
        return _stand_in(entry, path, refused, _never, found)

    return _mapped(model, (), visit)


def _never(model: Mapping[str, Json]) -> Json:
    raise FormatError("CMP520.untried", layer=name_in(model))


def _linear(config: Json) -> Json:
    """Return a config with ``linear`` for every activation, inside of wrappers as well."""
    if not isinstance(config, Mapping):
        return config
    return {
        key: "linear"
        if key in _ACTIVATIONS and value is not None
        else {**value, "config": _linear(value["config"])}
        if isinstance(value, Mapping) and isinstance(value.get("config"), Mapping)
        else value
        for key, value in config.items()
    }


def _with_activations(today: Json, old: Json) -> Json:
    """Return a config of today with the activations of the old one."""
    if not isinstance(today, Mapping) or not isinstance(old, Mapping):
        return today
    return {
        key: old[key]
        if key in _ACTIVATIONS and key in old
        else {**value, "config": _with_activations(value["config"], old[key].get("config"))}
        if isinstance(value, Mapping) and "config" in value and isinstance(old.get(key), Mapping)
        else value
        for key, value in today.items()
    }


def _is_of_today(entry: Mapping[str, Json]) -> bool:
    nodes = entry.get("inbound_nodes")
    return isinstance(nodes, list) and any(isinstance(n, Mapping) and "args" in n for n in nodes)


def _plain_calls(entry: Mapping[str, Json]) -> list[Json]:
    """Return the calls of an early layer with its tensors alone, those among ``kwargs`` as well."""
    nodes = entry.get("inbound_nodes")
    calls = []
    for node in nodes if isinstance(nodes, list) else ():
        tensors: list[Json] = []
        for leaf in leaves_of(node):
            further = leaf[3] if len(leaf) > 3 else None  # noqa: PLR2004 - behind name and numbers
            for name, call, output, *_ in (leaf, *leaves_of(further)):
                tensor = [name, call, output, {}]
                if name != "_CONSTANT_VALUE" and tensor not in tensors:
                    tensors.append(tensor)
        calls.append(tensors)
    return calls


# ---------------------------------------------------------------- layers of models


def _mapped(
    model: Mapping[str, Json],
    path: tuple[str, ...],
    visit: Callable[[Mapping[str, Json], tuple[str, ...]], Mapping[str, Json]],
) -> Mapping[str, Json]:
    """Return a model with each layer as ``visit`` returns it, those of nested models included."""
    config = model.get("config")
    entries = config if isinstance(config, list) else _held(config)
    changed = []
    for entry in entries:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("config"), Mapping | list):
            changed.append(entry)
            continue
        inside = (*path, name_in(entry))
        changed.append(
            _mapped(entry, inside, visit)
            if is_model(entry)
            else visit(entry, inside)
            if isinstance(entry["config"], Mapping)
            else entry
        )
    if not changed:
        return model
    if isinstance(config, list):
        return {**model, "config": changed}
    assert isinstance(config, Mapping)
    return {**model, "config": {**config, "layers": changed}}


def _leaves(
    model: Mapping[str, Json], path: tuple[str, ...]
) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """Yield the layers of a model and of those nested in it, by their full names."""
    found: list[tuple[str, Mapping[str, Json]]] = []

    def visit(entry: Mapping[str, Json], inside: tuple[str, ...]) -> Mapping[str, Json]:
        found.append(("/".join(inside), entry))
        return entry

    _mapped(model, path, visit)
    yield from found


def _held(config: Json) -> list[Json]:
    layers = config.get("layers") if isinstance(config, Mapping) else None
    return layers if isinstance(layers, list) else []
