"""The way from a spec to its plan, as functions of a program: what the command line calls.

Each function returns a value or raises one of ``composer.errors``; none of them prints.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from composer.diagnostics.diagnostic import Diagnostic, Severity
from composer.errors import BuildError, SpecError
from composer.outputs.chosen import Output, destinations_of
from composer.resolver.plan import Plan
from composer.resolver.resolve import refused_layers
from composer.resolver.unchecked import NOTHING, Unchecked
from composer.spec import read_spec
from composer.spec.boundary import Boundary, boundary_of
from composer.spec.covered import covered
from composer.spec.model import Pin, Spec
from composer.spec.source_forms import holds_old_layers
from composer.store import Store, default_store
from composer.workflows.linked_specs import LinkedSpecs, link_into_store, refuse_errors

if TYPE_CHECKING:
    from composer.sources.located import Located
    from composer.sources.remote.fetching import Fetcher
    from composer.sources.watched import Watched

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """How far a spec could be taken.

    Attributes:
        spec: None when the text alone is too broken to go on.
        plan: None when there are errors or sources that wait for Keras.
        deferred: what only Keras can tell and was not asked, in words.
        unchecked: the same, by what it leaves open.
        diagnostics: errors and warnings of all stages that could run.
        remarks: what is no problem and worth saying: what was fetched, and what was not.
        store: that it was prepared with; None where nothing was opened.
        watched: the files that were read; None where nothing was opened.
    """

    spec: Spec | None
    plan: Plan | None
    deferred: tuple[str, ...] = ()
    unchecked: Unchecked = NOTHING
    diagnostics: tuple[Diagnostic, ...] = ()
    remarks: tuple[str, ...] = ()
    store: Store | None = None
    watched: Watched | None = field(default=None, repr=False, compare=False)

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that stop a build."""
        return tuple(d for d in self.diagnostics if d.severity == "error")


