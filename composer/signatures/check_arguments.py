"""Arguments against a signature: every fault, with what would have been right. No words here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from composer.signatures.guesses import Guess, guess
from composer.signatures.model import Argument, Form, LayerSignature
from composer.signatures.table import layer_names, names_of, signature_of

FaultKind = Literal["unknown", "missing", "type", "choice", "range", "length"]
_OPEN = frozenset({"unknown", "missing", "choice"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong with the arguments of a layer.

    Attributes:
        kind: ``unknown`` or ``missing`` argument; a value of the wrong ``type``, of none of the
            ``choice`` there is, out of ``range``, or a list of the wrong ``length``.
        layer: the signature that says so; that of a layer inside another where it is in one.
        path: from the arguments to the value; its first entry is the argument, where there is one.
        name: of the argument.
        value: what was written.
        forms: what the value may be.
        known: names that could have been meant, all of them.
        guess: what was most likely meant.
    """

    kind: FaultKind
    layer: LayerSignature
    path: tuple[str | int, ...]
    name: str
    value: Any = None
    forms: tuple[Form, ...] = ()
    known: tuple[str, ...] = ()
    guess: Guess | None = None

    @property
    def is_open(self) -> bool:
        """Whether another version of Keras could see this otherwise: it may know more names."""
        return self.kind in _OPEN


def check_arguments(signature: LayerSignature, args: Mapping[str, Any]) -> tuple[Fault, ...]:
    """Return what is wrong with the arguments of a constructor, in the order in which they stand.

    Args:
        signature: of the class.
        args: as plain data.

    Returns:
        Faults; an unknown argument that is most likely a required one misspelled hides that one.
    """
    faults: list[Fault] = []
    for name, value in args.items():
        argument = signature.argument(name)
        if argument is None:
            known = tuple(a.name for a in signature.arguments if not a.hidden)
            faults.append(
                Fault(
                    kind="unknown", layer=signature, path=(name,), name=name, value=value,
                    known=tuple(other for other in known if other not in args),
                )
            )  # fmt: skip
        else:
            faults += _value_faults(signature, argument, value)
    missing = [a for a in signature.arguments if a.required and a.name not in args]
    faults += [
        Fault(kind="missing", layer=signature, path=(), name=a.name, forms=a.forms) for a in missing
    ]
    return tuple(faults)


def check_call(
    signature: LayerSignature, arguments: Mapping[str, Any], inputs: Sequence[str] = ()
) -> tuple[Fault, ...]:
    """Return what is wrong with the plain arguments of a call and the names of its inputs.

    Args:
        signature: of the class.
        arguments: plain call arguments.
        inputs: the names that the inputs are given by; none for inputs without names.
    """
    if signature.open_call:
        return ()
    known = tuple(a.name for a in signature.call if not a.hidden)
    given = {*arguments, *inputs}
    faults: list[Fault] = []
    for name in (*arguments, *inputs):
        argument = signature.call_argument(name)
        if argument is None:
            faults.append(
                Fault(
                    kind="unknown", layer=signature, path=(name,), name=name,
                    value=arguments.get(name),
                    known=tuple(other for other in known if other not in given),
                )
            )  # fmt: skip
        elif name in arguments:
            faults += _value_faults(signature, argument, arguments[name])
    return tuple(faults)


def _value_faults(signature: LayerSignature, argument: Argument, value: Any) -> Iterator[Fault]:
    for found in _faults(argument.forms, value):
        path = (argument.name, *found.path)
        yield replace(
            found,
            path=path,
            layer=found.layer if found.layer is not _NO_LAYER else signature,
            name=found.name or argument.name,
            guess=guess(found.forms, found.value, fits),
        )


_NO_LAYER = LayerSignature(name="", class_name="", arguments=(), call=())


def _fault(kind: FaultKind, value: Any, forms: tuple[Form, ...], **more: Any) -> Fault:
    return Fault(kind=kind, layer=_NO_LAYER, path=(), name="", value=value, forms=forms, **more)


def fits(forms: Sequence[Form], value: Any) -> bool:
    """Tell whether a value has one of the forms."""
    return next(iter(_faults(tuple(forms), value)), None) is None


