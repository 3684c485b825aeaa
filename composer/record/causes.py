"""What a lock may be brought up to date for: something that a result is made from has changed.

The same files, read by the same versions, give the same models. Where they do not, what was kept
of them was exchanged, or a program is not what it seems to be; writing that down as the new state
would hide it.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from composer.diagnostics.diagnostic import Diagnostic, Note
from composer.record.compare import Difference
from composer.record.model import Lock, LockedSource
from composer.spec.model import Positions

_CODE = "CMP616"


def uncaused(found: Sequence[Difference], locked: Lock, now: Lock) -> tuple[str, ...]:
    """Return the sources that give other models than a lock says, for no reason that it knows.

    Args:
        found: the differences of the two locks.
        locked: the earlier lock.
        now: of what was prepared.
    """
    if _has_cause(found):
        return ()
    return tuple(
        key
        for key, source in now.sources.items()
        if (old := locked.sources.get(key)) is not None
        and old.content != source.content
        and _same_files(old, source)
    )


def only_results(found: Sequence[Difference]) -> bool:
    """Tell whether nothing differs but what was built."""
    return bool(found) and all(item.path[0] == "artifacts" for item in found)


def refused(
    sources: Sequence[str], locked: Lock, now: Lock, *, command: str, positions: Positions
) -> tuple[Diagnostic, ...]:
    """Return an error for each source that :func:`uncaused` found.

    Args:
        sources: their ids.
        locked: the earlier lock.
        now: of what was prepared.
        command: accepts the change.
        positions: of the spec.
    """
    return tuple(
        Diagnostic(
            code=_CODE,
            message=f"source {key!r} gives a different model than when it was locked, although "
            f"{now.sources[key].location} is the same",
            path=("sources", key, "from"),
            span=positions.value(("sources", key, "from")),
            notes=(
                Note(
                    message=f"sources.{key}.content: locked {locked.sources[key].content[:12]}…, "
                    f"found {now.sources[key].content[:12]}…"
                ),
            ),
            help="compose cache prune --all removes what the store has of it, and the next build "
            f"makes it anew\n{command} accepts the change",
        )
        for key in sources
    )


def _has_cause(found: Sequence[Difference]) -> bool:
    return any(item.path[0] in ("spec", "toolchain") for item in found)


def _same_files(old: LockedSource, new: LockedSource) -> bool:
    """Tell whether all that decides a source is known to the lock, and as it was."""
    decisive = attrgetter("location", "plugin", "weights", "seed")
    if decisive(old) != decisive(new):
        return False
    known = old.sha256 is not None and old.sha256 == new.sha256
    return known or old.location.startswith("app:")
