"""What an editor with yaml-language-server shows of a spec, asked over the protocol it speaks."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from composer.spec import spec_from_text
from tests.editor.language_server import LanguageServer, language_server

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SPECS = sorted((ROOT / "specs").glob("*.yaml"))
NPM = shutil.which("npm")
MODELINE = "# yaml-language-server: $schema=spec.schema.json\n"
NUMBERS = itertools.count()
"""Each text is a file of its own to the server."""
HEAD = "version: 1\nname: model\n"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(NPM is None, reason="npm is not installed"),
]


@pytest.fixture(scope="session")
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the server that package-lock.json names, installed once."""
    cache = getattr(request.config, "cache", None)
    folder = cache.mkdir("editor") if cache is not None else tmp_path_factory.mktemp("editor")
    found = folder / "node_modules" / ".bin" / "yaml-language-server"
    with FileLock(folder / "lock"):
        wanted = (HERE / "package-lock.json").read_text(encoding="utf-8")
        installed = folder / "package-lock.json"
        if not (found.exists() and installed.exists() and installed.read_text() == wanted):
            shutil.copy(HERE / "package.json", folder)
            shutil.copy(HERE / "package-lock.json", folder)
            assert NPM is not None
            done = subprocess.run(
                [NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=300,
            )
            assert done.returncode == 0, done.stderr
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of a user: the schema is what ``compose schema`` printed there."""
    folder = tmp_path_factory.mktemp("user")
    with (folder / "spec.schema.json").open("wb") as schema:
        subprocess.run(
            [sys.executable, "-m", "composer", "schema"],
            stdout=schema,
            check=True,
            timeout=60,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    shutil.copytree(ROOT / "specs", folder / "specs")
    shutil.copytree(ROOT / "schemas", folder / "schemas")
    return folder


@pytest.fixture(scope="module")
def server(program: Path, folder: Path) -> Iterator[LanguageServer]:
    with language_server(program, folder) as running:
        yield running


@pytest.fixture
def at(server: LanguageServer, folder: Path):
    """Return a function that opens a text and returns the file and the place of the ``|`` in it."""

    def open_there(text: str) -> tuple[Path, int, int]:
        before, _, after = (MODELINE + text).partition("|")
        file = folder / f"open_{next(NUMBERS)}.yaml"
        server.open(file, before + after)
        return file, before.count("\n"), len(before.rpartition("\n")[2])

    return open_there


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stem)
def test_a_shipped_spec_finds_its_schema_by_its_first_line_and_is_right(spec, server, folder):
    text = spec.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=../schemas/spec.schema.json\n")
    assert server.open(folder / "specs" / spec.name, text) == []
    # It was the schema that said so: without the name the same file is wrong.
    wrong = text.replace("\nname: ", "\nnaem: ")
    found = server.open(folder / "specs" / f"wrong_{spec.name}", wrong)
    assert {item["message"] for item in found} == {
        'Missing property "name".',
        "Property naem is not allowed.",
    }


PLACES = {
    "the top of a new file": ("|", {"version", "name", "extends", "sources", "layers", "outputs"}),
    "a source": (
        HEAD + "sources:\n  a:\n    from: x\n    |\n",
        {"prefix", "suffix", "rename", "exclude", "include", "bypass", "calls", "trust", "weights"},
    ),
    "a source on one line": (HEAD + "sources:\n  a: {from: x, pre|}\n", {"prefix", "suffix"}),
    "a new layer": (HEAD + "layers:\n  a:\n    |\n", {"class", "args", "inputs", "call", "calls"}),
    "a class": (HEAD + "layers:\n  a:\n    class: |\n", {"Dense", "Average", "Concatenate"}),
    "every class": (HEAD + "layers:\n  a:\n    class: Ran|\n", {"RandomZoom", "RandomHue"}),
    "the arguments of a class": (
        HEAD + "layers:\n  a:\n    class: Conv2D\n    args:\n      |\n",
        {"filters", "kernel_size", "padding", "activation", "dtype"},
    ),
    "the arguments of a class on one line": (
        HEAD + "layers:\n  a: {class: LSTM, args: {units: 3, ret|}}\n",
        {"return_sequences", "return_state"},
    ),
    "an activation": (
        HEAD + "layers:\n  a:\n    class: Dense\n    args:\n      activation: |\n",
        {"relu", "softmax", "gelu"},
    ),
    "the padding of a pool": (
        HEAD + "layers:\n  a:\n    class: MaxPooling2D\n    args:\n      padding: |\n",
        {"valid", "same"},
    ),
    "the arguments of a call": (
        HEAD + "layers:\n  a:\n    class: Attention\n    call:\n      |\n",
        {"training", "return_attention_scores", "use_causal_mask"},
    ),
    "a selector": (
        HEAD + "sources:\n  a:\n    from: x\n    exclude:\n    - |\n",
        {"regex", "class", "from", "upto", "after"},
    ),
    "a flag": (HEAD + "sources:\n  a:\n    from: x\n    trust: |\n", {"true", "false"}),
    "a dtype": (HEAD + "inputs:\n  a:\n    dtype: |\n", {"float32", "int32", "string", "bool"}),
    "a format": (
        HEAD + "output:\n  format: |\n",
        {"keras", "weights", "h5", "saved_model", "onnx", "tflite"},
    ),
    "how weights are paired": (
        HEAD + "sources:\n  a:\n    from: x\n    weights:\n      by: |\n",
        {"order", "names"},
    ),
}


@pytest.mark.parametrize(("text", "wanted"), PLACES.values(), ids=PLACES.keys())
def test_what_may_stand_at_a_place_is_offered(text, wanted, at, server):
    offered = server.complete(*at(text))
    assert wanted <= set(offered)
    # A list or a map as the first of several examples would be put in as this.
    assert not [item for item in offered.values() if "[object" in str(item.get("insertText"))]


def test_only_the_arguments_of_the_class_are_offered(at, server):
    offered = server.complete(*at(HEAD + "layers:\n  a:\n    class: Dense\n    args:\n      |\n"))
    assert "units" in offered
    assert not {"filters", "kernel_size", "input_shape"} & set(offered)
    said = offered["units"]["documentation"]
    assert "Required: a whole number above 0" in (said["value"] if isinstance(said, dict) else said)


def test_a_wrong_argument_of_a_class_is_underlined(server, folder):
    for layer, underlined in (
        ("{class: Dense, args: {units: 3}, inputs: b}", 0),
        ("{class: my_layers:Mine, args: {units: x}, inputs: b}", 0),
        ("{class: Dense, args: {units: 3, input_shape: [4]}, inputs: b}", 0),
        ('{class: Dense, args: {units: "${vars.n}"}, inputs: b}', 0),
        ("{class: Dense, args: {units: -3}, inputs: b}", 1),
        ("{class: Dense, args: {units: 3, activaton: relu}, inputs: b}", 1),
    ):
        text = HEAD + f"layers:\n  a: {layer}\n"
        found = server.open(folder / f"open_{next(NUMBERS)}.yaml", MODELINE + text)
        assert bool(found) == bool(underlined), (layer, found)


def test_what_is_offered_says_what_it_is_for(at, server):
    offered = server.complete(*at(HEAD + "sources:\n  a:\n    from: x\n    |\n"))
    said = offered["prefix"]["documentation"]
    text = said["value"] if isinstance(said, dict) else said
    assert text == "Added before every layer name of the source."
    # And a key that is there is not offered again.
    assert "from" not in offered


HOVERS = {
    "sou|rces: {a: {from: x}}\n": ("Models that the result is made from", "Sources by id."),
    "sources:\n  a:\n    from: x\n    pre|fix: a_\n": ("Prefix of layer names", "rn50_"),
    "sources:\n  a:\n    from: x\n    ren|ame: {a: b}\n": (
        "takes precedence over prefix and suffix",
        "probs",
    ),
    "sources:\n  a:\n    from: x\n    exclude: [{up|to: b}]\n": ("Last layer", "computed from"),
    "sources:\n  a:\n    from: x\n    inputs: ima|ge\n": ("SOURCE:LAYER", "backbone:pool"),
    "layers:\n  a: {cla|ss: Dense, inputs: b}\n": ("A class of keras.layers", "Dense"),
    "output: {sig|nature: dict}\n": ("'dict': a dictionary of inputs by final name", "dict"),
    "see|d: 1\n": ("are drawn from this seed", "42"),
}


@pytest.mark.parametrize(("text", "wanted"), HOVERS.items())
def test_a_key_under_the_mouse_is_explained_with_an_example(text, wanted, at, server):
    shown = server.hover(*at(HEAD + text))
    assert all(words in shown for words in wanted), shown


UNKNOWN = [
    HEAD + "sources:\n  a:\n    from: x\n    prefx: a_\n",
    HEAD + "sources: {a: {from: x, exlude: [b]}}\n",
    HEAD + "layers:\n  a: {class: Dense, units: 3, inputs: b}\n",
    HEAD + "output: {pth: a.keras}\n",
    HEAD + "source: {}\n",
]


@pytest.mark.parametrize("text", UNKNOWN)
def test_an_unknown_key_is_underlined_where_compose_points_at_it(text, server, folder):
    (underlined,) = server.open(folder / f"open_{next(NUMBERS)}.yaml", MODELINE + text)
    _, found = spec_from_text(MODELINE + text, file="a.yaml", directory=folder)
    told = next(item for item in found if item.code == "CMP201")
    assert underlined["severity"] == 1
    start, end = underlined["range"]["start"], underlined["range"]["end"]
    assert (start["line"] + 1, start["character"] + 1) == (told.span.line, told.span.column)
    assert (end["line"] + 1, end["character"] + 1) == (told.span.end_line, told.span.end_column)
    assert f"Property {told.path[-1]} is not allowed." == underlined["message"]
