"""How Keras turns class names into the names of weight groups."""

from __future__ import annotations

import re

from composer.graphs.graph import Json

_NOT_WORD = re.compile(r"\W+")
_WORD_START = re.compile("(.)([A-Z][a-z]+)")
_HUMP = re.compile("([a-z])([A-Z])")


def snake_case(name: str) -> str:
    """Return ``name`` as Keras spells it in weight paths (``to_snake_case`` of
    ``keras/src/utils/naming.py``): ``Conv2DTranspose`` gives ``conv2d_transpose``.
    """
    name = _NOT_WORD.sub("", name)
    name = _WORD_START.sub(r"\1_\2", name)
    return _HUMP.sub(r"\1_\2", name).lower()


_STORED_AS = {"GroupQueryAttention": "GroupedQueryAttention"}
"""Classes of Keras whose own name is another than the one that configs give them."""


def storage_of(class_name: str, module: Json) -> str:
    """Return the base of the group that Keras stores a layer of a class in."""
    own = _STORED_AS.get(class_name, class_name) if of_keras(module) else class_name
    return snake_case(own)


def of_keras(module: Json) -> bool:
    """Tell whether a class with this ``module`` in its serialised form is one of Keras's own."""
    return isinstance(module, str) and module.partition(".")[0] == "keras"
