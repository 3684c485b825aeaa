"""Builds what a lock says from the lock itself: the spec may have moved on, and is not asked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from composer.diagnostics.diagnostic import Diagnostic, SpecPath
from composer.errors import DriftError, SpecError, UsageError
from composer.files.regular import read_regular
from composer.outputs.chosen import Output
from composer.record.authority import nodes, unbacked
from composer.record.build_record import BuildRecord
from composer.record.compare_records import TEXT, compare
from composer.record.drift import and_more
from composer.record.lock_file import lock_path, resolved_sha256
from composer.record.record_build import record_spec
from composer.spec import yaml_text
from composer.spec.boundary import boundary_of
from composer.spec.from_data import spec_from_data
from composer.spec.locations import is_covered
from composer.spec.model import Spec, SpecFile
from composer.spec.override_paths import seen_from_here
from composer.spec.reading import read_spec
from composer.spec.source_text import Place, SourceText
from composer.spec.tree import Node, find, path_text
from composer.store import Store
from composer.workflows.locking import pins
from composer.workflows.pipeline import Prepared, Progress, prepare_spec

_NO_JSON = re.compile(r"-?(?:inf|nan|[0-9]{16,})")
"""How a lock writes numbers that JSON has not: as text, which text can be too."""
_LARGEST = 2**53 - 1


def prepare_frozen(
    spec: str,
    lock: BuildRecord,
    *,
    offline: bool = False,
    output: Output = None,
    trust_lock: bool = False,
    store: Store | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Take the spec that a lock holds as far as its problems allow, with Keras where needed.

    Args:
        spec: path of the spec beside which the lock lies.
        lock: that lock.
        offline: whether nothing may be asked of the network.
        output: where the result goes instead of where the lock says.
        trust_lock: whether the lock is believed where it runs code, trusts, pins or places files
            otherwise than the spec of today.
        store: None is the user's own.
        progress: called with lines of progress.

    Returns:
        As of :func:`composer.workflows.pipeline.prepare`, with what differs between the lock and
        the spec as it is now among the remarks.

    Raises:
        DriftError: somebody changed the lock, or it lets in what the spec does not.
        SpecError: the lock does not hold all of the spec.
        BuildError: an import or the Keras process failed for a reason outside of the spec.
    """
    path = lock_path(spec)
    frozen, found = frozen_spec(spec, lock)
    if frozen is None:
        return Prepared(spec=None, plan=None, diagnostics=found)
    now = _present(spec, lock)
    if not trust_lock:
        # Nobody comes in by way of a lock: what it lets in, the spec has to let in today.
        today = now if isinstance(now, Spec) else None
        project = boundary_of(Path(spec).parent)
        refused = unbacked(spec, frozen, today, project, elsewhere=output is not None)
        if refused:
            raise DriftError("CMP614.untrusted-lock", path=path, spec=spec, differences=refused)
    prepared = prepare_spec(
        frozen,
        deep=True,
        offline=offline,
        output=output,
        building=True,
        store=store,
        progress=progress,
    )
    given = " ".join(seen_from_here(lock.spec.overrides, Path(spec).parent))
    remarks = (
        f"built with the overrides of the lock: {given}" if given else None,
        _moved_on(spec, lock, now),
    )
    return replace(
        prepared,
        plan=None if any(item.severity == "error" for item in found) else prepared.plan,
        # Nobody edits a lock: what would mend the spec is no fix of it.
        diagnostics=tuple(replace(item, fix=()) for item in (*found, *prepared.diagnostics)),
        remarks=(*filter(None, remarks), *prepared.remarks),
    )


