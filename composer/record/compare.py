"""What differs between two locks, field by field, and what that means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from composer.diagnostics.diagnostic import Diagnostic, Note, SpecPath
from composer.record.document import lock_document
from composer.record.model import Lock
from composer.spec.model import Positions

_SHOWN = 8
"""How many fields of a kind are listed; the others are counted."""
_DIGEST = 64

_CODES: Final = {
    "spec": "CMP601",
    "sources": "CMP602",
    "names": "CMP603",
    "layers": "CMP604",
    "toolchain": "CMP605",
    "artifacts": "CMP606",
}
_WHAT: Final = {
    "spec": "the spec is not the one that was locked",
    "sources": "a source is not what was locked",
    "names": "layers of the result have other names or come from elsewhere",
    "layers": "a new layer is not what was locked",
    "toolchain": "other versions are installed than those that the lock was made with",
    "artifacts": "what was built is not what was locked",
}

Leaves = Mapping[tuple[str, ...], Any]
"""Fields by their path."""


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


MISSING: Final = _Missing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One field that two locks disagree on.

    Attributes:
        path: of the field, such as ``("sources", "tower", "sha256")``.
        locked: what the lock says; ``MISSING`` where it has no such field.
        found: what there is now.
    """

    path: tuple[str, ...]
    locked: Any
    found: Any

    @property
    def field(self) -> str:
        """The field as text."""
        return ".".join(self.path)

    def __str__(self) -> str:
        return f"{self.field}: locked {_shown(self.locked)}, found {_shown(self.found)}"


def differences(locked: Lock, found: Lock) -> tuple[Difference, ...]:
    """Return all fields in which ``found`` is not ``locked``, in the lock's own order.

    Digests of files are left out where other versions of the libraries write them: then the
    content digests are what is promised.
    """
    old, new = dict(_leaves(lock_document(locked))), dict(_leaves(lock_document(found)))
    other_versions = {
        name
        for name in (*locked.toolchain, *found.toolchain)
        if locked.toolchain.get(name) != found.toolchain.get(name)
    }
    unpromised = {
        ("artifacts", key, value)
        for key, made in locked.artifacts.items()
        for value in ("sha256", "size")
        # What is linked depends on what writes it, and an export on all that takes part.
        if other_versions & set(WRITERS if made.content is not None else other_versions)
    }
    return tuple(
        Difference(path=path, locked=old.get(path, MISSING), found=new.get(path, MISSING))
        for path in dict.fromkeys((*old, *new))
        if path not in unpromised
        and not _equal(old.get(path, MISSING), new.get(path, MISSING))
        and not (_filled(path, old, new) or _filled(path, new, old))
    )


WRITERS: Final = ("composer", "h5py", "hdf5")
"""Entries of the toolchain that decide how a file lays out equal content."""


def refusals(found: Sequence[Difference]) -> tuple[Difference, ...]:
    """Return the differences that make a locked build fail.

    Another version of a library is none by itself: what it makes is compared.
    """
    return tuple(item for item in found if item.path[0] != "toolchain")


def explained(
    found: Sequence[Difference],
    *,
    command: str,
    locked: Lock,
    now: Lock,
    positions: Positions | None = None,
    frozen: bool = False,
) -> tuple[Diagnostic, ...]:
    """Return one diagnostic for each part of a lock that differs.

    Args:
        found: what :func:`differences` gave.
        command: that would accept all of it, such as ``compose lock specs/a.yaml``.
        locked: the lock.
        now: what there is.
        positions: of the spec.
        frozen: whether ``now`` comes of the spec in the lock, and not of the spec as it is now.
    """
    accepts = f"{command} accepts the change" + (
        ", and every change of the spec since" if frozen else ""
    )
    diagnostics = []
    order = list(_CODES)
    # Fields that the lock does not have come last, and belong to their part all the same.
    by_part = sorted(found, key=lambda item: order.index(item.path[0]))
    for part, group in groupby(by_part, key=lambda item: item.path[0]):
        items = list(group)
        notes = [Note(message=str(item)) for item in items[:_SHOWN]]
        if len(items) > _SHOWN:
            notes.append(Note(message=f"and {len(items) - _SHOWN} more fields"))
        notes.extend(Note(message=cause) for cause in _causes(part, items, found, locked, now))
        diagnostics.append(
            Diagnostic(
                code=_CODES[part],
                severity="warning" if part == "toolchain" else "error",
                message=f"{_WHAT[part]}: {items[0].field}"
                + (f" and {len(items) - 1} more" if len(items) > 1 else ""),
                path=(path := _path(part, items[0])),
                span=positions.key(path) if positions is not None and path else None,
                notes=tuple(notes),
                help=accepts,
            )
        )
    return tuple(diagnostics)


