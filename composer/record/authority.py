"""What a lock may not decide alone: code that runs, trust, pins, and places of files.

A lock is a file that few people read. So the spec in it is compared with the spec of today in
everything that lets code run or leads to files, before anything of it is opened.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from composer.diagnostics.diagnostic import SpecPath
from composer.record.document import portable
from composer.spec.boundary import Boundary
from composer.spec.locations import local_path, shown_location
from composer.spec.model import NewLayer, Source, Spec
from composer.spec.source_forms import is_spec, path_in, runs_code
from composer.spec.source_text import COMMAND_LINE

Kind = Literal["code", "trust", "pin", "place"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One thing that a spec decides and a lock alone may not.

    Attributes:
        path: of the key in the spec.
        kind: what it decides.
        value: all that it decides by; equal values decide the same.
        shown: the value in words.
        files: paths on this machine that it leads to.
    """

    path: SpecPath
    kind: Kind
    value: Any
    shown: str
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbacked:
    """A claim of a lock that today's spec does not make.

    Attributes:
        claim: of the lock.
        now: what the spec says in its place, in words; None where it says nothing.
        why: words that say what is missing.
    """

    claim: Claim
    now: str | None
    why: str


def unbacked(
    locked: Spec, now: Spec | None, project: Boundary, *, elsewhere: bool = False
) -> tuple[Unbacked, ...]:
    """Return what of a locked spec the spec of today does not say too.

    Without a spec of today, what runs code or trusts is unbacked, and so is every file that lies
    outside of the project. What only overrides of the lock bring into the spec of today counts as
    the lock's own word.

    Args:
        locked: the spec in the lock.
        now: the spec of today under the overrides of the lock; None where there is none.
        project: folders that belong to the spec.
        elsewhere: whether the result goes where the command says, not where the lock does.
    """
    folder = Path(locked.file).parent

    def inside(claim: Claim) -> bool:
        # A link in the project may lead to models on another disk; nothing is written through one.
        places = claim.files if claim.path[0] == "output" else _named(claim.files, folder)
        return all(project.holds(path) for path in places)

    mine = [c for c in _claims(locked) if not (elsewhere and c.path == ("output", "path"))]
    theirs = {claim.path: claim for claim in _claims(now)} if now is not None else {}
    found = []
    for claim in mine:
        other = theirs.get(claim.path)
        if now is None:
            if claim.kind in ("code", "trust") or not inside(claim):
                found.append(Unbacked(claim=claim, now=None, why="there is no spec that says so"))
        elif other is None or (other.kind, other.value) != (claim.kind, claim.value):
            shown = None if other is None else other.shown
            found.append(Unbacked(claim=claim, now=shown, why="the spec does not say so"))
        elif _by_override(now, claim.path) and (claim.kind != "place" or not inside(claim)):
            found.append(
                Unbacked(claim=claim, now=None, why="only an override in the lock says so")
            )
    return tuple(found)


def only_overridden(spec: Spec) -> tuple[Claim, ...]:
    """Return what runs code, trusts or pins in a spec, and only by an override."""
    return tuple(
        claim
        for claim in _claims(spec)
        if claim.kind != "place" and claim.value and _by_override(spec, claim.path)
    )


def _claims(spec: Spec) -> Iterator[Claim]:
    for source in spec.sources:
        yield from _claims_of_source(source)
    folder = _real(Path(spec.file).parent)
    for layer in spec.layers:
        if ":" in layer.class_name:
            yield _claim_of_layer(layer, folder)
    path = (spec.resolved.get("output") or {}).get("path")
    if path is not None and spec.target.directory is not None:
        target = _real(spec.target.directory / local_path(str(path)))
        yield Claim(
            path=("output", "path"), kind="place", value=target, shown=str(path), files=(target,)
        )


