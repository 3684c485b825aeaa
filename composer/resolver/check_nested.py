"""Check of each source: one that is kept whole has no selectors of its own."""

from __future__ import annotations

from composer.resolver.link import Link
from composer.resolver.problems import Problems


def check_nested(link: Link, problems: Problems) -> None:
    """Report keys that say something of single layers of a nested source (CMP419)."""
    for source in link.spec.sources:
        if source.nested is None:
            continue
        for key, used in (
            ("include", source.include is not None),
            ("exclude", bool(source.exclude)),
            ("bypass", bool(source.bypass)),
            ("freeze", bool(source.freeze)),
            ("unfreeze", bool(source.unfreeze)),
            ("flatten", source.flatten),
        ):
            if used:
                problems.add(
                    "CMP419",
                    ("sources", source.id, key),
                    f"source {source.id!r}: {key} can't be combined with nested, "
                    "which keeps the source whole",
                    at_key=True,
                    help="cut the source in a spec of its own and nest what that builds, or leave "
                    "nested off and inline its layers",
                )
