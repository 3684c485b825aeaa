"""How Keras 3 writes a model into ``.h5``, rewritten as it writes the same into ``.keras``.

There it leaves out of which module a class is (``use_legacy_config`` of
``keras/src/legacy/saving``), so that a layer ``Add`` and an operation ``Add`` look alike but for
their arguments, and Keras itself takes the one for the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from composer.errors import FormatError
from composer.graphs.graph import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownClasses:
    """What the installed Keras has.

    Attributes:
        layers: class → the name under which ``keras.layers`` exports it; both names of each.
        operations: class of an operation → its module, such as ``keras.src.ops.numpy``.
    """

    layers: Mapping[str, str]
    operations: Mapping[str, str]


def with_modules(
    model: Mapping[str, Json], known: KnownClasses, path: tuple[str, ...] = ()
) -> dict[str, Json]:
    """Return a model of Keras 3 with the module of each class, nested models included.

    Args:
        model: with ``class_name`` and ``config``.
        known: classes that Keras has.
        path: names of the models around it.

    Raises:
        FormatError: ``h5-refused``, a class is not one of Keras; or ``bad-graph``.
    """
    config = model.get("config")
    if not isinstance(config, Mapping) or not isinstance(config.get("layers"), list):
        raise FormatError(
            "CMP520.no-layers",
            where="/".join(path) or "model_config",
            class_name=model.get("class_name"),
        )
    functional = "input_layers" in config
    layers = []
    for entry in config["layers"]:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("config"), Mapping):
            raise FormatError("CMP502.config-layer")
        layers.append(_layer(entry, known, path))
    return {
        **model,
        "module": "keras.src.models.functional" if functional else "keras",
        "class_name": "Functional" if functional else "Sequential",
        "registered_name": "Functional" if functional else None,
        "config": {**config, "layers": layers},
    }


def _layer(
    entry: Mapping[str, Json], known: KnownClasses, path: tuple[str, ...]
) -> dict[str, Json]:
    config = entry["config"]
    class_name = str(entry.get("class_name"))
    name = str(entry.get("name") or config.get("name"))
    inside = (*path, name)
    if "layers" in config and class_name in ("Functional", "Model", "Sequential"):
        return with_modules(entry, known, inside)
    if entry.get("module") is not None:
        return dict(entry)
    # Where a layer and an operation share a name, only the layer can be trained.
    exported = known.layers.get(class_name)
    is_layer = class_name not in known.operations or "trainable" in config
    if exported is not None and is_layer:
        changed = {"module": "keras.layers", "class_name": exported, "registered_name": None}
        return {**entry, **changed}
    if class_name in known.operations:
        module = known.operations[class_name]
        return {**entry, "module": module, "registered_name": class_name}
    raise custom_class("/".join(inside), class_name)


def custom_class(layer: str, class_name: str) -> FormatError:
    """Return the refusal of a layer of a class that Keras does not define."""
    return FormatError("CMP520.foreign-class", layer=layer, class_name=class_name)
