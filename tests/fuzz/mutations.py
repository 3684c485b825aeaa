"""Small changes of texts, of JSON documents and of bytes, as hypothesis draws them."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

STRANGE: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, -(10**40), 1e308, 0.5, float("inf"), "",
    " ", "\x00", "../..", "a/b", "\u202e", "keras.layers", "Lambda", "function", "__lambda__",
    "Functional", "x", [], {}, [[]], [None], [["x", 0, 0]], ["x", 0, 0], ["x", -1, 10**30],
    ["x", 0, 0, {}], {"class_name": None}, {"class_name": [], "config": []},
    {"class_name": "Functional", "config": {}},
    {"class_name": "Functional",
     "config": {"name": "n", "layers": [], "input_layers": [], "output_layers": []}},
    {"class_name": "Sequential", "config": {"layers": [{}]}},
    {"class_name": "__keras_tensor__"}, {"class_name": "__keras_tensor__", "config": None},
    {"class_name": "__keras_tensor__",
     "config": {"shape": [None, "a"], "dtype": 3, "keras_history": ["x", 0, 0]}},
    {"class_name": "__numpy__", "config": {"value": [], "dtype": "object"}},
    {"class_name": "__lambda__", "config": {"code": "x"}}, {"shared_object_id": 1},
    {"class_name": "DTypePolicyMap", "config": {"policy_map": {"x": 1}}},
]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values inside a document."""
    found = [path]
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            found.extend(places(item, (*path, key)))
    return found


@st.composite
def documents(draw: Any, originals: list[Any]) -> Any:
    """Return one of ``originals`` with up to four changes."""
    document = copy.deepcopy(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, 4))):
        paths = places(document)[1:]
        if not paths:
            break
        path = draw(st.sampled_from(paths))
        parent = document
        for key in path[:-1]:
            parent = parent[key]
        key = path[-1]
        match draw(st.sampled_from(["put", "put", "drop", "wrap", "deep", "copy", "key", "twice"])):
            case "put":
                parent[key] = copy.deepcopy(draw(st.sampled_from(STRANGE)))
            case "drop":
                del parent[key]
            case "wrap":
                parent[key] = draw(st.sampled_from([[parent[key]], {"config": parent[key]}]))
            case "deep":
                for _ in range(draw(st.sampled_from([30, 120, 200]))):
                    parent[key] = [parent[key]]
            case "copy":
                source = document
                for step in draw(st.sampled_from(paths)):
                    source = source[step]
                parent[key] = copy.deepcopy(source)
            case "key" if isinstance(parent, dict):
                parent[draw(st.sampled_from(["name", "class_name", "config", "layers", "x"]))] = (
                    parent.pop(key)
                )
            case "twice" if isinstance(parent, list):
                parent.insert(key, copy.deepcopy(parent[key]))
    return document


TOKENS = [
    "${", "}", "${vars.x}", "${a.${b}}", "${oc.env:HOME}", "*", "&a ", "*a", "<<: *a", "!!python/",
    "!x ", "- ", ": ", "? ", "|", ">", "#", "'", '"', "[", "]", "{", "}", ",", "\t", "\n", "\r",
    "\x00", "\x1b[0m", "\ufeff", "\u2028", "---\n", "...\n", "%YAML 9\n", "???", "~", "null", "yes",
    "0x", "1e999", "9" * 500, "a:b", "#0.0", "@", "~layers", "/", "..", "sources", "layers",
    "inputs", "exclude: [", "regex: '('", "{regex: '(a+)+$'}", "{from: x, to: y}", "extends: ",
    "trust: true", "é", "\U0001f600",
]  # fmt: skip


@st.composite
def texts(draw: Any, originals: list[str]) -> str:
    """Return one of ``originals`` with up to six changes."""
    text = draw(st.sampled_from(originals))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 20)))
        match draw(st.sampled_from(["insert", "insert", "cut", "double", "move", "any"])):
            case "insert":
                text = text[:start] + draw(st.sampled_from(TOKENS)) + text[start:]
            case "cut":
                text = text[:start] + text[end:]
            case "double":
                text = text[:end] + text[start:end] + text[end:]
            case "move":
                place = draw(st.integers(0, len(text)))
                text = text[:place] + text[start:end] + text[place:]
            case "any":
                text = text[:start] + draw(st.text(max_size=8)) + text[end:]
    return text


@st.composite
def damaged(draw: Any, original: bytes) -> bytes:
    """Return ``original`` with bits flipped, pieces cut out, repeated, or put elsewhere."""
    data = bytearray(original)
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, max(0, len(data) - 1)))
        length = draw(st.sampled_from([1, 2, 4, 8, 64, 1000]))
        match draw(st.sampled_from(["flip", "flip", "set", "cut", "repeat", "move", "end"])):
            case "flip" if data:
                data[start] ^= 1 << draw(st.integers(0, 7))
            case "set":
                value = draw(st.sampled_from([b"\x00", b"\xff", b"\x7f", b"\x01"]))
                data[start : start + length] = value * length
            case "cut":
                del data[start : start + length]
            case "repeat":
                data[start:start] = data[start : start + length]
            case "move":
                place = draw(st.integers(0, len(data)))
                data[place : place + length] = data[start : start + length]
            case "end":
                del data[start:]
    return bytes(data)
