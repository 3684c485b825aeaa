"""How wide text is, without anything that draws it: DejaVu Sans, wider than what browsers use."""

from __future__ import annotations

import unicodedata

_ASCII = (
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337,
    636, 636, 636, 636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531,
    1000, 684, 686, 698, 770, 632, 575, 775, 752, 295, 295, 656, 557, 863, 748, 787,
    603, 787, 695, 635, 611, 732, 684, 989, 685, 611, 685, 390, 337, 390, 838, 500,
    500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612,
    635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838,
)  # fmt: skip
"""Advance widths in thousandths of the size, from the space on: DejaVu Sans 2.37, table hmtx."""
_OTHER, _WIDE = 838, 1000


def text_width(text: str, size: float) -> float:
    """Return the width of ``text`` in pixels, ``size`` pixels high."""
    return sum(map(_advance, text)) * size / 1000


def _advance(char: str) -> int:
    place = ord(char) - 32
    if 0 <= place < len(_ASCII):
        return _ASCII[place]
    return _WIDE if unicodedata.east_asian_width(char) in "WF" else _OTHER
