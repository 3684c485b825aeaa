"""Changes between a lock and what there is now, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from composer.diagnostics.diagnostic import Diagnostic, Note
from composer.difference.changes import Change
from composer.record.build_record import BuildRecord
from composer.record.compare_records import DRAWN, RESULT, TEXT, VERSION
from composer.record.toolchain import KERAS, other_versions
from composer.spec.model import Positions
from composer.spec.source_forms import code_in

_SHOWN = 8
"""How many fields of a kind are listed; the others are counted."""

_PARTS: Final = {
    "spec": ("CMP601", "the spec is not the one that was locked"),
    "sources": ("CMP602", "a source is not what was locked"),
    "names": ("CMP603", "layers of the result have other names or come from elsewhere"),
    "layers": ("CMP604", "a new layer is not what was locked"),
    "toolchain": (
        "CMP605", "other versions are installed than those that the lock was made with"
    ),
    "artifacts": ("CMP606", "what was built is not what was locked"),
}  # fmt: skip
_ORDER = list(_PARTS)


def explained(
    found: Sequence[Change],
    *,
    command: str,
    locked: BuildRecord,
    now: BuildRecord,
    positions: Positions | None = None,
    frozen: bool = False,
) -> tuple[Diagnostic, ...]:
    """Return one diagnostic for each part of a lock that differs.

    Args:
        found: the changes.
        command: that would accept all of it, such as ``compose lock specs/a.yaml``.
        locked: the lock.
        now: what there is.
        positions: of the spec.
        frozen: whether ``now`` comes of the spec in the lock, and not of the spec as it is now.
    """
    accepts = f"{command} accepts the change"
    if frozen:
        accepts += ", and every change of the spec since"
    diagnostics = []
    # Fields that the lock does not have come last, and belong to their part all the same.
    by_part = sorted(found, key=lambda item: _ORDER.index(item.path[0]))
    for part, group in groupby(by_part, key=lambda item: item.path[0]):
        items = list(group)
        code, what = _PARTS[part]
        path = items[0].path[:2] if part in ("sources", "layers") else ()
        causes = _causes(part, items, found, locked, now)
        diagnostics.append(
            Diagnostic(
                code=code,
                severity="warning" if part == "toolchain" else "error",
                message=f"{what}: {and_more([items[0].field, *items[1:]])}",
                path=path,
                span=positions.key(path) if positions is not None and path else None,
                notes=tuple(Note(message=text) for text in (*listed(items), *causes)),
                help=accepts,
            )
        )
    return tuple(diagnostics)


def exchanged(
    found: Sequence[Change], locked: BuildRecord, *, command: str, positions: Positions
) -> tuple[Diagnostic, ...]:
    """Return an error for each change that :func:`composer.record.compare_records.uncaused` found.

    Args:
        found: the changes.
        locked: the earlier lock.
        command: accepts them.
        positions: of the spec.
    """
    return tuple(
        Diagnostic(
            code="CMP616",
            message=f"source {key!r} gives a different model than when it was locked, although "
            f"{locked.sources[key].location} is the same",
            path=("sources", key, "from"),
            span=positions.value(("sources", key, "from")),
            notes=(Note(message=str(item)),),
            help="compose cache prune --all removes what the store has of it, and the next build "
            f"makes it anew\n{command} accepts the change",
        )
        for item in found
        for key in item.path[1:2]
    )


def listed(items: Sequence[object]) -> Iterator[str]:
    """Yield the first of many fields as text, and how many more there are."""
    yield from map(str, items[:_SHOWN])
    if len(items) > _SHOWN:
        yield f"and {len(items) - _SHOWN} more fields"


def and_more(items: Sequence[object]) -> str:
    """Return the first of many fields as text, with the number of the others."""
    return f"{items[0]} and {len(items) - 1} more" if len(items) > 1 else str(items[0])


def _causes(
    part: str,
    items: Sequence[Change],
    found: Sequence[Change],
    locked: BuildRecord,
    now: BuildRecord,
) -> Iterator[str]:
    if part == "spec" and all(item.meaning == TEXT for item in items):
        yield "the resolved spec is the same: only comments, layout or the order of keys changed"
    # Where anything else changed, that is the reason, and no processor.
    if part not in ("layers", "sources") or any(
        item.meaning not in (DRAWN, TEXT, VERSION, RESULT) for item in found
    ):
        return
    others = other_versions(locked.toolchain, now.toolchain)
    versions = [others[name] for name in KERAS if name in others]
    for item in items:
        key = item.path[1]
        if versions:
            reason = f"and by other versions: {'; '.join(versions)}"
        elif (code := _code(part, key, now)) is not None:
            reason = f"by the code of {code}: it changed, or a processor of another type draws"
        else:
            reason = "and processors of different types can draw different ones"
        yield f"the weights of {key!r} are drawn afresh from its seed, {reason}"


def _code(part: str, key: str, now: BuildRecord) -> str | None:
    """Return the user's own code that makes a source or new layer, as the spec names it."""
    entry = (now.spec.resolved.get(part) or {}).get(key) or {}
    named = str(entry.get("class" if part == "layers" else "from", ""))
    if part == "sources":
        return code_in(named)
    return named if ":" in named else None
