"""What ``compose explain Dense`` prints: the signature of a layer, or the names of a kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from composer.signatures.model import Argument, LayerSignature
from composer.signatures.table import keras_version, layer_names, names_of, signature_of
from composer.signatures.words import as_yaml, forms_in_words

KINDS = ("activation", "constraint", "dtype", "initializer", "regularizer")
_SHARED = ("activity_regularizer", "trainable", "dtype", "autocast")


def page_of(name: str) -> str | None:
    """Return a page in Markdown about a class of ``keras.layers`` or a kind of names, or None.

    Args:
        name: such as ``Dense`` or ``activation``; the case of a class does not matter.
    """
    if name.lower() in KINDS:
        return _names_page(name.lower())
    exact = {known.lower(): known for known in layer_names()}.get(name.lower(), name)
    signature = signature_of(exact)
    return None if signature is None else "".join(_lines(signature))


def topics() -> tuple[str, ...]:
    """Return all that there is a page about."""
    return (*layer_names(), *KINDS)


def _names_page(kind: str) -> str:
    names = ", ".join(names_of(kind))
    return f"# {kind}\n\nThe names that Keras {keras_version()} knows: {names}\n"


def _lines(signature: LayerSignature) -> Iterator[str]:
    yield f"# {signature.name}\n\n"
    if signature.name != signature.class_name:
        yield f"The same as {signature.class_name}. "
    yield f"A layer of Keras {keras_version()}.\n\n"
    arguments = [argument for argument in signature.arguments if not argument.hidden]
    own = [argument for argument in arguments if argument.name not in _SHARED]
    if own:
        yield "## args\n\n"
        yield from _table(own)
    shared = [argument for argument in arguments if argument.name in _SHARED]
    if shared:
        yield "\nAs for most layers:\n\n" if own else "## args\n\n"
        yield from _table(shared)
    plain = [a for a in signature.call if not a.hidden and any(f.kind != "any" for f in a.forms)]
    tensors = [a.name for a in signature.call if not a.hidden and a not in plain]
    if tensors or plain:
        yield "\n## call\n\n"
    if tensors:
        yield f"Called on {', '.join(tensors)}.\n"
    if plain:
        yield "\n" if tensors else ""
        yield from _table(plain)
    kinds = dict.fromkeys(f.of for a in arguments for f in a.forms if f.of is not None)
    if kinds:
        yield f"\n`compose explain {next(iter(kinds))}` lists the names of that kind"
        others = ", ".join(f"`{kind}`" for kind in list(kinds)[1:])
        yield f"; likewise {others}.\n" if others else ".\n"


def _table(arguments: Iterable[Argument]) -> Iterator[str]:
    for argument in arguments:
        default = "required" if argument.required else f"default {as_yaml(argument.default)}"
        yield f"- `{argument.name}` ({default}): {forms_in_words(argument.forms)}\n"
