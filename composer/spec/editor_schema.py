"""The schema of specs as an editor reads it: with the arguments of every layer of Keras, by class.

The schema that ships is what a spec is checked against. The arguments of new layers are checked
otherwise, since a validator would walk through all classes for each layer; but an editor completes
what a schema names, so here each class is written out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from composer.errors import PluginError
from composer.signatures import keras_version, layer_names, names_of, signature_of
from composer.signatures.installed import is_of_installed
from composer.signatures.model import Argument, Form, LayerSignature
from composer.signatures.words import as_yaml, forms_in_words
from composer.spec.formats import FormatForm, known_formats
from composer.spec.schema_file import schema_text
from composer.spec.source_forms import forms_of_plugins

_BY_CLASS = "layerOfKeras"
_REFERENCE: Mapping[str, Any] = {"$ref": "#/$defs/interpolation"}
_LAYER = '\n    "layer": {\n'
_FORMATS = '"enum": ["keras", "weights", "h5", "saved_model", "onnx", "tflite"]'
_OPTIONS = '"properties": {},\n'
_BY_PLUGIN = "sourceOfPlugin"
_SOURCE = '\n    "source": {\n'
_END = "\n    }\n  }\n}\n"


def editor_schema_text() -> str:
    """Return the JSON Schema of specs with the arguments of the layers of Keras in it.

    The sources that plug-ins read are described too, with their arguments.

    Where another Keras is installed than the table of signatures was made from, names that the
    table lacks are let through.
    """
    text = _with_formats(schema_text("spec"))
    assert text.count(_LAYER) == 1
    assert text.endswith(_END)
    plugins = _of_plugins()
    layer = f'{_LAYER}      "allOf": [{{"$ref": "#/$defs/{_BY_CLASS}"}}],\n'
    definitions = ",\n".join(
        f"    {json.dumps(name)}: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}"
        for name, value in {**_definitions(is_open=not is_of_installed()), **plugins}.items()
    )
    if plugins:
        assert text.count(_SOURCE) == 1
        text = text.replace(
            _SOURCE, f'{_SOURCE}      "allOf": [{{"$ref": "#/$defs/{_BY_PLUGIN}"}}],\n'
        )
    return text.replace(_LAYER, layer).removesuffix("\n  }\n}\n") + f",\n{definitions}\n  }}\n}}\n"


def _with_formats(text: str) -> str:
    """Return the schema with the formats of plug-ins, and the options of those that work."""
    formats = known_formats()
    options = {}
    for name, form in formats.items():
        with suppress(PluginError):
            options[name] = form.registered.load(FormatForm).options
    found = json.loads(text)["$defs"]["format"]["enum"]
    names = json.dumps([*found, *(name for name in formats if name not in found)])
    known = json.dumps({name: schema for name, schema in options.items() if schema is not None})
    assert text.count(_FORMATS) == text.count(_OPTIONS) == 1
    return text.replace(_FORMATS, f'"enum": {names}').replace(_OPTIONS, f'"properties": {known},\n')


def _of_plugins() -> dict[str, Any]:
    """Return the definition of what the sources of plug-ins take; none without plug-ins."""
    forms = forms_of_plugins()
    if not forms:
        return {}
    branches = [
        {
            "if": {"required": ["from"], "properties": {"from": {"pattern": _pattern(name)}}},
            "then": {
                "properties": {
                    "args": {"maxProperties": 0}
                    if form.arguments is None
                    else {"anyOf": [form.arguments, _REFERENCE]}
                }
            },
        }
        for name, form in forms.items()
    ]
    described = "; ".join(form.described for form in forms.values())
    origin = {"description": f"With the installed plug-ins also: {described}."}
    return {_BY_PLUGIN: {"properties": {"from": origin}, "allOf": branches}}


def _pattern(name: str) -> str:
    """Return a pattern of what ``from`` is where an entry point of this name reads it."""
    if name.startswith("."):
        return f"{re.escape(name)}$"
    return "(?!)" if "." in name else f"^{re.escape(name)}:"


def _definitions(*, is_open: bool) -> dict[str, Any]:
    """Return what is added: a definition for all classes, one a class, one a sort of argument."""
    names: dict[str, list[str]] = {}
    for name in layer_names():
        signature = signature_of(name)
        assert signature is not None
        names.setdefault(signature.class_name, []).append(name)
    shared: dict[str, str] = {}
    classes: dict[str, Any] = {}
    branches = []
    for group in names.values():
        signature = signature_of(group[0])
        assert signature is not None
        own = f"layer{signature.class_name}"
        classes[own] = _layer(signature, shared, is_open=is_open)
        branches.append(
            {
                "if": {"required": ["class"], "properties": {"class": {"enum": group}}},
                "then": {"$ref": f"#/$defs/{own}"},
            }
        )
    offered = {"anyOf": [{"enum": list(layer_names())}, {"type": "string"}]}
    by_class = {
        "title": "New layer of Keras",
        "description": f"What the layers of Keras {keras_version()} take.",
        "properties": {"class": offered},
        "allOf": branches,
    }
    arguments = {name: json.loads(schema) for schema, name in shared.items()}
    return {_BY_CLASS: by_class, **classes, **arguments}


def _layer(signature: LayerSignature, shared: dict[str, str], *, is_open: bool) -> dict[str, Any]:
    args = _map(signature.arguments, shared, is_open=is_open)
    required = [argument.name for argument in signature.arguments if argument.required]
    if required and not is_open:
        args["required"] = required
    call = _map(signature.call, shared, is_open=is_open or signature.open_call)
    return {
        "properties": {
            "args": {"anyOf": [args, _REFERENCE]},
            "call": {"anyOf": [call, _REFERENCE]},
        }
    }


def _map(arguments: Iterable[Argument], shared: dict[str, str], *, is_open: bool) -> dict[str, Any]:
    arguments = tuple(arguments)
    found: dict[str, Any] = {
        "type": "object",
        "properties": {
            argument.name: {"$ref": f"#/$defs/{_name(argument, shared, is_open=is_open)}"}
            for argument in arguments
            if not argument.hidden
        },
    }
    hidden = "|".join(re.escape(argument.name) for argument in arguments if argument.hidden)
    if not is_open:
        found["additionalProperties"] = False
        if hidden:
            # What is a pattern is accepted and not offered.
            found["patternProperties"] = {f"^(?:{hidden})$": {}}
    return found


def _name(argument: Argument, shared: dict[str, str], *, is_open: bool) -> str:
    """Return the name of the definition of an argument, which many of them share."""
    schema = json.dumps(_described(argument, is_open=is_open))
    return shared.setdefault(schema, f"argument{len(shared) + 1}")


def _described(argument: Argument, *, is_open: bool) -> dict[str, Any]:
    """Return the schema of an argument, whatever it is called."""
    words = forms_in_words(argument.forms)
    if argument.required:
        described = f"Required: {words}."
    else:
        described = f"{words[:1].upper()}{words[1:]}. Default: {as_yaml(argument.default)}."
    found: dict[str, Any] = {"description": described}
    if any(form.kind != "any" for form in argument.forms):
        found |= _type(argument.forms, is_open=is_open)
    if argument.default is not None:
        found["default"] = argument.default
    return found


# ---------------------------------------------------------------- types


def _type(forms: Iterable[Form], *, is_open: bool) -> dict[str, Any]:
    found = [schema for form in forms for schema in _form(form, is_open=is_open)]
    return {"anyOf": [*found, _REFERENCE]}


def _form(form: Form, *, is_open: bool) -> list[Any]:
    match form.kind:
        case "any":
            return [{}]
        case "null" | "text" | "boolean":
            return _plain(form, is_open=is_open)
        case "integer" | "number":
            return [{"enum": list(form.choices)} if form.choices else _number(form)]
        case "map":
            return [{"type": "object"}]
        case "layer":
            return [_SERIALISED]
        case "object":
            return _object(form, is_open=is_open)
        case "list":
            return [_list(form, is_open=is_open)]


_SERIALISED: Mapping[str, Any] = {"type": "object", "required": ["class_name", "config"]}


def _plain(form: Form, *, is_open: bool) -> list[Any]:
    if form.kind == "null":
        return [{"type": "null"}]
    if form.kind == "boolean":
        return [{"type": "boolean"}, *([{"enum": [0, 1]}] if form.whole else ())]
    found: list[Any] = [{"enum": list(form.choices)}] if form.choices else [{"type": "string"}]
    if form.any_case:
        pattern = "|".join(_any_case(str(choice)) for choice in form.choices)
        found.append({"type": "string", "pattern": f"^(?:{pattern})$"})
    return [*found, {"type": "string"}] if form.choices and is_open else found


def _any_case(word: str) -> str:
    return "".join(
        f"[{char.lower()}{char.upper()}]" if char.isalpha() else re.escape(char) for char in word
    )


def _number(form: Form) -> dict[str, Any]:
    found: dict[str, Any] = {"type": form.kind}
    if form.minimum is not None:
        found["minimum"] = form.minimum
    if form.maximum is not None:
        found["maximum"] = form.maximum
    return found


def _object(form: Form, *, is_open: bool) -> list[Any]:
    assert form.of is not None
    found: list[Any] = [{"enum": list(names_of(form.of))}]
    if is_open:
        found.append({"type": "string"})
    elif form.of in _MORE_NAMES:
        found.append({"type": "string", "pattern": _MORE_NAMES[form.of]})
    return [*found, _SERIALISED]


_MORE_NAMES = {"initializer": ">", "dtype": "_from_"}
"""What names hold that are right and that no list has: see ``signatures.check_arguments``."""


def _list(form: Form, *, is_open: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "array"}
    if any(item.kind != "any" for item in form.items):
        found["items"] = _type(form.items, is_open=is_open)
    if form.shortest:
        found["minItems"] = form.shortest
    if form.longest is not None:
        found["maxItems"] = form.longest
    return found
