"""The arguments of new layers against the signatures of Keras's layers, told where they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from composer.diagnostics.diagnostic import Diagnostic, Edit, SpecPath
from composer.diagnostics.suggest import certain, did_you_mean
from composer.signatures import LayerSignature, signature_of
from composer.signatures.check_arguments import Fault, check_arguments, check_call, fits
from composer.signatures.installed import is_of_installed
from composer.signatures.model import Argument
from composer.signatures.old_names import new_name
from composer.signatures.together import Conflict, conflicts
from composer.signatures.words import as_yaml, choices_in_words, forms_in_words, value_in_words
from composer.spec.positions import TreePositions
from composer.spec.references import is_long_form
from composer.spec.tree import path_text

_EXAMPLES: Mapping[str, Any] = {
    "integer": 10, "number": 0.5, "boolean": True, "text": "TEXT", "list": [1], "object": "NAME",
}  # fmt: skip
_CODES = {
    "unknown": "CMP224", "missing": "CMP225", "type": "CMP226", "choice": "CMP227",
    "range": "CMP228", "length": "CMP228",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedArguments:
    """What checking the arguments of one new layer gave.

    Attributes:
        args: of the constructor, with what was most likely meant in the place of what is wrong.
        is_usable: whether the layer can be judged further: nothing is wrong with it, or what was
            meant is beyond doubt.
        unchecked: arguments, or values of arguments, that another Keras than that of the table is
            installed for, and that only this one can judge.
        diagnostics: what is wrong.
    """

    args: Mapping[str, Any]
    is_usable: bool = True
    unchecked: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


def check_layer(key: str, data: Mapping[str, Any], positions: TreePositions) -> CheckedArguments:
    """Check the arguments of the constructor and of the calls of a new layer.

    Args:
        key: its id.
        data: what stands under it; accepted by the schema.
        positions: of the spec.

    Returns:
        Nothing to tell for a class that is none of Keras's: Keras will check that one.
    """
    args = data.get("args", {})
    # ``keras.layers:Dense`` is a long way to say ``Dense``.
    signature = signature_of(data["class"].removeprefix("keras.layers:"))
    if signature is None:
        return CheckedArguments(args=args)
    found = list(_all_faults(key, data, signature))
    unchecked = tuple(path_text(fault.path) or fault.name for fault, _ in found if _is_open(fault))
    told = [(fault, at) for fault, at in found if not _is_open(fault)]
    told = _without_consequences(told)
    diagnostics = [_told(fault, at, key, positions) for fault, at in told]
    clashes = () if found else conflicts(signature, args)
    diagnostics += [_clash(conflict, key, signature, positions) for conflict in clashes]
    corrected = deepcopy(args) if told else args
    sure = [_correct(corrected, fault) for fault, at in told if at[2:3] == ("args",)]
    of_calls = any(at[2:3] != ("args",) for _, at in told)
    return CheckedArguments(
        args=corrected,
        is_usable=all(sure) and not of_calls and not clashes,
        unchecked=unchecked,
        diagnostics=tuple(diagnostics),
    )


def _is_open(fault: Fault) -> bool:
    return fault.is_open and not is_of_installed()


_At = tuple[Fault, SpecPath]


def _all_faults(key: str, data: Mapping[str, Any], signature: LayerSignature) -> Iterator[_At]:
    """Yield every fault with the place in the spec that its path begins at."""
    path: SpecPath = ("layers", key)
    args = {name: value for name, value in data.get("args", {}).items() if name != "name"}
    for fault in check_arguments(signature, args):
        yield fault, (*path, "args")
    shared = data.get("call", {})
    for fault in check_call(signature, shared):
        yield fault, (*path, "call")
    if "inputs" in data:
        yield from _input_faults(signature, data["inputs"], shared, path)
        return
    for call, value in data.get("calls", {}).items():
        here = (*path, "calls", call)
        own = value.get("call", {})
        for fault in check_call(signature, own):
            yield fault, (*here, "call")
        yield from _input_faults(signature, value["inputs"], {**shared, **own}, here)


def _input_faults(
    signature: LayerSignature, inputs: Any, arguments: Mapping[str, Any], path: SpecPath
) -> Iterator[_At]:
    """Yield what is wrong with the names of what a layer is called on, and what it lacks."""
    named = tuple(inputs) if isinstance(inputs, Mapping) and not is_long_form(inputs) else None
    for fault in check_call(signature, {}, named or ()):
        yield fault, (*path, "inputs")
    if signature.open_call:
        return
    given = {*arguments, *(named if named is not None else (a.name for a in signature.call[:1]))}
    for argument in signature.call:
        if argument.required and argument.name not in given:
            name, forms = argument.name, argument.forms
            fault = Fault(kind="missing", layer=signature, path=(), name=name, forms=forms)
            yield fault, (*path, "inputs")


def _without_consequences(found: list[_At]) -> list[_At]:
    """Leave out what is missing only because its name is misspelled."""
    meant = {(at, _meant_name(fault)) for fault, at in found if fault.kind == "unknown"}
    return [
        (fault, at)
        for fault, at in found
        if fault.kind != "missing" or (at, fault.name) not in meant
    ]


def _meant_name(fault: Fault) -> str | None:
    return new_name(fault.name, fault.known) or certain(fault.name, fault.known)


# ---------------------------------------------------------------- corrections


def _correct(args: Any, fault: Fault) -> bool:
    """Put what was meant into ``args``; tell whether that is beyond doubt."""
    if fault.kind == "missing":
        return False
    *way, last = fault.path
    parent = args
    for step in way:
        parent = parent[step]
    if fault.kind == "unknown":
        meant = _meant_name(fault)
        if meant is None:
            return False
        parent[meant] = parent.pop(last)
        argument = fault.layer.argument(meant)
        return argument is not None and fits(argument.forms, parent[meant])
    value = _meant_value(fault)
    if value is None:
        return False
    parent[last] = value[0]
    return True


def _meant_value(fault: Fault) -> tuple[Any] | None:
    if fault.guess is not None and fault.guess.is_sure:
        return (fault.guess.value,)
    if fault.kind == "choice" and isinstance(fault.value, str):
        meant = certain(fault.value, fault.known)
        return None if meant is None else (meant,)
    return None


# ---------------------------------------------------------------- words


def _told(fault: Fault, at: SpecPath, key: str, positions: TreePositions) -> Diagnostic:
    path = (*at, *fault.path)
    match fault.kind:
        case "unknown":
            message, help_, fix = _unknown(fault, path, positions)
            span = positions.key(path)
        case "missing":
            message, help_, fix = _missing(fault, at)
            span = positions.key(path)
        case _:
            message, help_, fix = _value(fault, path, positions)
            span = positions.value(path)
            if fault.value is None:
                # An empty value has no text to point at.
                span, fix = positions.key(path), ()
    message = f"layer '{key}': {message}"
    return positions.problem(_CODES[fault.kind], path, message, help_, span=span, fix=fix)


def _unknown(
    fault: Fault, path: SpecPath, positions: TreePositions
) -> tuple[str, str | None, tuple[Edit, ...]]:
    layer = fault.layer
    of_call = path[2] != "args"
    owner = f"a call of {layer.name}" if of_call else layer.name
    message = f"{owner} takes no argument '{fault.name}'"
    renamed = new_name(fault.name, fault.known)
    meant = _meant_name(fault)
    fix = positions.renamed_key(path, meant) if meant is not None else ()
    if renamed is not None:
        return message, f"it is called '{renamed}' today", fix
    other = (layer.argument if of_call else layer.call_argument)(fault.name)
    if other is not None and not other.hidden:
        where = "args" if of_call else "call"
        value = as_yaml(fault.value) if fault.value is not None else "…"
        return message, f"it belongs into {where}: {where}: {{{fault.name}: {value}}}", ()
    guess = did_you_mean(fault.name, fault.known)
    if guess is not None:
        return message, guess, fix
    arguments = layer.call if of_call else layer.arguments
    known = ", ".join(a.name for a in arguments if not a.hidden)
    return message, f"it takes {known}" if known else "it takes none", ()


def _missing(fault: Fault, at: SpecPath) -> tuple[str, str | None, tuple[Edit, ...]]:
    layer = fault.layer
    if at[-1] == "inputs":
        needed = [argument.name for argument in layer.call if argument.required]
        example = ", ".join(f"{name}: NAME" for name in needed)
        return (
            f"{layer.name} is called on {' and '.join(needed)}; '{fault.name}' is missing",
            f"for example: inputs: {{{example}}}",
            (),
        )
    argument = layer.argument(fault.name)
    assert argument is not None
    example = f"{fault.name}: {as_yaml(_example(argument))}"
    inside = fault.path[-1:] == ("config",)
    return (
        f"{layer.name} needs the argument '{fault.name}', {forms_in_words(fault.forms)}",
        f"for example: {'config' if inside else 'args'}: {{{example}}}",
        (),
    )


def _example(argument: Argument) -> Any:
    form = argument.forms[0]
    if form.choices:
        return form.choices[0]
    if form.kind == "integer":
        largest = form.maximum if form.maximum is not None else _EXAMPLES["integer"]
        return int(min(largest, _EXAMPLES["integer"]))
    return _EXAMPLES.get(form.kind, {})


def _value(
    fault: Fault, path: SpecPath, positions: TreePositions
) -> tuple[str, str | None, tuple[Edit, ...]]:
    name = path_text(tuple(fault.path)) if len(fault.path) > 1 else fault.name
    message = f"{name} must be {forms_in_words(fault.forms)}, not {value_in_words(fault.value)}"
    last = fault.path[-1]
    label = f"{last}: " if isinstance(last, str) else ""
    if fault.guess is not None:
        written = as_yaml(fault.guess.value)
        fix = positions.revalued(path, written) if fault.guess.is_sure else ()
        return message, f"write {label}{written}", fix
    if fault.kind != "choice":
        return message, None, ()
    message = f"{name} can't be {value_in_words(fault.value)}"
    meant = certain(fault.value, fault.known)
    fix = positions.replaced(path, meant) if meant is not None else ()
    guess = did_you_mean(fault.value, _alike(fault.value, fault.known))
    known = choices_in_words(fault.known)
    if known is not None:
        listed = f"{name} is one of {known}"
    else:
        kind = next((form.of for form in fault.forms if form.of is not None), None)
        listed = f"compose explain {kind} lists what there is" if kind is not None else ""
    return message, " ".join(part for part in (guess, listed) if part) or None, fix


def _alike(word: str, known: Sequence[str]) -> Sequence[str]:
    """Return the names in small letters for a word in such; ``he_normal`` is ``HeNormal`` too."""
    small = tuple(name for name in known if name == name.lower())
    return small if word == word.lower() and small else known


def _clash(
    conflict: Conflict, key: str, signature: LayerSignature, positions: TreePositions
) -> Diagnostic:
    path: SpecPath = ("layers", key, "args", conflict.argument)
    message = f"layer '{key}': {signature.name}: {conflict.message}"
    return positions.problem("CMP229", path, message, conflict.help, span=positions.key(path))