def _faults(forms: tuple[Form, ...], value: Any) -> tuple[Fault, ...]:
    """Return what is wrong with a value: by the one form that was meant, else its type."""
    of_kind = []
    for form in forms:
        if not _is_of_kind(form, value):
            continue
        found = tuple(_within(form, value, forms))
        if not found:
            return ()
        of_kind.append(found)
    if not of_kind:
        return (_fault("type", value, forms),)
    return of_kind[0]


def _is_of_kind(form: Form, value: Any) -> bool:
    match form.kind:
        case "any":
            return True
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool) or (form.whole and value in (0, 1))
        case "integer":
            return _is_number(value) and isinstance(value, int)
        case "number":
            return _is_number(value)
        case "text":
            return isinstance(value, str)
        case "object":
            return isinstance(value, str | Mapping)
        case "layer" | "map":
            return isinstance(value, Mapping)
        case "list":
            return isinstance(value, list | tuple)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _within(form: Form, value: Any, forms: tuple[Form, ...]) -> Iterator[Fault]:
    """Yield what is wrong with a value of the right kind."""
    match form.kind:
        case "integer" | "number":
            if not _in_range(form, value):
                yield _fault("range", value, forms)
        case "text":
            if form.choices and not _is_choice(form, value):
                yield _fault("choice", value, forms, known=tuple(map(str, form.choices)))
        case "object":
            yield from _object_faults(form, value, forms)
        case "layer":
            yield from _layer_faults(value, forms)
        case "list":
            yield from _list_faults(form, value, forms)


def _in_range(form: Form, value: float) -> bool:
    if form.choices:
        return value in form.choices
    return (form.minimum is None or value >= form.minimum) and (
        form.maximum is None or value <= form.maximum
    )


def _is_choice(form: Form, value: str) -> bool:
    return value in form.choices or (form.any_case and value.lower() in form.choices)


def _list_faults(form: Form, value: Sequence[Any], forms: tuple[Form, ...]) -> Iterator[Fault]:
    if len(value) < form.shortest or (form.longest is not None and len(value) > form.longest):
        yield _fault("length", value, forms)
        return
    for index, item in enumerate(value):
        for found in _faults(form.items, item):
            yield replace(found, path=(index, *found.path))


# ---------------------------------------------------------------- objects


def _object_faults(form: Form, value: Any, forms: tuple[Form, ...]) -> Iterator[Fault]:
    assert form.of is not None
    if isinstance(value, str):
        if not is_name_of(form.of, value):
            yield _fault("choice", value, forms, known=names_of(form.of))
        return
    missing = _unserialised(value)
    if missing is not None:
        yield _fault("type", value, forms)
        return
    name = value["class_name"]
    if is_of_keras(value, f"keras.{form.of}s") and not is_name_of(form.of, name):
        found = _fault("choice", name, (replace(form, kind="text"),), known=names_of(form.of))
        yield replace(found, path=("class_name",))


def is_name_of(kind: str, text: str) -> bool:
    """Tell whether a text can be the name of an object of a kind.

    Names that were registered hold a ``>``; Keras looks those up for initializers alone. Dtype
    policies of quantised layers come in more spellings than there are names.
    """
    if text in names_of(kind):
        return True
    if kind == "initializer":
        return ">" in text
    return kind == "dtype" and "_from_" in text


def _layer_faults(value: Mapping[str, Any], forms: tuple[Form, ...]) -> Iterator[Fault]:
    missing = _unserialised(value)
    if missing is not None:
        yield _fault("type", value, forms)
        return
    name, config = value["class_name"], value["config"]
    if not is_of_keras(value, "keras.layers"):
        return
    signature = signature_of(name)
    if signature is None:
        if value.get("module") is None and ">" not in name:
            found = _fault("choice", name, (Form(kind="text"),), known=layer_names())
            yield replace(found, path=("class_name",), name="class_name")
        return
    if not isinstance(config, Mapping):
        return
    without = {key: item for key, item in config.items() if key != "name"}
    for fault in check_arguments(signature, without):
        yield replace(fault, path=("config", *fault.path))


def is_of_keras(value: Mapping[str, Any], module: str) -> bool:
    """Tell whether a serialised object is one of Keras's own, as far as it says."""
    registered = value.get("registered_name")
    return value.get("module") in (None, module) and registered in (None, value["class_name"])


def _unserialised(value: Mapping[str, Any]) -> str | None:
    """Return the key that a map lacks to be a serialised object, or None."""
    if not isinstance(value.get("class_name"), str):
        return "class_name"
    return "config" if "config" not in value else None