def prepare(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    deep: bool = False,
    offline: bool = False,
    output: Output = None,
    building: bool = False,
    pins: Mapping[str, Pin] = MappingProxyType({}),
    store: Store | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Take a spec as far as its problems allow, and report all of them.

    Args:
        path: of the spec.
        overrides: such as ``vars.classes=5``.
        deep: whether Keras may be started, to import sources and to answer questions. Without
            it, only what the store remembers is used and the rest is deferred.
        offline: whether nothing may be asked of the network; COMPOSE_OFFLINE in the environment
            says the same.
        output: where the result goes instead of where the spec says, as for a build.
        building: whether a format whose packages are not installed is an error, found before
            anything else is done, and not a warning.
        store: None is the user's own.
        pins: by source id what a lock holds of what its URL gave.
        progress: called with lines of progress.

    Raises:
        UsageError: the spec can't be read, or the ending of ``output`` stands for no format.
        BuildError: an import or the Keras process failed for a reason outside of the spec.
    """
    boundary = boundary_of(Path(path).parent)
    run = _Run(store or default_store(), progress, deep, offline or _is_offline(), boundary)
    spec, diagnostics = read_spec(path, overrides)
    if spec is None:
        return Prepared(spec=None, plan=None, diagnostics=covered(diagnostics))
    pinned = tuple(replace(source, pin=pins.get(source.id)) for source in spec.sources)
    spec = replace(spec, sources=pinned)
    prepared = Prepared(spec=spec, plan=None, diagnostics=covered(diagnostics, spec))
    return _fit_to_go(
        prepared, output, building=building, go_on=lambda: _judged(prepared, path, run)
    )


def prepare_spec(
    spec: Spec,
    *,
    deep: bool = False,
    offline: bool = False,
    output: Output = None,
    building: bool = False,
    store: Store | None = None,
    progress: Progress | None = None,
    boundary: Boundary | None = None,
) -> Prepared:
    """Do what :func:`prepare` does, for a spec that was read already.

    Specs that are its sources have to lie in ``boundary``; None is what belongs to its folder.
    """
    boundary = boundary or boundary_of(Path(spec.file).parent)
    run = _Run(store or default_store(), progress, deep, offline or _is_offline(), boundary)
    return _fit_to_go(
        Prepared(spec=spec, plan=None),
        output,
        building=building,
        go_on=lambda: _prepare_spec(spec, run),
    )


def _is_offline() -> bool:
    return os.environ.get("COMPOSE_OFFLINE", "").lower() not in ("", "0", "false", "no")


def _fit_to_go(
    prepared: Prepared, output: Output, *, building: bool, go_on: Callable[[], Prepared]
) -> Prepared:
    """Prepare a spec, and report with it what keeps it from where it shall go."""
    from composer.outputs.fitness import taken, unfit, unwritable
    from composer.outputs.surroundings import strange_places

    spec = prepared.spec
    assert spec is not None
    destinations = destinations_of(spec, output)
    severity: Severity = "error" if building else "warning"
    missing = covered(unwritable(spec, destinations, severity=severity), spec)
    if any(item.severity == "error" for item in missing):
        return replace(prepared, diagnostics=(*prepared.diagnostics, *missing))
    strange = covered(strange_places(spec, destinations), spec)
    if any(item.severity == "error" for item in strange):
        return replace(prepared, diagnostics=(*prepared.diagnostics, *missing, *strange))
    found = go_on()
    late: tuple[Diagnostic, ...] = ()
    if found.plan is not None:
        late = (
            *unfit(spec, found.plan, destinations),
            *taken(spec, found.plan, destinations),
        )
    # A place that a build refuses anyway is told once.
    told = {item.path for item in late}
    strange = tuple(item for item in strange if item.path not in told)
    return replace(
        found, diagnostics=(*found.diagnostics, *missing, *strange, *covered(late, spec))
    )


@dataclass(frozen=True, slots=True)
class _Run:
    """What a spec and the specs that it starts from have in common.

    Attributes:
        boundary: what all of them have to lie in.
        chain: the specs that are being prepared, the outermost first.
        linked: the specs that were linked on the way.
        fetcher: of the outermost, once it opens its sources.
        watched: the files that all of them read, once the outermost opens its sources.
    """

    store: Store
    progress: Progress | None
    deep: bool
    offline: bool
    boundary: Boundary
    chain: tuple[Path, ...] = ()
    linked: LinkedSpecs = field(default_factory=LinkedSpecs)
    fetcher: Fetcher | None = None
    watched: Watched | None = None


def _linked(path: Path, overrides: Sequence[str], run: _Run) -> Located:
    """Take another spec to its plan and link it; it is not where the spec itself would write."""
    spec, diagnostics = read_spec(path, overrides, boundary=run.boundary)
    read = Prepared(spec=spec, plan=None, diagnostics=covered(diagnostics, spec))
    prepared = _judged(read, path, run)
    refuse_errors(path, prepared.diagnostics)
    assert prepared.spec is not None
    return link_into_store(
        prepared.plan,
        prepared.spec,
        run.store,
        diagnostics=prepared.diagnostics,
        watched=prepared.watched,
        progress=run.progress,
    )


def _judged(read: Prepared, path: str | Path, run: _Run) -> Prepared:
    """Take a spec that was read from ``path`` further."""
    if read.spec is None:
        return read
    chain = (*run.chain, Path(path).resolve())
    prepared = _prepare_spec(read.spec, replace(run, chain=chain))
    return replace(
        prepared,
        plan=None if read.errors else prepared.plan,
        diagnostics=(*read.diagnostics, *without_consequences(read, prepared)),
    )


def without_consequences(read: Prepared, prepared: Prepared) -> tuple[Diagnostic, ...]:
    """Return the problems of a spec without those that come of what could not be read of it.

    A model puts nothing out (CMP416) for want of the very sources or outputs that are broken.
    """
    found = prepared.diagnostics
    return tuple(item for item in found if item.code != "CMP416") if read.errors else tuple(found)


def _prepare_spec(spec: Spec, run: _Run) -> Prepared:
    # Imported here: reading model files needs h5py, which a spec with mistakes does not.
    from composer.keras_process.new_classes import more_than_data, unknown_classes
    from composer.sources.context import Context
    from composer.sources.open_sources import open_sources
    from composer.sources.remote.fetching import Fetcher
    from composer.sources.watched import Watched
    from composer.workflows.answering import in_words, resolved

    fetcher = run.fetcher or Fetcher(store=run.store, offline=run.offline, progress=run.progress)
    watched = run.watched or Watched()
    run = replace(run, fetcher=fetcher, watched=watched)
    store, deep, progress = run.store, run.deep, run.progress
    context = Context(
        store=store,
        fetcher=fetcher,
        seed=spec.seed,
        may_import=deep,
        boundary=run.boundary,
        progress=progress,
        watched=watched,
        link_spec=lambda path, variables: run.linked.get(
            path, variables, run.chain, lambda overrides: _linked(path, overrides, run)
        ),
        locked_plugin=lambda source: _locked_plugin(spec, source),
    )
    with watched.blamed():
        # What a spec keeps of old files may be refused, which shows before Keras makes any of them.
        first = replace(context, may_import=deep and not any(map(holds_old_layers, spec.sources)))
        opened = open_sources(spec, first)
        early = refused_layers(spec, {**opened.files, **opened.drafts}) if opened.drafts else ()
        if early:
            run = replace(run, deep=False)
            deep = False
        elif opened.deferred and context.may_import and not first.may_import:
            opened = open_sources(spec, context)
    unknown = (*unknown_classes(spec), *more_than_data(spec, run.boundary))
    may_ask = deep and not unknown
    resolution = resolved(spec, opened, store, may_ask=may_ask, progress=progress)
    deferred = [f"source {source!r} must first be imported by Keras" for source in opened.deferred]
    if resolution.plan is not None:
        deferred.extend(in_words(question, spec) for question in resolution.questions)
    changed = watched.changes()
    found = (*opened.diagnostics, *unknown, *early, *resolution.diagnostics)
    return Prepared(
        spec=spec,
        plan=None if unknown or changed else resolution.plan,
        deferred=tuple(deferred),
        unchecked=replace(resolution.unchecked, imports=tuple(opened.deferred)),
        diagnostics=covered(tuple(dict.fromkeys((*found, *changed))), spec),
        remarks=tuple(fetcher.remarks),
        store=store,
        watched=watched,
    )


def plan_spec(prepared: Prepared) -> Plan:
    """Return the plan of what was prepared.

    Raises:
        SpecError: there are errors.
        BuildError: sources wait for an import.
    """
    if prepared.errors:
        raise SpecError(prepared.diagnostics)
    if prepared.plan is None:
        raise BuildError("CMP710.waits", layers=prepared.deferred)
    return prepared.plan


def _locked_plugin(spec: Spec, source: str) -> str | None:
    # Imported here: only a source that nothing here can read is looked up in the lock.
    from composer.record.lock_file import locked_plugin

    return locked_plugin(spec.file, source)
