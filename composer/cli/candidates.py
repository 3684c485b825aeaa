"""What can stand at a place of the command line: files, keys of specs, sources, layers, codes.

Each function is a ``shell_complete`` of click: it takes the word as far as it is typed. A word that
something may follow without a space ends in one of :data:`OPEN`. Nothing here starts Keras, asks
the network or tells of a mistake: where a file can't be read there are no candidates.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from click import Context, Parameter
from click.shell_completion import CompletionItem

from composer.files.suffixes import KERAS_SUFFIXES, LEGACY_SUFFIXES, SPEC_SUFFIXES

if TYPE_CHECKING:
    from composer.spec.tree import Node

OPEN = ("/", ".", "=", ":")
"""Ends of words that are not yet whole."""
_MODELS = KERAS_SUFFIXES + LEGACY_SUFFIXES
_LOCK = (".lock.json",)

Item = CompletionItem[str]
Complete = Callable[[Context, Parameter, str], list[Item]]
_Words = Callable[[Context, str], Iterable[str | Item]]


def _candidates(words: _Words) -> Complete:
    """Return the words as click wants them: those that go on as the typed one does."""

    @functools.wraps(words)
    def complete(context: Context, _parameter: Parameter, typed: str) -> list[Item]:
        try:
            found = [
                word if isinstance(word, CompletionItem) else CompletionItem(word)
                for word in words(context, typed)
            ]
        except Exception:  # noqa: BLE001 - a key was pressed, no verb was called
            return []
        return [item for item in found if item.value.startswith(typed)]

    return complete


# ---------------------------------------------------------------- files


def _files(typed: str, suffixes: tuple[str, ...]) -> Iterator[str]:
    """Yield folders and files with one of the endings, of the folder that is being typed."""
    folder, _, name = typed.rpartition("/")
    shown = f"{folder}/" if "/" in typed else ""
    with os.scandir(Path(shown).expanduser() if shown else ".") as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.startswith(".") and not name.startswith("."):
                continue
            if entry.is_dir():
                yield f"{shown}{entry.name}/"
            elif entry.name.endswith(suffixes):
                yield shown + entry.name


@_candidates
def specs(_context: Context, typed: str) -> Iterator[str]:
    """Specs and folders of specs."""
    return _files(typed, SPEC_SUFFIXES)


@_candidates
def model_files(_context: Context, typed: str) -> Iterator[str]:
    """Files that Keras wrote."""
    return _files(typed, _MODELS)


@_candidates
def locks(_context: Context, typed: str) -> Iterator[str]:
    """Locks, and the specs beside which they lie."""
    return _files(typed, _LOCK + SPEC_SUFFIXES)


@_candidates
def pages(_context: Context, typed: str) -> Iterator[str]:
    """Pages for a browser and folders."""
    return _files(typed, (".html",))


@_candidates
def any_file(_context: Context, typed: str) -> Iterator[str]:
    """All files and folders."""
    return _files(typed, ("",))


# ---------------------------------------------------------------- specs and overrides


@_candidates
def specs_and_overrides(context: Context, typed: str) -> Iterator[str]:
    """Specs, and behind one of them the keys that an override can change."""
    return _files_and_overrides(context, typed, SPEC_SUFFIXES)


@_candidates
def specs_and_models(context: Context, typed: str) -> Iterator[str]:
    """Specs and model files, and behind a spec the keys that an override can change."""
    return _files_and_overrides(context, typed, SPEC_SUFFIXES + _MODELS)


@_candidates
def compared(context: Context, typed: str) -> Iterator[str]:
    """Specs, model files, locks and plans, and the keys that an override can change."""
    return _files_and_overrides(context, typed, (*SPEC_SUFFIXES, *_MODELS, ".json"))


def _files_and_overrides(context: Context, typed: str, suffixes: tuple[str, ...]) -> Iterator[str]:
    named = _named_specs(context)
    if not named or not _begins_override(typed):
        yield from _files(typed, suffixes)
    for spec in named:
        yield from _overrides(spec, typed)


def _begins_override(typed: str) -> bool:
    return typed.startswith(("+", "~")) or "=" in typed


def _named_specs(context: Context) -> list[str]:
    """Return the specs that stand on the line already."""
    return [word for word in _named_files(context) if word.endswith(SPEC_SUFFIXES)]


def _named_files(context: Context) -> list[str]:
    # What click has parsed is not there behind an option that still lacks its value.
    return [word for word in context.obj if Path(word).is_file()]


def _overrides(spec: str, typed: str) -> Iterator[str]:
    from composer.spec.reading import spec_tree

    root = spec_tree(spec)
    if root is None:
        return
    sign = typed[:1] if typed.startswith(("+", "~")) else ""
    path, equals, value = typed.removeprefix(sign).partition("=")
    words = _values(root, path, value) if equals else _keys(root, path, sign)
    yield from (f"{sign}{word}" for word in words)


def _values(root: Node, path: str, typed: str) -> Iterator[str]:
    """Yield ``path=value`` where the values can be listed: files and booleans."""
    from composer.spec.tree import Scalar, find

    node = find(root, tuple(path.split(".")))
    if path.startswith("sources.") and path.endswith(".from"):
        from composer.spec.source_forms import offered

        known = offered()
        endings = tuple(name for name in known if name.startswith("."))
        prefixes = (name for name in known if name.endswith(":"))
        yield from (f"{path}={word}" for word in (*_files(typed, endings), *prefixes))
    elif isinstance(node, Scalar) and isinstance(node.value, bool):
        yield from (f"{path}={word}" for word in ("true", "false"))


def _keys(root: Node, path: str, sign: str) -> Iterator[str]:
    """Yield the keys beside the last one of ``path``: to set, to add (+) or to delete (~)."""
    from composer.spec.tree import MapNode, find

    *above, _ = path.split(".")
    place = find(root, tuple(above))
    if not isinstance(place, MapNode):
        return
    for key, entry in place.entries.items():
        word = ".".join((*above, key))
        if not _is_plain(key):
            continue
        if sign == "~" and above:
            yield word
        elif isinstance(entry.node, MapNode) and entry.node.entries:
            yield f"{word}."
        elif sign != "+":
            yield f"{word}="
    if sign == "+":
        missing = (key for key in _known_keys(root, above) if key not in place.entries)
        yield from (f"{'.'.join((*above, key))}=" for key in missing)


def _known_keys(root: Node, place: list[str]) -> tuple[str, ...]:
    """Return the keys that a map can have: those of the schema, or of a source's kind."""
    from composer.spec.schema_keys import keys_at
    from composer.spec.source_forms import SourceForm, entry_of
    from composer.spec.tree import Scalar, find

    match place:
        case ["sources", key, "args"]:
            origin = find(root, ("sources", key, "from"))
            entry = entry_of(str(origin.value)) if isinstance(origin, Scalar) else None
            if entry is None or entry.is_ours:
                return ()
            form: SourceForm = entry.load(SourceForm)
            return tuple((form.arguments or {}).get("properties", ()))
    return keys_at(tuple(place))


