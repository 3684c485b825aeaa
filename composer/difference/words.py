"""How far weights are apart, in words."""

from __future__ import annotations

from composer.difference.tensor_values import Distance


def distance_in_words(apart: Distance) -> str:
    """Return words such as ``3 of 40 values differ, by 0.1 at most``.

    With how long the difference is in per cent of the values before, both as Euclidean norms.
    """
    text = f"{apart.changed:,} of {apart.size:,} value{'' if apart.size == 1 else 's'} differ"
    if apart.largest is None:
        return f"{text}, not all of them finite"
    text += f", by {apart.largest:.3g} at most"
    if apart.relative is None:
        return text
    return f"{text}; the norm of the difference is {apart.relative:.2%} of the norm before"
