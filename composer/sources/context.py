"""What an importer may use besides the source itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composer.diagnostics.diagnostic import Diagnostic
from composer.store import Store

if TYPE_CHECKING:
    from composer.keras_process.imports import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Surroundings of an import.

    Attributes:
        store: where imported models are kept.
        seed: of the spec, for models with fresh weights.
        may_import: whether Keras may be started; without it only what the store has is found.
        progress: called with lines of progress.
        link_spec: links another spec, given its path and variables, and returns the stored model;
            None where Keras would have to be asked and may not be. The diagnostics are about
            that spec.
    """

    store: Store
    seed: int
    may_import: bool
    progress: Callable[[str], None] | None = None
    link_spec: (
        Callable[[Path, Mapping[str, Any]], tuple[Path | None, tuple[Diagnostic, ...]]] | None
    ) = None

    def imported(self, recipe: Recipe) -> Path | None:
        """Return the file that a recipe makes; None where it is not there and may not be made.

        Raises:
            SourceError: the Keras process refused.
            BuildError: the import failed for a reason outside of the spec.
        """
        from composer.keras_process.imports import find_model, import_model

        if self.may_import:
            return self.store.object_path(import_model(recipe, self.store, progress=self.progress))
        digest = find_model(recipe, self.store)
        return None if digest is None else self.store.object_path(digest)