def _path(part: str, item: Difference) -> SpecPath:
    """Return the place in the spec that a difference is about, where it is about one."""
    return item.path[:2] if part in ("sources", "layers") else ()


def _causes(
    part: str, items: Sequence[Difference], found: Sequence[Difference], locked: Lock, now: Lock
) -> Iterator[str]:
    if part == "spec" and all(_is_text(item) for item in items):
        yield "the resolved spec is the same: only comments, layout or the order of keys changed"
    if part not in ("layers", "sources"):
        return
    # Where anything else changed, that is the reason, and no processor.
    alone = all(
        _is_drawn(item, locked) or _is_text(item) or item.path[0] in ("toolchain", "artifacts")
        for item in found
    )
    if not alone:
        return
    versions = [
        f"{name} {locked.toolchain.get(name)} then, {now.toolchain.get(name)} now"
        for name in ("keras", "tensorflow")
        if locked.toolchain.get(name) != now.toolchain.get(name)
    ]
    for item in items:
        key = item.path[1]
        if versions:
            reason = f"and by other versions: {'; '.join(versions)}"
        elif (code := _code(part, key, now)) is not None:
            reason = f"by the code of {code}: it changed, or a processor of another type draws"
        else:
            reason = "and processors of different types can draw different ones"
        yield f"the weights of {key!r} are drawn afresh from its seed, {reason}"


def _is_text(item: Difference) -> bool:
    """Tell whether a difference is one of a file of the spec, which need not mean anything."""
    return item.path[:2] == ("spec", "files")


def _is_drawn(item: Difference, locked: Lock) -> bool:
    """Tell whether a difference is one of weights that are drawn from a seed."""
    part, *rest = item.path
    if len(rest) != 2 or rest[1] != "content":  # noqa: PLR2004 - sources.ID.content
        return False
    if part == "sources":
        return rest[0] in locked.sources and locked.sources[rest[0]].seed is not None
    return part == "layers" and MISSING not in (item.locked, item.found)


def _code(part: str, key: str, now: Lock) -> str | None:
    """Return the user's own code that makes a source or new layer, as the spec names it."""
    entry = (now.spec.resolved.get(part) or {}).get(key) or {}
    named = str(entry.get("class" if part == "layers" else "from", ""))
    if part == "sources":
        return named.removeprefix("py:") if named.startswith("py:") else None
    return named if ":" in named else None


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every field that holds no map, an empty map included."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, str(key)))
    else:
        yield path, value


def _filled(path: tuple[str, ...], empty: Leaves, other: Leaves) -> bool:
    """Tell whether a map that is empty here has entries there, each of which is a difference."""
    return (
        empty.get(path, MISSING) == {}
        and path not in other
        and any(more[: len(path)] == path for more in other)
    )


def _equal(one: Any, other: Any) -> bool:
    """Tell whether two values are the same in JSON, where ``true`` is not 1 and 1.0 is."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _shown(value: Any) -> str:
    if isinstance(value, str) and len(value) == _DIGEST:
        return f"{value[:12]}…"
    return repr(value)
