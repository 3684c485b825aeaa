"""Plans and specs in a notebook: shown by IPython, and in a notebook that is really run."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import composer
from composer.views.picture.of_spec import picture_of_spec

ROOT = Path(__file__).parents[1]
SPEC = """\
version: 1
name: siamese
description: Two <b>images</b> through one tower.
inputs: {left: {shape: [16, 16, 3]}, right: {shape: [16, 16, 3]}}
sources:
  tower:
    from: models/tower.keras
    prefix: t_
    exclude: [drop, probs]
    calls: {a: {inputs: left}, b: {inputs: right}}
layers:
  apart: {class: Subtract, inputs: ["tower@a:pool", "tower@b:pool"]}
outputs: {distance: apart}
"""
RUN = """
import json, sys
import nbformat
from nbclient import NotebookClient
code = sys.stdin.read()
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
print(json.dumps(notebook.cells[0].outputs))
"""


@pytest.fixture
def folder(models, tmp_path, monkeypatch):
    (tmp_path / "models").symlink_to(models, target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    (tmp_path / "spec.yaml").write_text(SPEC)
    return tmp_path


def displayed(value: object) -> dict[str, str]:
    """Return what IPython puts into a notebook for a value."""
    from IPython.core.formatters import DisplayFormatter

    found, _ = DisplayFormatter().format(value)
    return found


def drawn(page: str) -> ET.Element:
    found = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert found is not None
    return ET.fromstring(base64.b64decode(found[1]))


def texts(picture: ET.Element) -> list[str]:
    return [element.text or "" for element in picture.iter("{http://www.w3.org/2000/svg}text")]


def test_a_plan_shows_itself_as_tables_and_picture(folder):
    shown = displayed(composer.plan("spec.yaml", deep=False))
    assert shown["text/plain"].startswith("Plan 'siamese': Two <b>images</b>")
    page = shown["text/html"]
    assert "Two &lt;b&gt;images&lt;/b&gt; through one tower.<br>4 layers" in page
    assert "<td>tower@a:pool</td><td>apart</td>" in page
    assert "<td>drop</td><td>Dropout</td><td>bypassed</td>" in page
    assert {"t_conv1", "apart", "tower = models/tower.keras"} <= set(texts(drawn(page)))


def test_a_spec_shows_itself_though_its_sources_are_not_there(folder):
    (folder / "models").unlink()
    shown = displayed(composer.load_spec("spec.yaml"))
    assert shown["text/plain"] == "Spec 'siamese': 2 inputs, 1 source, 1 new layer"
    page = shown["text/html"]
    assert "<td>tower</td><td>models/tower.keras</td><td>t_…</td><td>drop, probs</td>" in page
    assert "<td>apart</td><td>Subtract</td><td>tower@a:pool, tower@b:pool</td>" in page
    assert {"left", "tower", "@a:pool", "distance"} <= set(texts(drawn(page)))


def test_the_picture_of_a_spec_has_each_wire_of_it(folder):
    picture = picture_of_spec(composer.load_spec("spec.yaml"))
    names = {id_: node.name for id_, node in picture.nodes.items()}
    assert [(names[edge.start], names[edge.end], edge.shape) for edge in picture.edges] == [
        ("left", "tower", ""),
        ("right", "tower", ""),
        ("tower", "apart", "@a:pool"),
        ("tower", "apart", "@b:pool"),
        ("apart", "distance", ""),
    ]


def test_without_the_extra_the_tables_are_there_and_say_so(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "py_mini_racer", None)
    page = displayed(composer.plan("spec.yaml", deep=False))["text/html"]
    assert "<img" not in page
    assert "pip install &#x27;keras-compose[graph]&#x27;" in page
    assert "<td>tower@a:pool</td>" in page


def test_a_notebook_asks_for_what_it_wants(folder):
    from IPython.core.formatters import DisplayFormatter

    spec = composer.load_spec("spec.yaml")
    only, _ = DisplayFormatter().format(spec, include={"text/plain"})
    assert set(only) == {"text/plain"}


@pytest.mark.slow
def test_the_cell_of_the_page_on_pictures_shows_what_the_page_says(folder):
    page = (ROOT / "docs" / "pictures.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (folder / "specs").symlink_to(ROOT / "specs")
    outputs = {}
    for last in ("plan", "spec"):
        cell = (
            f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code.rpartition('plan')[0]}{last}\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", RUN], input=cell, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        (result,) = json.loads(done.stdout.splitlines()[-1])
        outputs[last] = result["data"]
    for last in ("plan", "spec"):
        assert "<table>" in outputs[last]["text/html"]
        assert texts(drawn(outputs[last]["text/html"]))
