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

from composer.diagnostics.diagnostic import Diagnostic, SpecPath
from composer.difference.changes import changes
from composer.record.lock_file import portable
from composer.spec.boundary import Boundary
from composer.spec.locations import local_path, shown_location
from composer.spec.model import NewLayer, Source, Spec
from composer.spec.source_forms import is_spec, path_in, runs_code
from composer.spec.source_text import COMMAND_LINE
from composer.spec.tree import path_text

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


def unbacked(
    spec: str, locked: Spec, now: Spec | None, project: Boundary, *, elsewhere: bool = False
) -> tuple[Diagnostic, ...]:
    """Return an error for each claim of a locked spec that the spec of today does not make too.

    Without a spec of today, what runs code or trusts is unbacked, and so is every file that lies
    outside of the project. What only overrides of the lock bring into the spec of today counts as
    the lock's own word.

    Args:
        spec: path of the spec of today.
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

    def problem(claim: Claim, other: Claim | None, why: str) -> Diagnostic:
        where = path_text(claim.path)
        if claim.kind == "trust":
            message = (
                f"source {claim.path[1]!r} is trusted in the lock, and not in {spec} as it is now: "
                "code in it could run"
            )
        else:
            said = f", and {other.shown} in {spec} now" if other is not None else ""
            message = f"{where} is {claim.shown} in the lock{said}: {why}"
        return Diagnostic(
            code="CMP609" if claim.kind == "trust" else "CMP620",
            message=message,
            path=claim.path,
            span=locked.positions.value(claim.path),
            help=f"compose lock {spec} locks what the spec says now; if you have read the lock and "
            f"know who wrote it: compose build --frozen --trust-lock {spec}",
        )

    mine = {path_text(claim.path): claim for claim in _claims(locked)}
    if elsewhere:
        mine.pop("output.path", None)
    theirs = {path_text(claim.path): claim for claim in _claims(now)} if now is not None else {}
    changed = {item.path[0] for item in changes(_decisive(mine), _decisive(theirs))}
    found = []
    for where, claim in mine.items():
        if now is None:
            if claim.kind in ("code", "trust") or not inside(claim):
                found.append(problem(claim, None, "there is no spec that says so"))
        elif where in changed:
            found.append(problem(claim, theirs.get(where), "the spec does not say so"))
        elif _by_override(now, claim.path) and (claim.kind != "place" or not inside(claim)):
            found.append(problem(claim, None, "only an override in the lock says so"))
    return tuple(found)


def _decisive(claims: Mapping[str, Claim]) -> dict[str, Any]:
    return {where: (claim.kind, claim.value) for where, claim in claims.items()}


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
    location, files = source.location, _files(source.location, source.directory)
    value: Any = _reals(files) or location
    runs = runs_code(source)
    if runs:
        value = (location, _real(source.directory), _frozen(source.args))
    elif is_spec(source):
        value = (value, _frozen(source.args))  # its variables decide what that spec does
    shown = shown_location(location)
    kind: Kind = "code" if runs else "place"
    yield Claim(path=(*at, "from"), kind=kind, value=value, shown=shown, files=files)
    yield _pin((*at, "sha256"), source.sha256)
    weights = source.weights
    if weights is not None:
        files = _files(weights.file, weights.directory)
        value, shown = _reals(files) or weights.file, shown_location(weights.file)
        yield Claim(path=(*at, "weights"), kind="place", value=value, shown=shown, files=files)
        yield _pin((*at, "weights", "sha256"), weights.sha256)
    if source.objects:
        value, shown = (
            (frozenset(source.objects), _real(source.directory)),
            ", ".join(source.objects),
        )
        yield Claim(path=(*at, "objects"), kind="code", value=value, shown=shown)
    if source.trust:
        yield Claim(path=(*at, "trust"), kind="trust", value=True, shown="true")


def _pin(path: SpecPath, digest: str | None) -> Claim:
    return Claim(path=path, kind="pin", value=digest, shown=digest or "no digest")


def _claim_of_layer(layer: NewLayer, folder: Path) -> Claim:
    value, shown = (layer.class_name, folder, _frozen(layer.args)), layer.class_name
    return Claim(path=("layers", layer.id, "class"), kind="code", value=value, shown=shown)


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
        entry = (spec.resolved.get(str(path[0])) or {}).get(path[1])
        if isinstance(entry, Mapping) and "args" in entry:
            places += [at for at, _ in nodes(entry["args"], (*path[:-1], "args"))]
    spans = (
        span
        for place in places
        for span in (
            spec.positions.value(place), *(node.span for node in spec.positions.origins(place))
        )
    )  # fmt: skip
    return any(span is not None and span.file == COMMAND_LINE for span in spans)


def nodes(data: Any, path: SpecPath) -> Iterator[tuple[SpecPath, Any]]:
    """Yield plain data and all that it holds, with their paths."""
    yield path, data
    if isinstance(data, Mapping):
        for key, item in data.items():
            yield from nodes(item, (*path, str(key)))
    elif isinstance(data, list | tuple):
        for index, item in enumerate(data):
            yield from nodes(item, (*path, index))


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
