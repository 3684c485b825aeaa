"""Finds what a config would make Keras run, import or open: code in it, names of code, paths.

The one scan that every source goes through, whatever kind of file it came from. A config is only
looked at. What Keras takes by name has to be on a list of what a model is made of, since a module
of Keras holds tools as well, which fetch files or switch safety off.
"""

from __future__ import annotations

import builtins
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from composer.graphs.foreign import FOUND_BY_KERAS
from composer.graphs.graph import Json
from composer.graphs.keras_names import is_function, text_kind, unknown_texts

Kind = Literal["code", "name", "forbidden"]

_LAMBDA: Final = "__lambda__"
_TYPE: Final = "__typespec__"
_DATA: Final = frozenset(
    {"__bytes__", "__ellipsis__", "__keras_tensor__", "__numpy__", "__slice__", "__tensor__"}
)
"""Values that ``serialize_keras_object`` spells as objects; Keras makes plain values of them."""
_KERAS_HUB: Final = "keras_hub>"
"""Before the names of functions that KerasHub registers, such as ``gelu_approximate``."""
_CODE_CLASSES: Final = {
    "FlaxLayer": "holds functions of a JAX program",
    "JaxLayer": "holds functions of a JAX program",
    "TorchModuleWrapper": "holds a pickled PyTorch module",
}
_ELSEWHERE: Final = "TFSMLayer"
_PROGRAM: Final = ("composer.keras_process.tasks.saved_program", "SavedProgram")
"""Module and class of the layer as which a SavedModel folder goes in."""
_PARTS: Final = frozenset(
    {
        "activations", "constraints", "dtype_policies", "initializers", "layers", "losses",
        "metrics", "mixed_precision", "models", "ops", "optimizers", "quantizers", "random",
        "regularizers",
    }
)  # fmt: skip
"""Packages of Keras whose classes are parts of a model, not tools that read or fetch files."""
_OF_APPLICATIONS: Final = frozenset({"CustomScaleLayer", "LayerScale", "StochasticDepth"})
"""Layers that keras.applications defines for itself, beside functions that fetch files."""
_FUNCTIONS: Final = frozenset(
    {"activations", "constraints", "initializers", "losses", "metrics", "ops", "regularizers"}
)
"""Packages of Keras whose functions compute and do nothing else."""
_MAKERS: Final = frozenset({"deserialize", "get", "serialize"})
"""Functions of the same packages that make objects of whatever they are given."""
_HARMLESS: Final = frozenset({"abs", "all", "any", "divmod", "max", "min", "round", "sum"})
"""Functions of Python that ``keras.ops`` has under the same names; a config tells them not apart,
since Keras writes ``builtins`` as the module of its own functions."""
FILE_ARGUMENTS: Final = frozenset({"filepath", "idf_weights", "merges", "proto", "vocabulary"})
"""Arguments of layers of Keras and KerasHub that name a file where they are text."""
_POLICIES: Final = frozenset({"DTypePolicy", "DTypePolicyMap", "Policy"})
_DOTTED: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_NAME: Final = re.compile(r"([\w .-]+>)?[^\W\d]\w*(\.[^\W\d]\w*)*")
"""A class or function, in old files behind the package that it is registered in."""
_LONGEST: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something in a config that is more than data.

    Attributes:
        layer: full name of the layer that holds it, after the names of the models around it.
        class_name: of that layer.
        kind: ``code`` that the file carries; the ``name`` of a function elsewhere, which Keras
            would look up; or what is ``forbidden`` whoever is trusted.
        what: the rest of a sentence that begins with the layer.
        target: ``module:name`` of what a ``name`` leads to; ``:name`` where no module is given.
    """

    layer: str
    class_name: str
    kind: Kind
    what: str
    target: str = ""

    def __str__(self) -> str:
        return f"layer {self.layer!r} ({self.class_name}) {self.what}"


def scan(entry: Mapping[str, Json], layer: str = "", class_name: str = "") -> tuple[Finding, ...]:
    """Return what is more than data in a serialised model, layer or part of one, each once.

    ``compile_config`` is passed over: no part of it goes into an artifact or to Keras.

    Args:
        entry: with ``class_name`` and ``config`` where it is an object.
        layer: full name of the layer that ``entry`` belongs to; empty for a whole model, whose
            own name is no part of the names of its layers.
        class_name: of that layer, where ``entry`` is only a part of it.
    """
    return tuple(dict.fromkeys(_scan(entry, layer, class_name)))


def _scan(entry: Json, layer: str, class_name: str) -> Iterator[Finding]:
    # A stack and no recursion: how deep a config nests is up to who wrote it.
    stack: list[tuple[Json, str, str, bool]] = [(entry, layer, class_name, True)]
    while stack:
        value, where, owner, outermost = stack.pop()
        if isinstance(value, list | tuple):
            stack.extend((item, where, owner, False) for item in reversed(value))
            continue
        if not isinstance(value, Mapping):
            continue
        is_object = "class_name" in value
        if is_object:
            where, owner = _place(value, where, owner, outermost=outermost)
            for kind, what, target in _judged(value):
                yield Finding(
                    layer=where or "the model",
                    class_name=_shown(owner),
                    kind=kind,
                    what=what,
                    target=target,
                )
        below = [
            (item, where, owner, False)
            for key, item in value.items()
            if not (is_object and key == "compile_config")
        ]
        stack.extend(reversed(below))


def _place(
    entry: Mapping[str, Json], layer: str, owner: str, *, outermost: bool
) -> tuple[str, str]:
    """Return the full name and the class of the layer that an object is, or belongs to."""
    class_name = entry["class_name"]
    if outermost:
        return layer, str(class_name)
    config = entry.get("config")
    name = config.get("name") if isinstance(config, Mapping) else None
    if not isinstance(name, str) or str(class_name) in _POLICIES:
        return layer, owner
    return (f"{layer}/{name}" if layer else name), str(class_name)


_Judgement = tuple[Kind, str, str]


def _judged(entry: Mapping[str, Json]) -> Iterator[_Judgement]:
    class_name = entry["class_name"]
    if not isinstance(class_name, str):
        yield "forbidden", f"names {_shown(class_name)} as a class, which is no name", ""
        return
    if class_name in _DATA:
        return
    if class_name == _LAMBDA:
        yield "code", "carries Python code as bytes", ""
        return
    module, registered = entry.get("module"), entry.get("registered_name")
    for what, text in (("module", module), ("registered name", registered)):
        if text is not None and not isinstance(text, str):
            yield "forbidden", f"has {_shown(text)} as a {what}, which is no name", ""
            return
    if isinstance(module, str) and not _DOTTED.fullmatch(module):
        yield "forbidden", f"names the module {_shown(module)}, which no module is called", ""
        return
    if class_name == "function":
        yield from _judged_function(entry.get("config"), module)
        return
    if class_name == _TYPE:
        class_name = str(entry.get("spec_name"))
    yield from _judged_class(class_name, module, entry.get("config"))


def _judged_function(name: Json, module: str | None) -> Iterator[_Judgement]:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield "forbidden", f"names the function {_shown(name)}, which no function is called", ""
        return
    if module is None or module == "builtins":
        # Looked for among functions of Keras and registered ones; of Python's own none is either.
        if hasattr(builtins, name) and name not in _HARMLESS:
            yield "forbidden", f"names the function {name} of Python itself", ""
        elif name.startswith(_KERAS_HUB):
            return  # found where KerasHub is, as are the classes of its layers
        elif module is None or not is_function(name, module):
            yield (
                "name",
                f"names the function {name}, which Keras does not find by that name",
                f":{name}",
            )
        return
    package, _, rest = module.partition(".")
    if package == "keras":
        part = rest.removeprefix("src.").partition(".")[0]
        if part not in _FUNCTIONS or name in _MAKERS or name.startswith("_"):
            yield "forbidden", _tool(f"{module}.{name}"), ""
        elif not is_function(name, module):
            what = f"names the function {module}.{name}, which Keras does not have"
            yield "name", what, f":{name}"
        return
    if package in sys.stdlib_module_names and package != "__main__":
        yield "forbidden", f"names the function {module}.{name} of Python itself", ""
        return
    full = f"{module}.{name}"
    yield "name", f"names the function {full}, which is none of Keras's", f"{module}:{name}"


def _tool(full: str) -> str:
    return f"names {full}, a tool of Keras and no part of a model"


def _judged_class(class_name: str, module: str | None, config: Json) -> Iterator[_Judgement]:
    if not _NAME.fullmatch(class_name):
        yield "forbidden", f"names the class {_shown(class_name)}, which no class is called", ""
        return
    short = re.split(r"[.>]", class_name)[-1]
    package, _, rest = (module or "keras").partition(".")
    own = package == "keras"
    if short == "Lambda" and isinstance(config, Mapping):
        yield from _judged_lambda(config)
    if (module, short) == _PROGRAM:
        yield "code", "runs the TensorFlow program of a SavedModel folder", ""
    elif own or package in FOUND_BY_KERAS:
        yield from _judged_arguments(short, config, own=own)
    elif package in sys.stdlib_module_names and package != "__main__":
        yield "forbidden", f"names {module}.{class_name}, which is Python's own and no layer", ""
    if not own or module is None:
        return
    part = rest.removeprefix("src.").partition(".")[0]
    tool = part not in _PARTS if part else rest == "src"
    if part == "applications" and short in _OF_APPLICATIONS:
        return
    if tool or not short[0].isupper():
        yield "forbidden", _tool(f"{module}.{class_name}"), ""


def _judged_arguments(short: str, config: Json, *, own: bool) -> Iterator[_Judgement]:
    """Judge the arguments of a class of Keras, or of a package that Keras imports by itself."""
    if own and short in _CODE_CLASSES:
        yield "code", _CODE_CLASSES[short], ""
    if not isinstance(config, Mapping):
        return
    if own and short == _ELSEWHERE:
        place = _shown(config.get("filepath"))
        yield "forbidden", f"is not in the file: it would be loaded from {place}", ""
        return
    if own:
        # Of the parts that a text can name, only initializers are looked for elsewhere too.
        for key, text in unknown_texts(config):
            if text_kind(key) == "initializer":
                what = f"names the {key} {_shown(text)}, which Keras does not have"
                yield "name", what, f":{text}"
    for key in sorted(FILE_ARGUMENTS & config.keys()):
        value = config[key]
        if isinstance(value, str):
            yield "forbidden", f"would read {_shown(value)} ({key}), which is not in the file", ""


def _judged_lambda(config: Mapping[str, Json]) -> Iterator[_Judgement]:
    """Judge a Lambda by its functions; objects among them are judged where the scan comes there.

    Keras 2 wrote a function bare: as a list of code, defaults and closure, or as a name, with its
    module beside it.
    """
    for key in ("function", "output_shape", "mask"):
        value = config.get(key)
        if isinstance(value, list) and value and isinstance(value[0], str):
            yield "code", "carries Python code as bytes", ""
        elif isinstance(value, str) and isinstance(module := config.get("module"), str):
            yield from _judged_function(value, module)


def _shown(value: Json) -> str:
    """Return ``value`` for a message: bounded, and as text that can be printed."""
    text = ascii(value) if not isinstance(value, str) or not value.isprintable() else value
    text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return text.encode("ascii", "backslashreplace").decode() if not text.isprintable() else text
