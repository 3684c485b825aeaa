"""YAML text to a frozen :class:`~composer.spec.model.Spec`, with the place of every value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from composer.spec.reading import load_spec, read_spec, spec_from_text

__all__ = ["load_spec", "read_spec", "spec_from_text"]


def __getattr__(name: str) -> Any:
    """Load the reader on first use: most rooms import only the types of this package."""
    if name in __all__:
        from composer.spec import reading

        return getattr(reading, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