def _is_plain(key: str) -> bool:
    """Tell whether a key can be written in a path without quotes and brackets."""
    return bool(key) and not any(char in key for char in " .[]\"'=+~")


@_candidates
def source_ids(context: Context, typed: str) -> Iterator[str]:  # noqa: ARG001
    """The sources of the specs on the line."""
    from composer.spec.reading import spec_tree
    from composer.spec.tree import MapNode, child

    for spec in _named_specs(context):
        root = spec_tree(spec)
        sources = child(root, "sources") if root is not None else None
        if isinstance(sources, MapNode):
            yield from sources.entries


# ---------------------------------------------------------------- layers and codes


@_candidates
def layer_names(context: Context, typed: str) -> Iterator[str]:  # noqa: ARG001
    """The layers of the model file or, as they will be named, of the spec on the line."""
    from composer.authoring.inspection import inspect_model
    from composer.workflows.pipeline import prepare

    for file in _named_files(context):
        if file.endswith(_MODELS):
            graph = inspect_model(Path(file)).graph
        else:
            plan = prepare(file, offline=True).plan
            if plan is None:
                continue
            graph = plan.graph
        yield from (operation.name for operation in graph.operations)


@_candidates
def topics(_context: Context, typed: str) -> Iterator[Item]:
    """Diagnostic codes with their titles, in the case in which they are typed; layers of Keras."""
    from composer.diagnostics import codes as register

    for code in register.codes():
        shown = code.lower() if typed[:1].islower() else code
        yield CompletionItem(shown, help=register.page(code).title)
    if typed:
        from composer.signatures.page import topics as layers

        for name in layers():
            yield CompletionItem(name)
