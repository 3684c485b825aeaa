"""Specs as sources of other specs: each is linked once, into the store."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composer.diagnostics.diagnostic import Diagnostic
from composer.errors import ComposeError, SourceError, SpecError
from composer.resolver.plan import Plan
from composer.spec.model import Spec
from composer.spec.source_text import COMMAND_LINE
from composer.store import Store

if TYPE_CHECKING:
    from composer.sources.located import Located
    from composer.sources.watched import Watched

_MOST_LINKED = 100
_LARGEST_LINKED = 20_000
"""Specs that start twice from the next double the model at each step; nobody means that."""
_BUILD_FIRST = "build a part of them and take the file: from: build/NAME.keras"


@dataclass(slots=True)
class LinkedSpecs:
    """What the specs that a run starts from gave, for the next source that names them."""

    _known: dict[tuple[Path, tuple[str, ...]], Located | ComposeError] = field(default_factory=dict)

    def get(
        self,
        path: Path,
        variables: Mapping[str, Any],
        chain: Sequence[Path],
        link: Callable[[Sequence[str]], Located],
    ) -> Located:
        """Return another spec with values for its variables, linked.

        Args:
            path: of the spec.
            variables: values by name.
            chain: the specs that start from it, the outermost first.
            link: links it with overrides.

        Raises:
            SourceError: the specs lead in a circle (``circle``), there are too many, or ``link``
                raised it.
            SpecError: ``link`` raised it.
            BuildError: ``link`` raised it.
        """
        resolved = path.resolve()
        if resolved in chain:
            ring = [*chain[chain.index(resolved) :], resolved]
            raise SourceError("CMP522.circle", specs=" -> ".join(p.name for p in ring))
        overrides = tuple(f"vars.{name}={json.dumps(value)}" for name, value in variables.items())
        known = self._known.get((resolved, overrides))
        if known is None:
            if len(self._known) >= _MOST_LINKED:
                raise SourceError("CMP116.linked-specs", limit=_MOST_LINKED)
            try:
                known = link(overrides)
            except ComposeError as error:
                # Specs that start twice from the next would meet the same error ever more often.
                known = error
            self._known[resolved, overrides] = known
        if isinstance(known, ComposeError):
            raise known
        return known


def refuse_errors(path: Path, diagnostics: Sequence[Diagnostic]) -> None:
    """Refuse a spec with errors as a source.

    Raises:
        SourceError: the variables that it was given are wrong (``args``).
        SpecError: it has errors of its own.
    """
    errors = [found for found in diagnostics if found.severity == "error"]
    for problem in errors:
        if problem.span is not None and problem.span.file == COMMAND_LINE:
            raise SourceError(
                "CMP505.spec-args", path=path.name, reason=problem.message, key="args"
            )
    if errors:
        raise SpecError(tuple(diagnostics))


def link_into_store(
    plan: Plan | None,
    spec: Spec,
    store: Store,
    *,
    diagnostics: tuple[Diagnostic, ...],
    watched: Watched | None,
    progress: Callable[[str], None] | None,
) -> Located:
    """Link the plan of a spec into the store, unless it is there already.

    Args:
        plan: None, or incomplete, where Keras would have to be asked first and may not: there is
            no path then.
        spec: without errors.
        store: where the model is kept.
        diagnostics: of the spec, to be told of the source.
        watched: the files that were read.
        progress: called with lines of progress.

    Raises:
        SourceError: it holds a program, or is too large.
        SpecError: a source changed meanwhile.
        BuildError: it can't be linked.
    """
    from composer.linker.build import build_plan
    from composer.linker.linker import content_key
    from composer.sources.located import Located
    from composer.sources.remembered import remembered_sha256
    from composer.sources.source_digests import source_states

    name = Path(spec.file).name
    _refuse_programs(name, spec)
    if plan is None or not plan.complete:
        return Located(path=None, diagnostics=diagnostics)
    if len(plan.graph.operations) > _LARGEST_LINKED:
        raise SourceError(
            "CMP116.linked-operations",
            path=name,
            count=len(plan.graph.operations),
            limit=_LARGEST_LINKED,
        )
    states = source_states(plan, spec, store)
    key = content_key(plan, states, lambda file: remembered_sha256(file, store))
    digest = store.recipe(key)
    if digest is None:
        with store.making(key), store.scratch() as folder:
            digest = store.recipe(key)  # another process may have made it while this one waited
            if digest is None:
                assert watched is not None
                with watched.blamed():
                    build_plan(plan, states, folder / "linked.keras", progress=progress)
                    watched.check()
                digest = store.add(folder / "linked.keras")
                store.remember_recipe(key, digest, {"importer": "spec", "name": plan.name})
    return Located(
        path=store.object_path(digest), diagnostics=diagnostics, made_from=plan.source_files
    )


def _refuse_programs(name: str, spec: Spec) -> None:
    from composer.keras_process.programs import program_folder

    for source in spec.sources:
        if source.trust and program_folder(source) is not None:
            raise SourceError(
                "CMP528.linked-program",
                name=name,
                its_source=source.id,
                its_location=source.location,
            )
