"""What an importer may use besides the source itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from composer.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Surroundings of an import.

    Attributes:
        store: where imported models are kept.
        seed: of the spec, for models with fresh weights.
        may_import: whether Keras may be started; without it only what the store has is found.
        progress: called with lines of progress.
    """

    store: Store
    seed: int
    may_import: bool
    progress: Callable[[str], None] | None = None
