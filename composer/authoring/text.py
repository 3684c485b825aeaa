"""The text of a first spec: YAML, prose in comments, and lines to take by deleting one ``#``."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from composer.authoring.heads import Head
from composer.authoring.parts import LooseEnd, Part
from composer.authoring.suggestions import SuggestedLayer, Suggestions
from composer.diagnostics.render.terminal_text import shown
from composer.graphs.graph import TensorSpec
from composer.spec.source_forms import suggested
from composer.spec.yaml_scalars import written as scalar

_WIDTH = 96
_MOST_NAMES = 6


def spec_text(
    name: str,
    parts: Sequence[Part],
    found: Suggestions,
    *,
    schema: str | None,
    output: str,
) -> str:
    """Return the text of a spec.

    Args:
        name: of the model.
        parts: its sources.
        found: what could be made of them.
        schema: of specs, as the editor finds it from the spec; None leaves the modeline out.
        output: path of the result, from the spec.
    """
    lines: list[str] = []
    if schema is not None:
        lines.append(f"# yaml-language-server: $schema={schema}")
    lines += _prose(
        "A first draft by compose init. Choices left to you are in comments. Lines that start with "
        "# and no space are suggestions: delete the # to accept one."
    )
    lines += ["version: 1", f"name: {scalar(name)}", ""]
    lines += _inputs(found)
    lines.append("sources:")
    for part in parts:
        lines += [f"  {line}" if line else "" for line in _source(part, found)]
    lines += ["", *_layers(parts, found), *_outputs(parts, found)]
    lines.append(f"output: {{path: {scalar(output)}}}")
    return "\n".join(lines) + "\n"


def _selector(name: str) -> str:
    """Return the selector of one layer; a glob can't spell a ``[`` that is meant as it is."""
    return f"{{regex: {scalar(re.escape(name))}}}" if "[" in name else scalar(name)


def _prose(text: str, indent: str = "") -> list[str]:
    """Return a comment of whole sentences."""
    room = _WIDTH - len(indent) - 2
    wrapped = textwrap.wrap(shown(text), room, break_long_words=False, break_on_hyphens=False)
    return [f"{indent}# {line}" for line in wrapped]


def _list(names: Iterable[str]) -> str:
    return f"[{', '.join(scalar(name) for name in names)}]"


def _dimensions(spec: TensorSpec) -> str:
    shape = (spec.shape or ())[1:]
    return f"[{', '.join('null' if size is None else str(size) for size in shape)}]"


def _told(spec: TensorSpec | None) -> str:
    if spec is None:
        return "of a shape that only Keras can tell"
    return str(spec).removesuffix(" float32")


def _inputs(found: Suggestions) -> Iterator[str]:
    if not found.inputs:
        return
    yield from _prose(
        "To feed several sources from one input, declare it here and connect it below."
    )
    yield "#inputs:"
    for new in found.inputs:
        dtype = f", dtype: {new.spec.dtype}" if new.spec.dtype != "float32" else ""
        yield f"#  {scalar(new.id)}: {{shape: {_dimensions(new.spec)}{dtype}}}"
    yield ""


def _source(part: Part, found: Suggestions) -> Iterator[str]:
    yield f"{part.id}:"
    yield f"  from: {scalar(part.location)}"
    if not part.known:
        yield from _unread(part)
    if part.prefix:
        if part.shared_names:
            words = "name is" if part.shared_names == 1 else "names are"
            yield from _prose(
                f"{part.shared_names} of its {words} also used by another source.", "  "
            )
        yield f"  prefix: {scalar(part.prefix)}"
    if part.flatten:
        yield from _prose(
            "A layer is shared with a nested model, so the nested model must be flattened.", "  "
        )
        yield "  flatten: true"
    yield from _heads(part)
    for name, inside in part.nested:
        yield from _prose(
            f"{name} is a nested model of {inside}. With flatten: true you can select its layers.",
            "  ",
        )
    yield from _wires(part, found)


def _unread(part: Part) -> Iterator[str]:
    yield from _prose(
        "Keras has to create this model first; compose plan --deep shows its layers.", "  "
    )
    found = suggested(part.location)
    if found is not None:
        args, what_for = found
        yield from _prose(f"{what_for}:", "  ")
        yield f"  #args: {args}"


