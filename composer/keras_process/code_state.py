"""The state of the user's code: what an answer of Keras may depend on besides the question."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from composer.files.keys import key_of
from composer.graphs.code_scan import scan
from composer.graphs.graph import Json
from composer.graphs.keras_names import NO_MODULE, is_function, unknown_texts
from composer.keras_process.code_content import CodeContent, code_content
from composer.keras_process.code_search import ModuleSearch
from composer.keras_process.programs import MODULE as PROGRAM_MODULE
from composer.keras_process.user_code import UserCode
from composer.resolver.facts import Question

_REGISTERED = re.compile(r"[\w.]+>[\w.]+")
"""How Keras names a registered custom object: ``package>name``."""
_UNNAMED = ""
"""Stands for a module of which a config says only that there is one."""


class CodeState:
    """The files and versions that the modules of a spec consist of now, read once.

    Args:
        code: where modules are looked for, and those that the spec names.
    """

    def __init__(self, code: UserCode) -> None:
        self._named = tuple(
            dict.fromkeys((*code.modules, *(name.partition(":")[0] for name in code.objects)))
        )
        self._objects = code.objects
        self._trusted = frozenset(code.trusted)
        self._search = ModuleSearch(*code.first, last=code.last)
        self._known: dict[str, CodeContent | None] = {}

    def content(self, modules: Sequence[str] = ()) -> Mapping[str, str] | None:
        """Return digests by file and versions by package: of what the spec names, and of more.

        Args:
            modules: that are imported besides.

        Returns:
            None where one of them can't be found or read.
        """
        found: dict[str, str] = {}
        for module in dict.fromkeys((*self._named, *modules)):
            content = self._content(module)
            if content is None:
                return None
            found.update(content.digests)
            found.update(content.distributions)
        return found

    def key(self, question: Question) -> str | None:
        """Return by what the code is known that an answer depends on.

        That is the code itself, and which of it the spec names, since Keras finds nothing else;
        and for a layer that carries code whether the spec trusts its source.

        Returns:
            Nothing, which is "", where it depends on none; None where that can't be told.
        """
        modules = tuple(dict.fromkeys(_modules(question)))
        source = question.id.partition(":")[0] if question.kind == "infer" else None
        trusted = source in self._trusted and bool(scan(question.layer))
        if not modules:
            return "trusted" if trusted else ""
        named = tuple(module for module in modules if module != _UNNAMED)
        if not (named or self._named):
            return None
        content = self.content(named)
        if content is None:
            return None
        return key_of([content, self._named, self._objects, trusted], any_order=True)

    def places(self, questions: Sequence[Question]) -> tuple[Path, ...]:
        """Return the user's folders and files that are read for these questions."""
        modules = (module for question in questions for module in _modules(question))
        contents = [self._content(m) for m in dict.fromkeys((*self._named, *modules)) if m]
        return tuple(
            dict.fromkeys(
                place for found in contents if found is not None for place in found.places
            )
        )

    def _content(self, module: str) -> CodeContent | None:
        if module not in self._known:
            try:
                found = code_content(module, self._search)
            except OSError:
                found = None
            told = found is not None and (found.digests or found.distributions)
            self._known[module] = found if told else None
        return self._known[module]


def needs_code(question: Question) -> bool:
    """Tell whether the answer to a question may depend on code outside of Keras."""
    return any(True for _ in _modules(question))


def _modules(question: Question) -> Iterator[str]:
    """Yield the modules outside of Keras that the answer to a question may depend on."""
    if question.kind == "make" and ":" in str(question.layer.get("class")):
        yield str(question.layer["class"]).rpartition(":")[0]
    yield from _in_config(dict(question.layer))


def _names_unknown(entry: Mapping[str, Json]) -> bool:
    """Tell whether an object names, without a module, what Keras does not have."""
    name = entry.get("config")
    if entry.get("class_name") == "function" and isinstance(name, str):
        module = entry.get("module")
        return module in (None, NO_MODULE) and not is_function(name, NO_MODULE)
    return any(True for _ in unknown_texts(entry))


def _in_config(value: Json) -> Iterator[str]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _in_config(item)
    elif isinstance(value, Mapping):
        module = value.get("module")
        if module == PROGRAM_MODULE:
            return  # its config holds the digest of all that it runs
        if _names_unknown(value):
            yield _UNNAMED
        if isinstance(module, str) and module.split(".")[0] not in {"keras", "builtins"}:
            yield module
        for item in value.values():
            yield from _in_config(item)
    elif isinstance(value, str) and _REGISTERED.fullmatch(value):
        yield _UNNAMED