def frozen_spec(spec: str, lock: BuildRecord) -> tuple[Spec | None, tuple[Diagnostic, ...]]:
    """Return the spec that a lock holds, with the digests that it holds for URLs.

    Raises:
        DriftError: somebody changed it.
        SpecError: not all of the spec is in it.
        UsageError: the lock can't be read.
    """
    path = lock_path(spec)
    place, written = _place(path)
    if resolved_sha256(lock.spec.resolved) != lock.spec.sha256:
        changed = DriftError("CMP607.changed-spec", path=path, spec_file=spec)
        changed.differences = (replace(changed.diagnostic, span=place.span),)
        raise changed
    lost = tuple(_lost(spec, lock.spec.resolved, place, written))
    if lost:
        raise SpecError(lost)
    found, diagnostics = spec_from_data(
        lock.spec.resolved,
        file=spec,
        place=place,
        directories=_directories(lock, path.parent),
        written=written,
    )
    if found is None:
        return None, diagnostics
    pinned = pins(lock)
    return (
        replace(
            found,
            files=tuple(
                SpecFile(path=path.parent / name, sha256=digest)
                for name, digest in lock.spec.files.items()
            ),
            overrides=lock.spec.overrides,
            sources=tuple(replace(item, pin=pinned.get(item.id)) for item in found.sources),
        ),
        diagnostics,
    )


def _place(path: Path) -> tuple[Place, Node | None]:
    """Return where the resolved spec stands in a lock file, and its text as a tree."""
    try:
        text = read_regular(path).decode()
    except (OSError, ValueError) as error:
        raise UsageError("CMP114.unreadable-lock", path=path, reason=str(error)) from error
    source = SourceText(file=str(path), text=text, directory=path.parent)
    # Whatever else is called so stands before it, deeper, or is no map.
    start = max(text.rfind('\n    "resolved": {') + len("\n    "), 0)
    place = Place(source, start, start + len('"resolved"'))
    begin = text.find("{", place.end)
    try:
        _, end = json.JSONDecoder().raw_decode(text, begin)
    except (ValueError, RecursionError):
        return place, None  # somebody laid the lock out anew
    alone = SourceText(file=str(path), text=text[:end], directory=path.parent)
    written, found = yaml_text.parse(alone, start=begin)  # whatever is JSON is YAML as well
    return place, None if found else written


def _directories(lock: BuildRecord, folder: Path) -> Mapping[SpecPath, Path]:
    found: dict[SpecPath, Path] = {}
    for key, directory in lock.spec.directories.items():
        path = tuple(key.split("."))
        if path[:1] == ("sources",) and len(path) == 2:  # noqa: PLR2004 - sources.ID
            path = (*path, "from")
        found[path] = folder / directory
    return found


def _lost(
    spec: str, resolved: Mapping[str, Any], whole: Place, written: Node | None
) -> Iterator[Diagnostic]:
    """Find what a lock can't hold: secrets of URLs, and numbers that JSON has not."""
    for path, value in nodes(resolved, ()):
        if not isinstance(value, str):
            continue
        argument = "args" in path or "call" in path
        number = argument and _NO_JSON.fullmatch(value) is not None
        if is_covered(value) and path[0] == "sources":
            what = f"a URL whose secrets are not in the lock: {value}"
        elif number and (value[-1] in "fn" or abs(int(value)) > _LARGEST):
            what = f"{value!r} in the lock, where nobody can tell whether that was a number"
        else:
            continue
        node = None if written is None else find(written, path)
        yield Diagnostic(
            code="CMP608",
            message=f"{path_text(path)} is {what}",
            path=path,
            span=(whole if node is None else node.place).span,
            help=f"build it from the spec, which has it: compose build --locked {spec}",
        )


def _present(spec: str, lock: BuildRecord) -> Spec | str:
    """Return the spec as it is now with the overrides of the lock, or what is wrong with it."""
    try:
        found, diagnostics = read_spec(spec, seen_from_here(lock.spec.overrides, Path(spec).parent))
    except UsageError as error:
        return error.message
    if found is None or any(item.severity == "error" for item in diagnostics):
        return f"{spec} has errors now"
    return found


def _moved_on(spec: str, lock: BuildRecord, now: Spec | str) -> str | None:
    """Say in which fields the spec is not what was locked any more."""
    if isinstance(now, str):
        return f"built from the lock alone: {now}"
    present = replace(lock, spec=record_spec(now, lock_path(spec).parent))
    found = [item for item in compare(lock, present) if item.field != "spec.sha256"]
    if not found:
        return None
    said = f"{spec} is not what it was when it was locked, and not what is built"
    told = [item for item in found if item.meaning != TEXT]
    if not told:
        return f"{said}: only comments, layout or the order of keys changed"
    return f"{said}: {and_more(told)}"
