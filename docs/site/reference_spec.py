"""The reference of the spec language, made from its JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from composer.spec.schema_file import schema_text
from composer.spec.schema_words import TYPES_IN_WORDS

_MOST_EXAMPLES = 4
_PARTS = {
    "modelInput": ("inputs", "inputs.ID", "A declared input"),
    "source": ("sources", "sources.ID", "A source"),
    "sourceCall": ("calls of a source", "sources.ID.calls.CALL", "A call of a source"),
    "selector": ("selectors", "", "A selector"),
    "layer": ("layers", "layers.ID", "A new layer"),
    "layerCall": ("calls of a layer", "layers.ID.calls.CALL", "A call of a new layer"),
    "longReference": ("references", "", "A reference in its long form"),
    "output": ("output", "output", "The result"),
}
"""Definitions with keys of their own: anchor, where they stand in a spec, heading."""


def spec_page() -> str:
    """Return the page as Markdown."""
    schema = json.loads(schema_text("spec"))
    parts = [
        "# Keys of a spec\n\nMade from the JSON Schema that `compose schema` prints. "
        "[The spec language](/language.md) tells the same in connected text.\n\n",
        "## At the top\n\n",
        *_keys(schema, schema, "", set(schema["required"])),
    ]
    for name, (_, path, heading) in _PARTS.items():
        part = schema["$defs"][name]
        where = f" Stands at `{path}`." if path else ""
        parts.append(f"## {heading}\n\n{part['description']}{where}\n\n")
        for branch in part.get("anyOf", (part,)):
            if "properties" in branch:
                parts.extend(_keys(schema, branch, path, set(branch.get("required", ()))))
            else:
                parts.append(f"{branch['title']}: {branch['description']}\n\n{_examples(branch)}")
    return "".join(parts)


def _keys(schema: Any, part: Any, path: str, required: set[str]) -> Iterator[str]:
    for key, below in part["properties"].items():
        facts = [_kinds(schema, below)]
        if key in required:
            facts.append("required")
        if "default" in below:
            facts.append(f"default `{json.dumps(below['default'])}`")
        title = f"`{path}.{key}`" if path else f"`{key}`"
        yield f"### {title}\n\n**{below['title']}** ({', '.join(facts)}). "
        yield f"{below['description']}\n\n"
        for branch in below.get("anyOf", ()):
            nested = branch.get("items", branch)
            if "properties" in nested:
                yield "".join(
                    f"- `{name}`: {inner['description']}\n"
                    for name, inner in nested["properties"].items()
                )
                yield "\n"
        yield _examples(below, key)


def _examples(part: Mapping[str, Any], key: str | None = None) -> str:
    shown = [_shown(example, key) for example in part.get("examples", ())[:_MOST_EXAMPLES]]
    return f"```yaml\n{''.join(shown)}```\n\n" if shown else ""


def _shown(example: Any, key: str | None) -> str:
    """Return an example as one writes it: on one line where nothing lies below it."""
    below = example.values() if isinstance(example, dict) else ()
    if key is None or any(isinstance(value, dict) for value in below):
        whole = {key: example} if key else example
        return yaml.safe_dump(whole, sort_keys=False, default_flow_style=None, width=90)
    line = yaml.safe_dump(example, sort_keys=False, default_flow_style=True, width=1000)
    return f"{key}: {line.removesuffix(chr(10)).removesuffix(chr(10) + '...')}\n"


def _kinds(schema: Any, part: Any) -> str:
    found = dict.fromkeys(_kinds_of(schema, part))
    return " or ".join(found)


def _kinds_of(schema: Any, part: Any) -> Iterator[str]:
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        if name != "interpolation":
            yield from _kinds_of(schema, schema["$defs"][name])
    elif "anyOf" in part:
        for branch in part["anyOf"]:
            yield from _kinds_of(schema, branch)
    elif "enum" in part:
        yield from (f"`{value}`" for value in part["enum"])
    elif "const" in part:
        yield f"`{part['const']}`"
    else:
        yield TYPES_IN_WORDS[part["type"]]
