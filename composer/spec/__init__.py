"""YAML text to a frozen :class:`~composer.spec.model.Spec`, with the place of every value."""

from composer.spec.reading import load_spec, read_spec, spec_from_text

__all__ = ["load_spec", "read_spec", "spec_from_text"]
