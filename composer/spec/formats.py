"""The names and extensions of the formats that a model can be written in, and paths with them.

A format registers as one word, ``NAME.EXTENSION`` (``weights.weights.h5``), so that a spec is read
without loading any of them; :mod:`composer.outputs.registry` has the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os.path import normpath
from pathlib import Path
from typing import Any, Final

from composer.errors import PluginError
from composer.plugins.entry_points import Registered, of_plugins, ours


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatForm:
    """What the text of a spec, and who asks about it, needs to know of a format.

    Attributes:
        title: what it is, in a few words.
        options: JSON Schema of ``output.options.NAME``, an object; None where there are none.
        codes: pages of the format's own diagnostic codes, Markdown, by the part of the code that
            follows the package's name and a full stop.
    """

    title: str
    options: Mapping[str, Any] | None = None
    codes: Mapping[str, str] = field(default_factory=dict)


GROUP: Final = "keras_compose.formats"
DEFAULT: Final = "keras"
BARE_FOLDER: Final = "saved_model"
"""The format of a folder whose name has no extension, as in ``serving/model/1/``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedFormat:
    """A format as far as a spec is concerned.

    Attributes:
        name: as ``output.format`` says it.
        suffix: that its names end in.
        registered: where the rest of it is found.
    """

    name: str
    suffix: str
    registered: Registered


def known_formats() -> Mapping[str, NamedFormat]:
    """Return all formats by name: the default first, then ours, then those of plug-ins."""
    found: dict[str, NamedFormat] = {}
    for form in (*_own(), *_of_plugins()):
        found.setdefault(form.name, form)
    return found


def formats_beyond_ours(output: Any) -> tuple[str, ...]:
    """Return the formats of plug-ins, where ``output`` of a spec names one that is not ours.

    Args:
        output: as plain data, which no schema has seen.
    """
    if not isinstance(output, Mapping):
        return ()
    said = output.get("format", ())
    options = output.get("options", ())
    names = [*(said if isinstance(said, list) else [said]), *(options or ())]
    own = {form.name for form in _own()}
    if all(name in own for name in names if isinstance(name, str)):
        return ()
    return tuple(name for name in known_formats() if name not in own)


def format_named(name: str) -> NamedFormat:
    """Return the format of a name that is known; ours win.

    Raises:
        PluginError: two plug-ins bring it.
    """
    own = next((form for form in _own() if form.name == name), None)
    return own or _only([form for form in _of_plugins() if form.name == name])


def format_of(path: str) -> NamedFormat | None:
    """Return the format that a path's extension stands for, ours first; None where it says nothing.

    Args:
        path: as it was written: ``build/model/`` is a folder, which only a SavedModel is.

    Raises:
        PluginError: two plug-ins have this extension.
    """
    if path.endswith("/"):
        return format_named(BARE_FOLDER)
    name = Path(path).name[1:]  # a name that is all extension, such as ``.keras``, has none
    for formats in (_own, _of_plugins):
        fitting = [form for form in formats() if form.suffix and name.endswith(form.suffix)]
        longest = max((len(form.suffix) for form in fitting), default=0)
        if fitting:  # ``.weights.h5`` is no ``.h5``
            return _only([form for form in fitting if len(form.suffix) == longest])
    return None


def _own() -> list[NamedFormat]:
    own = [_named(entry) for entry in ours(GROUP).values()]
    return sorted(own, key=lambda form: (form.name != DEFAULT, form.name))


def _of_plugins() -> list[NamedFormat]:
    return [_named(entry) for entry in of_plugins(GROUP)]


def _named(entry: Registered) -> NamedFormat:
    name, dot, extension = entry.name.partition(".")
    return NamedFormat(name=name, suffix=dot + extension, registered=entry)


def _only(fitting: Sequence[NamedFormat]) -> NamedFormat:
    if len(fitting) > 1:
        raise PluginError(
            "CMP560.format-twice",
            packages=[form.registered.package for form in fitting],
            name=fitting[0].name,
            suffix=fitting[0].suffix,
        )
    return fitting[0]


def stem(name: str) -> str:
    """Return the name of a result without the extension of its format."""
    known = format_of(name)
    return name.removesuffix(known.suffix) if known is not None else name


def suffix_of(name: str) -> str:
    """Return what the names of a format end in."""
    return format_named(name).suffix


def beside(path: Path, format_name: str) -> Path:
    """Return ``path`` with the extension of a format instead of the one it may have."""
    return path.with_name(stem(path.name) + suffix_of(format_name))


def overlap(one: Path, other: Path) -> bool:
    """Tell whether two paths name one place, or one lies inside the other."""
    first, second = (Path(normpath(path.absolute())).parts for path in (one, other))
    return first[: len(second)] == second or second[: len(first)] == first


def endings() -> str:
    """Return all extensions with their formats, for messages."""
    return ", ".join(f"{form.suffix} ({form.name})" for form in known_formats().values())
