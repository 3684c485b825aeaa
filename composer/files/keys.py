"""Keys: the names under which results are remembered, made from all that decides them."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def key_of(decides: Any, *, any_order: bool = False) -> str:
    """Return the key of plain data: two values have the same key only if they are the same JSON.

    Args:
        decides: everything that the result depends on, with 1, 1.0 and true kept apart. A lone
            surrogate, as in the name of a file, is a character like any other.
        any_order: whether the order of keys in its maps has no meaning. In a config it can have:
            Keras passes arguments on in their order.

    Returns:
        64 hexadecimal digits (SHA-256).
    """
    text = json.dumps(decides, sort_keys=any_order, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
