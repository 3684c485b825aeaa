"""The one way to make a key of what decides a result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def key_of(decides: Mapping[str, Any]) -> str:
    """Return the key of plain JSON; equal data has equal keys, whatever the order of its maps."""
    text = json.dumps(decides, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
