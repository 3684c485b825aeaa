"""Numbers as people read them."""

from __future__ import annotations

_UNITS = ("KiB", "MiB", "GiB", "TiB")
_STEP = 1024


def size(nbytes: int) -> str:
    """Return a number of bytes such as ``980 B`` or ``97.5 MiB``."""
    if nbytes < _STEP:
        return f"{nbytes} B"
    value = float(nbytes)
    for unit in _UNITS:
        value /= _STEP
        if value < _STEP or unit == _UNITS[-1]:
            break
    return f"{value:.1f} {unit}"


def count(number: int, noun: str) -> str:
    """Return a number with its noun, such as ``1 layer`` or ``1,234 layers``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
