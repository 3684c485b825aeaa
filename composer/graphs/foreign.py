"""Finds what a config takes from code outside of Keras."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from composer.graphs.graph import Json

FOUND_BY_KERAS = ("keras_hub", "keras_cv", "keras_nlp")
"""Packages whose classes Keras imports by itself when a file names them
(``_retrieve_class_or_fn`` of ``keras/src/saving/serialization_lib.py``)."""


@dataclass(frozen=True, slots=True)
class ForeignClass:
    """A class of a user's or of another package.

    ``registered_name`` is ``package>name``, or the plain name where nobody registered it.
    """

    module: str
    name: str
    registered_name: str | None

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"

    @property
    def found_by_keras(self) -> bool:
        """Whether Keras imports its module without being told to."""
        return self.module.partition(".")[0] in FOUND_BY_KERAS


def foreign_classes(config: Json) -> tuple[ForeignClass, ...]:
    """Return the classes outside of Keras that a config names, in order, each once.

    Args:
        config: of a model, a layer or a part of one, as Keras serialises it.
    """
    return tuple(dict.fromkeys(_found(config)))


def _found(config: Json) -> Iterator[ForeignClass]:
    if isinstance(config, list | tuple):
        for item in config:
            yield from _found(item)
    elif isinstance(config, Mapping):
        module, name = config.get("module"), config.get("class_name")
        named = isinstance(module, str) and isinstance(name, str)
        if named and str(module).partition(".")[0] not in {"keras", "builtins"}:
            yield ForeignClass(str(module), str(name), config.get("registered_name") or None)
        for value in config.values():
            yield from _found(value)
