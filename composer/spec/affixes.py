"""The affix rule: what prefix and suffix do to names, and which names they leave alone."""

from __future__ import annotations

from composer.spec.model import Source


def affixed(name: str, prefix: str, suffix: str = "") -> str:
    """Return a name with what goes around it."""
    return f"{prefix}{name}{suffix}"


def unaffixed(source: Source) -> frozenset[str]:
    """Return the original names that a source's prefix and suffix leave alone.

    An exact rule of ``rename`` gives the whole name, and so does ``nested``.
    """
    exact = frozenset(rule.pattern for rule in source.rename if not rule.regex)
    return exact if source.nested is None else exact | {source.nested}
