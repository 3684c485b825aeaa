"""Numbers as people read them."""

from __future__ import annotations

import re
from datetime import timedelta

UNREAD = "weights not read"
"""Said where the weights of a file were listed, and no number among them was looked at."""
_UNITS = ("KiB", "MiB", "GiB", "TiB")
_STEP = 1024
_BYTES = {
    "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40,
    "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
}  # fmt: skip
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)")


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


def ago(age: timedelta) -> str:
    """Return an age such as ``just now``, ``5 minutes ago`` or ``12 days ago``."""
    seconds = int(age.total_seconds())
    for length, noun in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= length:
            return f"{count(seconds // length, noun)} ago"
    return "just now"


def bytes_from(text: str) -> int | None:
    """Read a size such as ``500MB``, ``2GiB`` or ``2G`` (which is 2 GiB); None if it is none."""
    found = _AMOUNT.fullmatch(text.strip())
    unit = _BYTES.get(found[2].lower()) if found else None
    return int(float(found[1]) * unit) if found and unit else None


def age_from(text: str) -> timedelta | None:
    """Read an age such as ``90m``, ``12h``, ``30d`` or ``2w``; None if it is none."""
    found = _AMOUNT.fullmatch(text.strip())
    unit = _SECONDS.get(found[2].lower()) if found else None
    try:
        return timedelta(seconds=float(found[1]) * unit) if found and unit else None
    except OverflowError:
        return None
