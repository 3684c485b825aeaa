"""All that decides the bytes of a result, in pieces that can be named to people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path

from composer.errors import BuildError
from composer.files.keys import key_of
from composer.keras_process.code_state import CodeState
from composer.keras_process.user_code import code_of
from composer.linker.linker import result_key
from composer.outputs.registry import output_format, packages_of
from composer.record.document import resolved_sha256
from composer.record.make import installed
from composer.resolver.plan import Plan, SourceState
from composer.sources.remembered import remembered_content
from composer.sources.states import source_states
from composer.spec.locations import without_secrets
from composer.spec.model import Destination, Spec
from composer.store import Store

_WRITERS = ("composer", "h5py", "hdf5")
_OWN = "code composer"
_INSTALLED = frozenset({"site-packages", "dist-packages"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """All that decides the bytes of a result.

    Attributes:
        key: a digest of it; None where something can't be told, so that nothing is ever fresh.
        parts: the same in pieces that can be named to people: digests and versions by a word for
            their kind and a name (``source left``), or a word alone (``spec``).
    """

    key: str | None
    parts: Mapping[str, str]


def origins(
    plan: Plan,
    states: Mapping[str, SourceState],
    spec: Spec,
    places: Sequence[Destination],
    store: Store,
) -> tuple[Origin, ...]:
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
    try:
        return _origins(plan, states, spec, places, store)
    except OSError as error:
        raise BuildError(
            f"{error.filename or 'the current folder'} can't be read: {error.strerror}",
            code="CMP713",
        ) from error


def changed_so_far(
    then: Mapping[str, str], spec: Spec, plan: Plan | None, store: Store
) -> tuple[str, ...]:
    """Say what is known to have changed since a result was built, while the rest waits for Keras.

    Args:
        then: the parts of an earlier build's origin.
        spec: as it is now.
        plan: of it, which need not be complete; None leaves the sources out.
        store: remembers digests of files.

    Raises:
        FormatError: a source is damaged.
        BuildError: one can't be read.
    """
    sources: Iterator[tuple[str, str]] = iter(())
    if plan is not None:
        sources = _of_sources(source_states(plan, spec, store))
    parts = {
        name: part for name, part in chain(_of_spec(spec), sources) if then.get(name, part) != part
    }
    before = {name: then[name] for name in parts}
    return tuple(reasons(before, Origin(key="", parts=parts))) if parts else ()


def _origins(
    plan: Plan,
    states: Mapping[str, SourceState],
    spec: Spec,
    places: Sequence[Destination],
    store: Store,
) -> tuple[Origin, ...]:
    model = result_key(plan, states, lambda path: remembered_content(path, store))
    common = dict(chain(_of_spec(spec), _of_sources(states), _of_layers(plan, store)))
    code = _code(spec) if any(output_format(place.format).exported for place in places) else {}
    return tuple(_origin(model, common, place, code) for place in places)


def _origin(
    model: str, common: Mapping[str, str], place: Destination, code: Mapping[str, str] | None
) -> Origin:
    names = (*_WRITERS, *packages_of([place.format]))
    versions = {f"version {k}": v for k, v in installed(names).items()}
    own = _own_code()
    if own is not None:
        versions[_OWN] = own
    if not output_format(place.format).exported:
        code = {}
    parts = {**common, **versions, **(code or {})}
    if code is None:
        return Origin(key=None, parts=parts)
    options = [place.options] if place.options else []
    decides = [1, model, place.format, versions, code, *options]
    return Origin(key=key_of(decides), parts=parts)


@cache
def _own_code() -> str | None:
    """Return by what composer's own code is known while it is worked on; None once installed."""
    package = Path(__file__).parents[1]
    if not _INSTALLED.isdisjoint(package.parts):
        return None
    states = ((file, file.stat()) for file in sorted(package.rglob("*.py")))
    return key_of([[str(file), status.st_size, status.st_mtime_ns] for file, status in states])


def _of_spec(spec: Spec) -> Iterator[tuple[str, str]]:
    locations = tuple(source.location for source in spec.sources)
    yield "file", str(Path(spec.file).resolve())
    yield "overrides", without_secrets(" ".join(spec.overrides), locations)
    yield "spec", resolved_sha256(spec.resolved)


def _of_sources(states: Mapping[str, SourceState]) -> Iterator[tuple[str, str]]:
    for source, state in states.items():
        yield f"source {source}", state.content
        if state.weights is not None:
            yield f"weights {source}", state.weights


def _of_layers(plan: Plan, store: Store) -> Iterator[tuple[str, str]]:
    for state in plan.states:
        if state.file is not None and plan.origins[state.name].kind == "layer":
            yield f"layer {state.name}", remembered_content(state.file.path, store)


def _code(spec: Spec) -> Mapping[str, str] | None:
    """Return what the user's classes consist of, which run in an export; None where unknown."""
    classes = (layer.class_name.rpartition(":")[0] for layer in spec.layers)
    content = CodeState(code_of(spec)).content([module for module in classes if module])
    return None if content is None else {f"code {file}": it for file, it in content.items()}


def reasons(then: Mapping[str, str], now: Origin) -> Iterator[str]:
    """Say what decides a result now and did not when it was built."""
    if now.key is None:
        yield "the code that an export runs can't be read"
        return
    parts = now.parts
    changed = [name for name in parts if name in then and then[name] != parts[name]]
    said = False
    if "file" in changed:
        yield f"it was built from {_short(then['file'], parts['file'])}"
        said = True
    if "overrides" in changed:
        yield f"overrides: {then['overrides'] or 'none'} then, {parts['overrides'] or 'none'} now"
        said = True
    if "spec" in changed and not said:
        yield "the spec changed"
    for name in changed:
        kind, _, what = name.partition(" ")
        if kind in _CHANGED:
            yield _CHANGED[kind](what, then[name], parts[name])
            said = True
    for name in {**then, **parts}:
        kind, _, what = name.partition(" ")
        if kind in ("version", "code") and (name in then) != (name in parts):
            came = "used" if name in parts else "not used any more"
            yield f"{what} changed" if name == _OWN else f"{what} is {came}"
            said = True
    if not said and "spec" not in changed:
        yield "compose builds the spec differently now"


_CHANGED: Mapping[str, Callable[[str, str, str], str]] = {
    "source": lambda what, _then, _now: f"source {what!r} changed",
    "weights": lambda what, _then, _now: f"the weights of source {what!r} changed",
    "layer": lambda what, _then, _now: f"layer {what!r} changed",
    "code": lambda what, _then, _now: f"{what} changed",
    "version": lambda what, then, now: f"{what} {then} wrote it, {now} is installed",
}


def _short(path: str, beside: str) -> str:
    """Return a path as seen from where another one lies, when it is not far from there."""
    folder = Path(beside).parent
    return str(Path(path).relative_to(folder)) if Path(path).is_relative_to(folder) else path