def _heads(part: Part) -> Iterator[str]:
    if not part.heads:
        return
    what = "; ".join(_head(head) for head in part.heads)
    yield from _prose(
        f"{'This looks' if len(part.heads) == 1 else 'These look'} like its "
        f"{'head' if len(part.heads) == 1 else 'heads'}: {what}. "
        f"Remove the line to keep {'it' if len(part.heads) == 1 else 'them'}.",
        "  ",
    )
    names = part.excluded
    line = f"  exclude: [{', '.join(_selector(name) for name in names)}]"
    if len(line) <= _WIDTH:
        yield line
        return
    yield "  exclude:"
    yield from (f"    - {_selector(name)}" for name in names)


def _head(head: Head) -> str:
    words = f"{head.layer.name} ({head.layer.class_name}"
    words += f", {head.units} units" if head.units is not None else ""
    words += f", {head.activation}" if head.activation is not None else ""
    return f"{words})"


def _wires(part: Part, found: Suggestions) -> Iterator[str]:
    wired = [port for port in part.inputs if (part.id, port.layer) in found.wires]
    if not wired:
        if part.inputs:
            verb = "becomes an input" if len(part.inputs) == 1 else "become inputs"
            listed = _ports(part.inputs)
            pronoun = "it" if len(part.inputs) == 1 else "them"
            yield from _prose(
                f"{listed} {verb} of the model, unless you connect {pronoun} with inputs.", "  "
            )
        return
    for port in wired:
        first, *others = found.wires[part.id, port.layer]
        more = f" {' or '.join(others)} would fit as well as {first}." if others else ""
        yield from _prose(
            f"Where does {port.layer} {_told(port.spec)} come from? If omitted, it is an input of "
            "the model." + more,
            "  ",
        )
    if len(part.inputs) == 1:
        yield f"  #inputs: {scalar(found.wires[part.id, wired[0].layer][0])}"
        return
    pairs = (
        f"{scalar(port.layer)}: {scalar(found.wires[part.id, port.layer][0])}" for port in wired
    )
    yield f"  #inputs: {{{', '.join(pairs)}}}"


def _ports(ports: Sequence[LooseEnd]) -> str:
    listed = ", ".join(f"{port.layer} {_told(port.spec)}" for port in ports[:_MOST_NAMES])
    more = len(ports) - _MOST_NAMES
    return f"{listed} and {more} more" if more > 0 else listed


def _layers(parts: Sequence[Part], found: Suggestions) -> Iterator[str]:
    ends = [port for part in parts for port in part.outputs]
    if ends:
        listed = ", ".join(f"{port.reference} {_told(port.spec)}" for port in ends[:_MOST_NAMES])
        more = f" and {len(ends) - _MOST_NAMES} more" if len(ends) > _MOST_NAMES else ""
        yield from _prose(f"What comes next? Unconnected outputs: {listed}{more}.")
    if found.layers:
        joins = found.layers[0].class_name == "Concatenate"
        if joins and _averages(found.layers[0], ends):
            yield from _prose("Use Average instead of Concatenate for their mean.")
        yield "#layers:"
        yield from (f"#  {_layer(layer)}" for layer in found.layers)
    if ends or found.layers:
        yield ""


def _averages(layer: SuggestedLayer, ends: Sequence[LooseEnd]) -> bool:
    specs = {port.spec for port in ends if port.reference in layer.inputs}
    return len(specs) == 1


def _layer(layer: SuggestedLayer) -> str:
    fields = [f"class: {layer.class_name}"]
    if layer.args:
        args = (f"{k}: {v if isinstance(v, int) else scalar(v)}" for k, v in layer.args.items())
        fields.append(f"args: {{{', '.join(args)}}}")
    taken = _list(layer.inputs) if len(layer.inputs) > 1 else scalar(layer.inputs[0])
    fields.append(f"inputs: {taken}")
    return f"{layer.id}: {{{', '.join(fields)}}}"


def _outputs(parts: Sequence[Part], found: Suggestions) -> Iterator[str]:
    ends = [port for part in parts for port in part.outputs]
    if found.output is not None:
        yield from _prose("If omitted, every unconnected output becomes an output, in this order.")
        yield f"#outputs: {{{found.output}: {found.output}}}"
        yield ""
    elif len(parts) == 1 and parts[0].arranged:
        yield from _prose("If omitted, the outputs keep their structure in the source.")
        yield ""
    elif len(ends) > 1:
        yield from _prose("If omitted, every unconnected output becomes an output, in this order.")
        yield f"#outputs: {_list(port.reference for port in ends)}"
        yield ""
