"""How ``compose cache`` shows the store: tables for people, documents for programs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from composer.cli.numbers import ago, count, size
from composer.diagnostics.render.terminal_text import shown
from composer.store import Pruned
from composer.store.listing import Contents, Item
from composer.store.pruning import size_of

_DIGITS = 12
"""Of a digest that people are shown; programs get all of them."""


def listed(found: Contents) -> str:
    """Return a table of the objects, and a line for each kind of everything else."""
    if not found.root.is_dir():
        return f"{found.root}: there is no store yet"
    head = f"{found.root}: {size(found.nbytes)} in {count(len(found.objects), 'object')}"
    lines = [head, *_table(found.objects)]
    lines.append(
        f"  {count(found.recipes, 'record')} of how objects were made, "
        f"{count(found.facts, 'answer')} of Keras and "
        f"{count(found.notes, 'note')} on files ({size(found.other_bytes)})"
    )
    if found.downloads:
        nbytes = sum(size_of(path) for path in found.downloads)
        lines.append(f"  {count(len(found.downloads), 'unfinished download')} ({size(nbytes)})")
    if found.leftovers:
        nbytes = sum(size_of(path) for path in found.leftovers)
        lines.append(
            f"  {count(len(found.leftovers), 'leftover')} of killed commands ({size(nbytes)}); "
            "the next build or compose cache prune removes them"
        )
    return "\n".join(lines)


def removed(before: Contents, done: Pruned, *, dry_run: bool) -> str:
    """Return what went, and what stays."""
    gone = [item for item in before.objects if item.stored.digest in done.removed]
    parts = [f"{count(len(gone), 'object')} ({size(done.freed)})"] if gone else []
    if done.leftovers:
        parts.append(f"{count(done.leftovers, 'leftover')} ({size(done.leftover_bytes)})")
    if done.entries:
        word = "entry" if done.entries == 1 else "entries"
        parts.append(f"{done.entries:,} {word} on objects, answers of Keras and files")
    if parts:
        first = f"{'would remove' if dry_run else 'removed'} {', '.join(parts)}"
    else:
        first = "nothing to remove"
    staying = len(before.objects) - len(gone)
    rest = f"{count(staying, 'object')} stay{'s' if staying == 1 else ''} ({size(done.kept)})"
    if done.in_use:
        rest += f", {len(done.in_use)} in use by running commands"
    if done.recent:
        rest += f", {len(done.recent)} used within the last hour (--all removes these too)"
    return "\n".join([first, *_table(gone), *([rest] if before.objects else [])])


def contents_document(found: Contents) -> dict[str, object]:
    """Return the JSON document of ``compose cache --json``; sizes are in bytes."""
    return {
        "path": str(found.root),
        "size": found.nbytes,
        "objects": [
            {
                "sha256": item.stored.digest,
                "size": item.stored.size,
                "used": item.stored.used.isoformat(timespec="seconds"),
                "kind": item.kind,
                "name": item.name,
                "about": [dict(about) for about in item.stored.about],
            }
            for item in found.objects
        ],
        "recipes": found.recipes,
        "facts": found.facts,
        "notes": found.notes,
        "other_size": found.other_bytes,
        "downloads": [str(path) for path in found.downloads],
        "leftovers": [str(path) for path in found.leftovers],
    }


def pruned_document(done: Pruned, *, dry_run: bool) -> dict[str, object]:
    """Return the JSON document of ``compose cache prune --json``; sizes are in bytes."""
    return {
        "dry_run": dry_run,
        "removed": list(done.removed),
        "freed": done.freed + done.leftover_bytes,
        "in_use": list(done.in_use),
        "recent": list(done.recent),
        "leftovers": done.leftovers,
        "entries": done.entries,
        "kept": done.kept,
    }


def _table(items: Sequence[Item]) -> list[str]:
    now = datetime.now(UTC)
    rows = [
        (
            item.stored.digest[:_DIGITS],
            size(item.stored.size),
            ago(now - item.stored.used),
            shown(f"{item.kind} {item.name}" if item.name else item.kind),
        )
        for item in items
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    return [
        f"  {digest:<{widths[0]}}  {nbytes:>{widths[1]}}  {used:<{widths[2]}}  {what}"
        for digest, nbytes, used, what in rows
    ]
