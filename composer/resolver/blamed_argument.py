"""Which argument of a new layer Keras means when it refuses to make it."""

from __future__ import annotations

import re

from composer.diagnostics.diagnostic import SpecPath
from composer.spec.model import NewLayer

_ABOUT_INPUTS = re.compile(
    r"\b(?:inputs?|shapes?|rank|ndim|axis|tensors?|call(?:ed)?)\b", re.IGNORECASE
)
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_OTHER = frozenset({"true", "false", "null"})


def blamed(layer: NewLayer, error: str) -> SpecPath:
    """Return the place in the spec that a refusal is about.

    Args:
        layer: that Keras refused.
        error: what Keras said.

    Returns:
        The argument that Keras names, else one whose text may have been meant as a number, else
        ``args``; the layer where it has none, or what it is called with seems to be the matter.
    """
    path: SpecPath = ("layers", layer.id)
    named = [name for name in layer.args if re.search(_naming(name), error)]
    # Only where Keras leaves it open: text is what many arguments take.
    named = named or [name for name, value in layer.args.items() if looks_plain(value)]
    if named:
        return (*path, "args", named[0])
    if layer.args and not _ABOUT_INPUTS.search(error):
        return (*path, "args")
    return path


def _naming(argument: str) -> str:
    """Return a pattern of an argument in Keras's messages: in quotes, or before its value."""
    return rf"[`'\"]{re.escape(argument)}[`'\"]|\b{re.escape(argument)}="


def looks_plain(value: object) -> bool:
    """Tell whether a value is text that would be a number, a boolean or null without quotes."""
    return isinstance(value, str) and (bool(_NUMBER.fullmatch(value)) or value in _OTHER)