def _claims_of_source(source: Source) -> Iterator[Claim]:
    at: SpecPath = ("sources", source.id)
    yield _origin(source)
    yield Claim(
        path=(*at, "sha256"), kind="pin", value=source.sha256, shown=source.sha256 or "no digest"
    )
    weights = source.weights
    if weights is not None:
        files = _files(weights.file, weights.directory)
        yield Claim(
            path=(*at, "weights"),
            kind="place",
            value=_reals(files) or weights.file,
            shown=shown_location(weights.file),
            files=files,
        )
        digest = weights.sha256
        yield Claim(
            path=(*at, "weights", "sha256"), kind="pin", value=digest, shown=digest or "no digest"
        )
    if source.objects:
        yield Claim(
            path=(*at, "objects"),
            kind="code",
            value=(frozenset(source.objects), _real(source.directory)),
            shown=", ".join(source.objects),
        )
    if source.trust:
        yield Claim(path=(*at, "trust"), kind="trust", value=True, shown="true")


def _origin(source: Source) -> Claim:
    """Return what ``from`` claims: a file, or code with all that is handed to it."""
    path: SpecPath = ("sources", source.id, "from")
    location = source.location
    shown = shown_location(location)
    if runs_code(source):
        value = (location, _real(source.directory), _frozen(source.args))
        return Claim(path=path, kind="code", value=value, shown=shown)
    files = _files(location, source.directory)
    # Variables of another spec decide what that spec does.
    handed = _frozen(source.args) if is_spec(source) else None
    return Claim(
        path=path, kind="place", value=(_reals(files) or location, handed), shown=shown, files=files
    )


def _claim_of_layer(layer: NewLayer, folder: Path) -> Claim:
    return Claim(
        path=("layers", layer.id, "class"),
        kind="code",
        value=(layer.class_name, folder, _frozen(layer.args)),
        shown=layer.class_name,
    )


def _files(location: str, directory: Path) -> tuple[Path, ...]:
    """Return the file or folder of this machine that a location names; none for one elsewhere."""
    path = path_in(location)
    return () if path is None else ((directory / local_path(path)).absolute(),)


def _named(files: tuple[Path, ...], folder: Path) -> Iterator[Path]:
    """Yield paths as they are named from a folder, before links in them are followed."""
    for path in files:
        yield Path(os.path.normpath(_real(folder) / os.path.relpath(path, folder.absolute())))


def _by_override(spec: Spec, path: SpecPath) -> bool:
    """Tell whether a value, or what is handed to it, comes from the command line of the lock."""
    places = [path]
    if path[-1] in ("from", "class"):
        places += _leaves(spec.resolved, (*path[:-1], "args"))
    for place in places:
        spans = [spec.positions.value(place), *(n.span for n in spec.positions.origins(place))]
        if any(span is not None and span.file == COMMAND_LINE for span in spans):
            return True
    return False


def _leaves(data: Any, path: SpecPath) -> list[SpecPath]:
    """Return ``path`` and all paths below it that ``data`` has."""
    value: Any = data
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    found: list[SpecPath] = []
    waiting: list[tuple[SpecPath, Any]] = [(path, value)] if value is not None else []
    while waiting:
        at, item = waiting.pop()
        found.append(at)
        if isinstance(item, Mapping):
            waiting.extend(((*at, str(key)), below) for key, below in item.items())
        elif isinstance(item, list | tuple):
            waiting.extend(((*at, index), below) for index, below in enumerate(item))
    return found


def _frozen(value: Any) -> Any:
    """Return plain data in a form that can be compared: as a lock writes it, order aside."""
    plain = portable(value)
    if isinstance(plain, Mapping):
        return ("map", frozenset((key, _frozen(item)) for key, item in plain.items()))
    if isinstance(plain, list):
        return ("list", tuple(map(_frozen, plain)))
    # In JSON, true is not 1.
    return (isinstance(plain, bool), plain)


def _reals(files: tuple[Path, ...]) -> tuple[Path, ...]:
    return tuple(map(_real, files))


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
