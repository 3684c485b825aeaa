"""How Keras turns class names into the names of weight groups."""

from __future__ import annotations

import re

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
