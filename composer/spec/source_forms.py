"""Which kind of source ``from`` names, and what that tells before anything is opened.

A kind is registered as an entry point of the group ``keras_compose.sources``, whose name says how
``from`` is recognised, so that nothing is loaded for it:

    app               app:REST
    .keras            a file, or a URL of one, that ends like this
    saved_model.pb    a folder that holds a file of this name
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from composer.errors import PluginError
from composer.plugins.entry_points import Registered, find, of_plugins, ours
from composer.spec.locations import is_remote, is_url, local_path, names_file, shown_location
from composer.spec.model import Source

GROUP: Final = "keras_compose.sources"
_PREFIX = re.compile(r"([A-Za-z][\w-]*):(?!//)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceForm:
    """What the text of a spec tells of a source of one kind.

    Attributes:
        title: for messages, such as ``.h5 file``.
        described: what ``from`` names, for an editor, such as ``app:NAME (keras.applications)``.
        arguments: JSON Schema of ``args``, an object; empty where importing checks them, None
            where there are none.
        path_begins: what stands behind ``PREFIX:`` where that is a path of this machine; never,
            if empty.
        is_fetched: whether a URL may lead to it, if it is a file.
        is_spec: whether it is another spec, which is linked first.
        draws_seed: whether fresh weights of it are drawn from a seed.
        runs_code: whether ``PREFIX:package.module:name`` names code that runs.
        asks_keras: whether Keras takes part in its import.
        is_decided_by_text: whether ``from``, ``args`` and the installed versions decide all of it.
        holds_old_layers: whether its layers may be such that no Keras of today takes, which shows
            before Keras starts.
        suggested: ``args`` for a first draft of a spec, as YAML, with words that say what for.
        codes: pages of the kind's own diagnostic codes, Markdown, by the part of the code that
            follows the package's name and a full stop.
    """

    title: str
    described: str
    arguments: Mapping[str, Any] | None = None
    path_begins: tuple[str, ...] = ()
    is_fetched: bool = True
    is_spec: bool = False
    draws_seed: bool = False
    runs_code: bool = False
    asks_keras: bool = True
    is_decided_by_text: bool = False
    holds_old_layers: bool = False
    suggested: tuple[str, str] | None = None
    codes: Mapping[str, str] = field(default_factory=dict)


def entry_of(location: str, directory: Path | None = None) -> Registered | None:
    """Return what is registered for a location; None where no kind knows it.

    Args:
        location: as ``from`` has it.
        directory: what a relative path belongs to, for a look at folders; None judges by the text.

    Raises:
        PluginError: two packages know it.
    """
    own = _prefixed(location) or _ending(location, ours(GROUP))
    if own is not None:
        return own
    plugins = {entry.name: entry for entry in of_plugins(GROUP)}
    ending = _ending(location, plugins)
    if ending is not None:
        return find(GROUP, ending.name)
    if directory is None or is_remote(location):
        return None
    for name in (*ours(GROUP), *plugins):
        if "." in name[1:] and not name.startswith(".") and _holds(directory, location, name):
            return find(GROUP, name)
    return None


def form_of(source: Source) -> SourceForm | None:
    """Return what is known of a source by its kind; None where no kind knows it.

    Raises:
        PluginError: its plug-in is broken.
    """
    entry = entry_of(source.location, source.directory)
    if entry is None:
        return None
    form: SourceForm = entry.load(SourceForm)
    return form if form.is_fetched or not is_remote(source.location) else None


def provider_of(source: Source) -> str | None:
    """Return the package that reads a source, with its version; None for what compose reads."""
    entry = entry_of(source.location, source.directory)
    return None if entry is None else entry.provider


def is_spec(source: Source) -> bool:
    """Tell whether a source is another spec."""
    form = _written(source.location)
    return form is not None and form.is_spec


def runs_code(source: Source) -> bool:
    """Tell whether a source is what a function of the user's own returns."""
    return code_in(source.location) is not None


def code_in(location: str) -> str | None:
    """Return the code that a location names, ``package.module:name``; None where it names none."""
    form = _written(location)
    return None if form is None or not form.runs_code else location.partition(":")[2]


