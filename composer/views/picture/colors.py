"""A colour for each source, in all forms of a picture the same."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Color:
    """Of a box: its line and its ground, in light and in dark."""

    line: str
    fill: str
    dark_fill: str


COLORS = (
    Color(line="#0969da", fill="#e8f2fd", dark_fill="#0f2744"),
    Color(line="#bf5a00", fill="#fdf0e2", dark_fill="#3a2410"),
    Color(line="#8250df", fill="#f4edfd", dark_fill="#2a1f45"),
    Color(line="#1b7c83", fill="#e2f5f5", dark_fill="#0d3236"),
    Color(line="#bf3989", fill="#fdeaf4", dark_fill="#3d1730"),
    Color(line="#7a7200", fill="#f8f5d5", dark_fill="#302d0a"),
    Color(line="#4659c9", fill="#ebeefc", dark_fill="#1d2450"),
    Color(line="#a1423b", fill="#fbeae8", dark_fill="#3c1a18"),
)


def box_color(number: int) -> Color:
    """Return the colour of the ``number``-th source; they come again after the last."""
    return COLORS[number % len(COLORS)]
