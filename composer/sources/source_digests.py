"""Takes the digests of a plan's sources, which a build needs and a plan alone does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from composer.errors import BuildError
from composer.resolver.plan import Plan, SourceState
from composer.sources.damage import damage_told
from composer.sources.remembered import remembered_content, remembered_sound_sha256
from composer.spec.model import Spec
from composer.store import Store

_THREADS = 2

Digest = Callable[[], str]


def source_states(plan: Plan, spec: Spec, store: Store) -> Mapping[str, SourceState]:
    """Return the digests of a plan's sources by id, from the store where they are known.

    Args:
        plan: of ``spec``.
        spec: tells which sources take their weights from another file.
        store: remembers digests of files that are left alone.

    Raises:
        SpecError: a source is damaged (``CMP502``).
        BuildError: one can't be read.
    """
    try:
        return _states(plan, spec, store)
    except OSError as error:
        raise BuildError(
            "CMP713.unreadable", path=error.filename or "the current folder", reason=error.strerror
        ) from error


def _states(plan: Plan, spec: Spec, store: Store) -> dict[str, SourceState]:
    with ThreadPoolExecutor(_THREADS) as pool:

        def taken(digest: Callable[[Path, Store], str], path: Path) -> Digest:
            return pool.submit(digest, path, store).result

        found = {source.id: _asked(plan, spec, source.id, taken) for source in plan.sources}
        return {
            key: SourceState(
                content=_sound(content, spec, key, "from"),
                weights=_sound(weights, spec, key, "weights") if weights is not None else None,
            )
            for key, (content, weights) in found.items()
        }


def _asked(
    plan: Plan, spec: Spec, key: str, taken: Callable[[Callable[[Path, Store], str], Path], Digest]
) -> tuple[Digest, Digest | None]:
    """Begin the digests of one source: of its content, and its file of weights."""
    source = next(item for item in spec.sources if item.id == key)
    file = plan.files[key]
    content = taken(remembered_content, file.path)
    weights = taken(remembered_sound_sha256, file.made_from[0]) if source.weights else None
    return content, weights


def _sound(digest: Digest, spec: Spec, key: str, named: str) -> str:
    with damage_told(spec, key, named):
        return digest()