def is_decided_by_text(location: str) -> bool:
    """Tell whether ``from``, ``args`` and the versions of libraries decide all of a source."""
    form = _written(location)
    return form is not None and form.is_decided_by_text


def asks_keras(source: Source) -> bool:
    """Tell whether Keras takes part in the import of a source."""
    form = form_of(source)
    return form is None or form.asks_keras


def holds_old_layers(source: Source) -> bool:
    """Tell whether a source may hold layers that no Keras of today takes."""
    form = form_of(source)
    return form is not None and form.holds_old_layers


def suggested(location: str) -> tuple[str, str] | None:
    """Return arguments for a first draft, and what they are for, in words; None without any."""
    form = _written(location)
    return None if form is None else form.suggested


def draws_seed(source: Source) -> bool:
    """Tell whether weights of a source may be drawn from a seed of the spec's."""
    form = _written(source.location)
    return form is not None and form.draws_seed


def names_local_file(location: str) -> bool:
    """Tell whether a location is the path of one file of a known kind, of a spec too."""
    entry = None if is_remote(location) else entry_of(location)
    return entry is not None and entry.name.startswith(".")


def is_pinned_file(source: Source) -> bool:
    """Tell whether a source is one file of this machine, whose bytes a lock pins."""
    return names_local_file(source.location) and not is_spec(source)


def offered() -> tuple[str, ...]:
    """Return what ``from`` can begin or end with, by the names of all kinds: ``app:``, ``.h5``."""
    names = (*ours(GROUP), *(entry.name for entry in of_plugins(GROUP)))
    return tuple(
        name if name.startswith(".") else f"{name}:"
        for name in dict.fromkeys(names)
        if "." not in name[1:] or name.startswith(".")
    )


def forms_of_plugins() -> Mapping[str, SourceForm]:
    """Return what other packages add, by the names of their entry points, as far as it works."""
    found = {}
    for entry in of_plugins(GROUP):
        with suppress(PluginError):  # told by a spec that uses it
            found[entry.name] = entry.load(SourceForm)
    return found


def path_in(location: str) -> str | None:
    """Return the part of a location that is a path of this machine; None where there is none."""
    if is_remote(location):
        return None
    try:
        entry = _prefixed(location)
        if entry is None:
            return location
        rest = location[len(entry.name) + 1 :]
        form: SourceForm = entry.load(SourceForm)
    except PluginError:  # told where the source is lowered
        return None
    return rest if rest.startswith(form.path_begins) else None


def recorded_location(location: str) -> str:
    """Return a location as a file that is given away shows it: no secret, no folder of a machine.

    What leads there from the spec stays, since it is the same for everybody who has the spec; of
    an absolute path only the last name does.
    """
    entry = _prefixed(location)
    if entry is not None:
        rest = location[len(entry.name) + 1 :]
        return f"{entry.name}:{Path(rest).name}" if rest.startswith(("/", "~")) else location
    absolute = location.startswith(("/", "~")) or (is_url(location) and not is_remote(location))
    return local_path(location).name if absolute else shown_location(location)


def has_prefix(location: str) -> bool:
    """Tell whether a location is of a kind that begins with ``PREFIX:``."""
    return _prefixed(location) is not None


def _written(location: str) -> SourceForm | None:
    """Return what is known of a kind that the text alone names."""
    entry = entry_of(location)
    form: SourceForm | None = None if entry is None else entry.load(SourceForm)
    return form


def _prefixed(location: str) -> Registered | None:
    prefix = None if is_remote(location) else _PREFIX.match(location)
    return None if prefix is None else find(GROUP, prefix[1])


def _ending(location: str, known: Mapping[str, Registered]) -> Registered | None:
    endings = sorted((name for name in known if name.startswith(".")), key=len, reverse=True)
    return next((known[name] for name in endings if names_file(location, name)), None)


def _holds(directory: Path, location: str, name: str) -> bool:
    try:
        return (directory / Path(location).expanduser() / name).is_file()
    except (OSError, ValueError, RuntimeError):  # no path at all
        return False
