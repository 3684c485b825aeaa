"""An error of the Keras process as JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from composer.errors import BuildError, ComposeError, FormatError, KerasProcessError, SourceError

_CLASSES = {
    kind.__name__: kind for kind in (SourceError, FormatError, BuildError, KerasProcessError)
}


def document(error: ComposeError) -> dict[str, Any]:
    """Return an error as plain JSON."""
    return {
        "class": type(error).__name__,
        "key": error.key,
        "help": error.own_help,
        "fields": {name: _plain(value) for name, value in error.fields.items()},
    }


def error_of(document: Mapping[str, Any]) -> ComposeError:
    """Return the error that :func:`document` was given.

    Raises:
        KeyError, TypeError: it is no document of an error.
    """
    kind = _CLASSES[document["class"]]
    return kind(document["key"], help=document["help"], **document["fields"])


def _plain(value: object) -> object:
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | None) else str(value)
