"""What an importer may use besides the source itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composer.errors import SourceError
from composer.files.keys import key_of
from composer.sources.located import Located
from composer.sources.paths import file_path
from composer.sources.remote.fetching import Fetcher
from composer.sources.watched import Watched
from composer.spec.boundary import Boundary
from composer.spec.model import Source
from composer.store import Store

if TYPE_CHECKING:
    from composer.keras_process.imports import ImportRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Surroundings of an import.

    Attributes:
        store: where imported models are kept.
        fetcher: gives the files of URLs; the whole run has one.
        seed: of the spec, for models with fresh weights.
        may_import: whether Keras may be started; without it only what the store has is found.
        progress: called with lines of progress.
        boundary: what the specs that are sources have to lie in.
        watched: the files that this run reads.
        fetched: the file that the URL of the source being opened gave; None for other sources.
        link_spec: links another spec, given its path and variables, and returns the stored model
            with what is to be told of that spec.
        locked_plugin: returns the package that read a source when it was locked, given its id.
    """

    store: Store
    fetcher: Fetcher
    seed: int
    may_import: bool
    boundary: Boundary
    progress: Callable[[str], None] | None = None
    watched: Watched = field(default_factory=Watched)
    fetched: Path | None = None
    link_spec: Callable[[Path, Mapping[str, Any]], Located] | None = None
    locked_plugin: Callable[[str], str | None] = lambda _source: None

    def file_of(self, source: Source) -> Path:
        """Return the path of a source that is a file: what its URL gave, or what ``from`` says."""
        return self.fetched or file_path(source)

    def imported(self, recipe: ImportRequest) -> Path | None:
        """Return the file that a recipe makes; None where it is not there and may not be made.

        Raises:
            SourceError: the Keras process refused; or it might download something, and this run
                is offline (``offline``).
            BuildError: the import failed for a reason outside of the spec.
            SpecError: a source changed while it was imported.
        """
        from composer.keras_process.imports import find_model, import_model

        # What a function of the user's own does is for that function to know.
        downloads = recipe.downloads is not None and recipe.importer != "py"
        if self.may_import and self.fetcher.offline and downloads:
            digest = find_model(recipe, self.store)
            if digest is None:
                raise SourceError("CMP514.weights-offline", model=recipe.downloads)
            return self.store.object_path(digest)
        if self.may_import:
            recipe = replace(recipe, check=self._unchanged(recipe.check))
            return self.store.object_path(import_model(recipe, self.store, progress=self.progress))
        digest = find_model(recipe, self.store)
        return None if digest is None else self.store.object_path(digest)

    def made(
        self,
        maker: str,
        decides: Mapping[str, Any],
        about: Mapping[str, Any],
        make: Callable[[Path], Path] | None,
    ) -> Path | None:
        """Return a ``.keras`` file that is made once, into the store; None where it may not be.

        Args:
            maker: short name of what makes it.
            decides: plain JSON; all that the result depends on, by content where it is a file.
            about: what to show people who look into the store.
            make: writes the file, given an empty folder, and returns its path; None where it may
                only be found.

        Raises:
            BuildError: the store can't be written.
            SpecError: a source changed meanwhile.
        """
        key = key_of({"importer": maker, **decides}, any_order=True)
        digest = self.store.recipe(key)
        if digest is None and make is not None:
            with self.store.making(key), self.store.scratch() as folder:
                digest = self.store.recipe(key)  # another process may have made it meanwhile
                if digest is None:
                    made = make(folder)
                    self.watched.check()
                    digest = self.store.add(made)
                    self.store.remember_recipe(key, digest, {"importer": maker, **about})
        return None if digest is None else self.store.object_path(digest)

    def _unchanged(self, check: Callable[[Path], None] | None) -> Callable[[Path], None]:
        """Have what was made refused too where it may be of another file than it is kept under."""

        def checked(made: Path) -> None:
            self.watched.check()
            if check is not None:
                check(made)

        return checked
