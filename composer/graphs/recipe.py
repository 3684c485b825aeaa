"""The recipe that a linked ``.keras`` file carries: where each of its layers comes from.

It stands in ``metadata.json`` under a key of its own, which Keras ignores. Anyone may have written
what is read here, so that whatever is not of the right form counts as not said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from composer.graphs.graph import Json

FORMAT = 1
_DEPTH = 32
"""Models linked from linked ones, as deep as this; below, a recipe is not read."""
_LONGEST = 4096
"""Characters of an entry; a longer one is no name, place or digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeSource:
    """A source, as the file that was linked from it names it.

    Attributes:
        location: what ``from`` says, without secrets and without folders of the machine.
        sha256: of the file that ``from`` names, where the spec gives it.
        content: digest of the model's config and tensors, whatever library wrote its file.
        revision: what the server of a URL calls this state of the file.
        license: SPDX id that the spec gives.
        weights: the file that took the place of the source's own weights.
        weights_sha256: of that file.
        made_of: the source's own recipe, where it was linked itself.
    """

    location: str
    sha256: str | None = None
    content: str | None = None
    revision: str | None = None
    license: str | None = None
    weights: str | None = None
    weights_sha256: str | None = None
    made_of: Recipe | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a model was linked from.

    Attributes:
        name: of the model.
        seed: of its new layers; None where the file does not say.
        sources: by id.
        origins: for each name of an operation ``source:original``, or the id of a new layer or
            input.
    """

    name: str
    seed: int | None = None
    sources: Mapping[str, RecipeSource] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)

    def lineage(self, name: str) -> tuple[str, ...]:
        """Return where an operation comes from, and where that source has it from in turn."""
        origin = self.origins.get(name)
        if origin is None:
            # A part of a nested model, which flattening took out.
            outer, slash, inside = name.partition("/")
            model = self.origins.get(outer, "") if slash else ""
            if ":" not in model:
                return ()
            origin = f"{model}/{inside}"
        source, colon, layer = origin.partition(":")
        about = self.sources.get(source) if colon else None
        if about is None or about.made_of is None:
            return (origin,)
        return (origin, *about.made_of.lineage(layer))

    def every_source(self) -> Iterator[tuple[tuple[str, ...], RecipeSource]]:
        """Yield all sources, those of sources behind each, with the ids that lead to them."""
        for source, about in self.sources.items():
            yield (source,), about
            if about.made_of is not None:
                for path, inner in about.made_of.every_source():
                    yield (source, *path), inner

    def only(self, layers: frozenset[str]) -> Recipe:
        """Return the recipe of a model of which these operations are left.

        A path such as ``outer/inner`` stands for the operation ``outer``, whose part it was.
        """
        whole = layers | {layer.partition("/")[0] for layer in layers}
        origins = {name: origin for name, origin in self.origins.items() if name in whole}
        used: dict[str, set[str]] = {}
        for origin in origins.values():
            source, colon, layer = origin.partition(":")
            if colon:
                used.setdefault(source, set()).add(layer)
        sources = {
            key: about
            if about.made_of is None
            else replace(about, made_of=about.made_of.only(frozenset(used[key])))
            for key, about in self.sources.items()
            if key in used
        }
        return replace(self, sources=sources, origins=origins)


def recipe_document(recipe: Recipe) -> dict[str, Json]:
    """Return a recipe as it stands in a file."""
    document: dict[str, Json] = {"format": FORMAT, "name": recipe.name}
    if recipe.seed is not None:
        document["seed"] = recipe.seed
    document["sources"] = {key: _source(about) for key, about in recipe.sources.items()}
    document["origins"] = dict(recipe.origins)
    return document


def read_recipe(data: Json) -> Recipe | None:
    """Return the recipe of a file, None where it has none."""
    return _recipe(data, _DEPTH)


def _source(about: RecipeSource) -> dict[str, Json]:
    given = {
        "from": about.location,
        "sha256": about.sha256,
        "content": about.content,
        "revision": about.revision,
        "license": about.license,
        "weights": about.weights,
        "weights_sha256": about.weights_sha256,
        "linked": recipe_document(about.made_of) if about.made_of is not None else None,
    }
    return {key: value for key, value in given.items() if value is not None}


def _recipe(data: Json, depth: int) -> Recipe | None:
    if not isinstance(data, Mapping) or not depth:
        return None
    seed = data.get("seed")
    sources = data.get("sources")
    origins = data.get("origins")
    if not isinstance(sources, Mapping) or not isinstance(origins, Mapping):
        return None
    return Recipe(
        name=_text(data.get("name")) or "",
        seed=seed if isinstance(seed, int) and not isinstance(seed, bool) else None,
        sources={
            key: _read_source(about, depth)
            for key, about in sources.items()
            if _text(key) and isinstance(about, Mapping)
        },
        origins={name: origin for name, origin in origins.items() if _text(name) and _text(origin)},
    )


def _read_source(about: Mapping[str, Json], depth: int) -> RecipeSource:
    return RecipeSource(
        location=_text(about.get("from")) or "",
        sha256=_text(about.get("sha256")),
        content=_text(about.get("content")),
        revision=_text(about.get("revision")),
        license=_text(about.get("license")),
        weights=_text(about.get("weights")),
        weights_sha256=_text(about.get("weights_sha256")),
        made_of=_recipe(about.get("linked"), depth - 1),
    )


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) and len(value) <= _LONGEST else None
