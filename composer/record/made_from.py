"""All that decides the bytes of a result, as a view of the build's record for the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from composer.difference.changes import MISSING, Change
from composer.files.keys import key_of
from composer.keras_process.code_state import CodeState
from composer.keras_process.user_code import code_of
from composer.linker.linker import result_key
from composer.outputs.registry import output_format, packages_of, plugin_code
from composer.record.build_record import BuildRecord
from composer.record.record_build import reading, record_build
from composer.record.toolchain import WRITERS, installed
from composer.resolver.plan import Plan, SourceState
from composer.sources.remembered import remembered_content
from composer.spec.model import Destination, Spec
from composer.store import Store

_OWN: Final = "code of composer"
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
Parts = Mapping[str, Mapping[str, str]]
"""Digests, versions and texts by their kind and name, so that each can be named to people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeFrom:
    """All that decides the bytes of a result.

    Attributes:
        key: of all of it; None where something can't be told, so that nothing is ever fresh.
        parts: the same in pieces.
    """

    key: str | None
    parts: Parts


def made_from(
    plan: Plan,
    states: Mapping[str, SourceState],
    spec: Spec,
    places: Sequence[Destination],
    store: Store,
) -> tuple[MadeFrom, ...]:
    """Return what decides the bytes of each result.

    Args:
        plan: complete.
        states: digests of its sources, by id.
        spec: that it is the plan of.
        places: that it is written to.
        store: remembers digests of files.

    Raises:
        FormatError: a source is damaged.
        BuildError: one can't be read.
    """
    with reading():
        model = result_key(plan, states, lambda path: remembered_content(path, store))
        record = record_build(spec, plan, store, folder=Path(spec.file).parent, states=states)
        exported = any(output_format(place.format).exported for place in places)
        code = _code(spec) if exported else {}
    return tuple(_of_place(model, record, place, code) for place in places)


def reasons(found: Sequence[Change]) -> tuple[str, ...]:
    """Say why a result is stale: what decides it now, and did not when it was built."""
    told = tuple(words for item in found if (words := _reason(item)) is not None)
    spec = {item.path[1] for item in found if item.path[0] == "spec"}
    if spec == {"sha256"}:
        return ("the spec changed", *told)
    return told or ("compose builds the spec differently now",)


def parts_of(record: BuildRecord) -> Parts:
    """Return what a record says of all that decides the bytes of its results."""
    return {
        "spec": {
            "file": str(record.spec.file),
            "overrides": " ".join(record.spec.overrides),
            "sha256": record.spec.sha256,
        },
        "sources": {key: source.content for key, source in record.sources.items()},
        "weights": {
            key: source.weights
            for key, source in record.sources.items()
            if source.weights is not None
        },
        "layers": {key: layer.content for key, layer in record.layers.items()},
    }


def _of_place(
    model: str, record: BuildRecord, place: Destination, code: Mapping[str, str] | None
) -> MadeFrom:
    versions = installed((*WRITERS, *packages_of([place.format])))
    own = _own_code()
    if own is not None:
        versions[_OWN] = own
    if not output_format(place.format).exported:
        code = {}
    if code is not None:
        code = {**code, **plugin_code(place.format)}
    options = [place.options] if place.options else []
    return MadeFrom(
        key=None if code is None else key_of([1, model, place.format, versions, code, *options]),
        parts={**parts_of(record), "toolchain": versions, "code": code or {}},
    )


@cache
def _own_code() -> str | None:
    """Return by what composer's own code is known while it is worked on; None once installed."""
    package = Path(__file__).parents[1]
    if not _INSTALLED.isdisjoint(package.parts):
        return None
    states = ((file, file.stat()) for file in sorted(package.rglob("*.py")))
    return key_of([[str(file), status.st_size, status.st_mtime_ns] for file, status in states])


def _code(spec: Spec) -> Mapping[str, str] | None:
    """Return what the user's classes consist of, which run in an export; None where unknown."""
    classes = (layer.class_name.rpartition(":")[0] for layer in spec.layers)
    return CodeState(code_of(spec)).content([module for module in classes if module])


def _reason(item: Change) -> str | None:
    """Say what a change is; None where another one says it."""
    kind, name, then, now = *item.path, item.before, item.now
    if name == _OWN:
        return "composer changed"
    if kind in ("toolchain", "code") and not item.in_both:
        return f"{name} is {'used' if item.before is MISSING else 'not used any more'}"
    if not item.in_both:
        return None
    if kind == "spec":
        return {
            "file": f"it was built from {_short(then, now)}",
            "overrides": f"overrides: {then or 'none'} then, {now or 'none'} now",
        }.get(name)
    return {
        "sources": f"source {name!r} changed",
        "weights": f"the weights of source {name!r} changed",
        "layers": f"layer {name!r} changed",
        "code": f"{name} changed",
        "toolchain": f"{name} {then} wrote it, {now} is installed",
    }.get(kind)


def _short(path: str, beside: str) -> str:
    """Return a path as seen from where another one lies, when it is not far from there."""
    folder = Path(beside).parent
    return str(Path(path).relative_to(folder)) if Path(path).is_relative_to(folder) else path
