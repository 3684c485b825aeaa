"""The words of errors: a file of templates for each code, filled from an error's fields.

``words/CMP502.toml`` holds the messages of ``CMP502``, one table a case::

    [crc]
    says = "{path}: member {member!r} is damaged: CRC {found:08x}, expected {expected:08x}"
    help = "copy or download the file again"

Fields are written as in :meth:`str.format`. Several values in one field are joined by the sign that
the template gives, ``{names:,}`` or ``{problems:;}``; ``{names:,3}`` shows three of them at most.
"""

from __future__ import annotations

import functools
import string
from collections.abc import Iterable, Mapping
from typing import Any

_SUBJECTS = {
    "spec": "{spec}",
    "source": "source {source!r}",
    "location": "{location}",
    "path": "{path}",
    "layer": "layer {layer!r}",
}
"""Fields that go in front of a message that does not name them, from the outside to the inside."""


def message(key: str, fields: Mapping[str, object]) -> str:
    """Return what an error says.

    Args:
        key: its code and case, such as ``CMP502.crc``.
        fields: what the template names, and what the message is about; ``says`` is the template of
            a plug-in, whose codes have no words here.
    """
    template = str(fields.get("says") or _template(key)["says"])
    named = names(template)
    if "location" in fields:
        named |= {"path"}
    front = [
        form
        for name, form in _SUBJECTS.items()
        if fields.get(name) is not None and name not in named
    ]
    return _FILLER.vformat(": ".join([*front, template]), (), fields)


def help_of(key: str, fields: Mapping[str, object]) -> str | None:
    """Return what an error advises; None where there is no general advice."""
    template = None if "says" in fields else _template(key).get("help")
    return None if template is None else _FILLER.vformat(template, (), fields)


def names(template: str) -> frozenset[str]:
    """Return the fields that a template names."""
    return frozenset(name for _, name, _, _ in _FILLER.parse(template) if name)


@functools.cache
def words(code: str) -> Mapping[str, Mapping[str, str]]:
    """Return the templates of ``code`` by case, each with ``says`` and, where it has one, ``help``.

    Raises:
        FileNotFoundError: no error is raised with this code.
    """
    # Imported here: most runs have no error.
    import tomllib
    from importlib import resources

    file = resources.files(__package__).joinpath("words", f"{code}.toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _template(key: str) -> Mapping[str, str]:
    code, _, case = key.partition(".")
    return words(code)[case]


class _Quoted(tuple[object, ...]):
    """Values of which each is quoted."""

    __slots__ = ()


class _Filler(string.Formatter):
    """Fills a template; a field may hold several values."""

    def convert_field(self, value: Any, conversion: Any) -> Any:
        if conversion == "r" and isinstance(value, list | tuple):
            return _Quoted(value)
        return super().convert_field(value, conversion)

    def format_field(self, value: Any, format_spec: str) -> str:
        sign, limit = format_spec[:1], format_spec[1:]
        if sign not in (",", ";") or not isinstance(value, Iterable) or isinstance(value, str):
            return str(super().format_field(value, format_spec))
        shown = [repr(item) if isinstance(value, _Quoted) else str(item) for item in value]
        more = max(0, len(shown) - int(limit)) if limit else 0
        text = f"{sign} ".join(shown[: len(shown) - more])
        return f"{text} (and {more} more)" if more else text


_FILLER = _Filler()
