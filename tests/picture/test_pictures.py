"""What is drawn: nothing missing, nothing in a circle, one page, whatever names and sizes."""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from composer.cli.running import run
from composer.errors import UsageError
from composer.graphs.graph import Call, Graph, Operation, Tensor, TensorRef, TensorSpec
from composer.views.picture.collect import picture_of_model
from composer.views.picture.dot import dot
from composer.views.picture.fold import PAGE
from composer.views.picture.layout import MOST
from composer.views.picture.mermaid import mermaid
from composer.views.picture.model import Fold
from composer.views.picture.svg import svg
from composer.views.picture.visible import view_of

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"
SPEC = """\
version: 1
name: pair
sources:
  a: {from: models/tower.keras, prefix: a_, exclude: [drop, probs]}
  head: {from: models/head.keras, inputs: a}
layers:
  more: {class: Dense, args: {units: 3}, inputs: head}
"""
HOSTILE = '"]; x <script>alert(1)</script> & </svg> \\" -- `b` #quot; %%{init}%% ]] --> end\x1b\n'


def operation(name: str, class_name: str, *producers: str) -> Operation:
    spec = TensorSpec((None, 4), "float32")
    calls = (Call(args=tuple(Tensor(TensorRef(p), spec) for p in producers)),) if producers else ()
    return Operation(
        name=name,
        kind="layer" if producers else "input",
        class_name=class_name,
        module="keras.layers",
        registered_name=None,
        config={} if producers else {"batch_shape": [None, 4], "dtype": "float32"},
        calls=calls,
    )


def graph_of(operations: list[Operation]) -> Graph:
    last = operations[-1].name
    return Graph(
        name="g",
        operations=tuple(operations),
        inputs=TensorRef(operations[0].name),
        outputs=TensorRef(last),
    )


def residual(blocks: int, name: str) -> Graph:
    """Return blocks of five layers with a shortcut; ``name`` is formatted with block and layer."""
    found, last, number = [operation("in", "InputLayer")], "in", 0
    for block in range(blocks):
        start = last
        for layer, class_name in enumerate(("Conv2D", "BatchNormalization", "ReLU", "Conv2D")):
            new = name.format(block=block, layer=layer, number=number)
            found.append(operation(new, class_name, last))
            last, number = new, number + 1
        new = name.format(block=block, layer="add", number=number)
        found.append(operation(new, "Add", last, start))
        last, number = new, number + 1
    return graph_of(found)


def check_whole(picture, unfold=()):
    """Every node is there once, and what is shown has no circle."""
    everything = [
        id_ for item in picture.folds for id_ in (item.nodes if isinstance(item, Fold) else (item,))
    ]
    assert Counter(everything) == Counter(dict.fromkeys(picture.nodes, 1))
    view = view_of(picture, unfold)
    waiting = {node.id: 0 for node in view.nodes}
    for line in view.lines:
        waiting[line.end] += 1
    ready = [id_ for id_, count in waiting.items() if not count]
    seen = 0
    while ready:
        id_ = ready.pop()
        seen += 1
        for line in view.lines:
            if line.start == id_:
                waiting[line.end] -= 1
                if not waiting[line.end]:
                    ready.append(line.end)
    assert seen == len(view.nodes)
    return view


def test_blocks_with_numbers_are_one_node_with_their_number():
    view = check_whole(picture_of_model(residual(12, "stage_block{block}_{layer}")))
    folds = [node for node in view.nodes if node.folded]
    assert [node.lines for node in folds] == [
        ("stage_block0 … stage_block11", "12 \N{MULTIPLICATION SIGN} 5 layers")
    ]


def test_blocks_without_names_are_found_by_their_pattern():
    view = check_whole(picture_of_model(residual(40, "layer_{number}")))
    assert [n.lines[1] for n in view.nodes if n.folded] == ["40 \N{MULTIPLICATION SIGN} 5 layers"]


def test_a_fold_opens_where_a_layer_in_it_matches_and_nowhere_else():
    picture = picture_of_model(residual(12, "stage_block{block}_{layer}"))
    view = check_whole(picture, ["stage_block3_add"])
    shown = {node.lines[0] for node in view.nodes}
    assert {f"stage_block3_{layer}" for layer in (0, 1, 2, 3, "add")} <= shown
    assert {"stage_block2", "stage_block4"} <= shown
    everything = check_whole(picture, ["*"])
    assert not any(node.folded for node in everything.nodes)
    assert len(everything.nodes) == 12 * 5 + 2


@pytest.mark.parametrize("blocks", [100, 1000])
def test_any_number_of_layers_is_one_page(blocks):
    regular = picture_of_model(residual(blocks, "layer_{number}"))
    assert len(check_whole(regular).nodes) <= PAGE + 2
    chain = [operation("in", "InputLayer")]
    for number in range(blocks * 5):  # no pattern: the classes come in no period
        last = chain[-1].name
        chain.append(operation(f"x{number}", f"C{number * number % 97 * number % 13}", last))
    assert len(check_whole(picture_of_model(graph_of(chain))).nodes) <= PAGE + 2


def test_the_same_model_gives_the_same_picture():
    pictures = [view_of(picture_of_model(residual(9, "b{block}_{layer}"))) for _ in range(2)]
    assert pictures[0] == pictures[1]
    assert svg(pictures[0]) == svg(pictures[1])


def test_a_layer_that_is_called_on_what_it_gave_is_drawn():
    calls = tuple(
        Call(args=(Tensor(ref, TensorSpec((None, 4), "float32")),))
        for ref in (TensorRef("in"), TensorRef("again"))
    )
    layer = Operation(
        name="again", kind="layer", class_name="Dense", module="keras.layers",
        registered_name=None, config={}, calls=calls,
    )  # fmt: skip
    view = view_of(picture_of_model(graph_of([operation("in", "InputLayer"), layer])))
    assert ("n1", "n1") in {(line.start, line.end) for line in view.lines}
    ET.fromstring(svg(view))


def parsed(text: str):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pydot

        graphs = pydot.graph_from_dot_data(text)
    assert graphs is not None
    (graph,) = graphs
    return graph


def test_a_name_can_not_leave_its_place():
    graph = graph_of([operation("in", "InputLayer"), operation(HOSTILE, HOSTILE, "in")])
    view = view_of(picture_of_model(graph))
    drawn = ET.fromstring(svg(view))
    assert {element.tag for element in drawn.iter()} <= {
        f"{SVG}{tag}"
        for tag in ("svg", "title", "style", "rect", "g", "text", "polyline", "polygon")
    }
    assert any("<script>" in (element.text or "") for element in drawn.iter(f"{SVG}title"))
    found = parsed(dot(view))
    assert len(found.get_edges()) == 2
    assert {n.get_name() for n in found.get_nodes()} - {"graph", "node", "edge", '"\\n"'} == {
        "n0", "n1", "n2",
    }  # fmt: skip
    lines = mermaid(view).splitlines()
    assert sum(line.strip().startswith("n1[") for line in lines) == 1
    (label,) = [line.strip() for line in lines if line.strip().startswith("n1[")]
    assert label.startswith('n1["')
    assert label.endswith('"]')
    assert not set(label[4:-2].replace("<br>", "")) & set('"<>\\`&%')


@pytest.fixture
def folder(models, tmp_path, monkeypatch):
    (tmp_path / "models").symlink_to(models, target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    (tmp_path / "spec.yaml").write_text(SPEC)
    return tmp_path


def test_every_form_is_written_and_its_ending_chooses_it(folder, capsys):
    for file in ("p.svg", "p.png", "p.mmd", "new/p.dot"):
        assert run(["graph", "spec.yaml", "-o", file]) == 0
    drawn = ET.fromstring((folder / "p.svg").read_text())
    texts = [element.text for element in drawn.iter(f"{SVG}text")]
    assert "more" in texts
    titles = [element.text for element in drawn.iter(f"{SVG}title")]
    assert "a = models/tower.keras" in titles
    assert (folder / "p.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert (folder / "p.mmd").read_text().startswith("flowchart TB\n")
    found = parsed((folder / "new" / "p.dot").read_text())
    assert len(found.get_subgraphs()) == 2
    assert not list(folder.glob(".*"))


def test_what_is_left_out_is_shown_on_demand_only(folder, capsys):
    assert run(["graph", "spec.yaml"]) == 0
    plain = capsys.readouterr().out
    assert "drop" not in plain
    assert run(["graph", "spec.yaml", "--all"]) == 0
    full = capsys.readouterr().out
    assert "Dense<br>dropped" in full
    assert "-.->" in full
    assert "classDef leftOut" in full


def test_the_shape_stands_on_the_edges_that_the_spec_made(folder, capsys):
    assert run(["graph", "spec.yaml", "--format", "dot"]) == 0
    found = parsed(capsys.readouterr().out)
    inside = {
        sub.get_name(): {n.get_name() for n in sub.get_nodes()} for sub in found.get_subgraphs()
    }
    across = [
        edge
        for edge in found.get_edges()
        if not any(
            {edge.get_source(), edge.get_destination()} <= names for names in inside.values()
        )
    ]
    assert len(across) == 3
    assert all(edge.get("label") and edge.get("penwidth") == "2" for edge in across[:2])


def test_a_png_has_its_text(folder):
    """The font is ours: a machine without fonts would else draw empty boxes."""
    from composer.views.picture.png import png

    with_text = picture_of_model(
        graph_of([operation("in", "InputLayer"), operation("l", "D", "in")])
    )
    text = svg(view_of(with_text))
    assert len(png(text)) > len(png(text.replace(">InputLayer<", "><"))) + 200


def test_a_linked_model_shows_where_its_layers_come_from(folder, capsys):
    (folder / "plain.yaml").write_text(SPEC.partition("layers:")[0])
    assert run(["build", "plain.yaml", "-o", "linked.keras"]) == 0
    capsys.readouterr()
    assert run(["graph", "linked.keras"]) == 0
    out = capsys.readouterr().out
    assert 'subgraph box0["a = models/tower.keras"]' in out
    assert "==>" in out


@pytest.mark.parametrize("missing", ["py_mini_racer", "resvg_py"])
def test_a_missing_extra_is_named(folder, capsys, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    assert run(["graph", "spec.yaml", "-o", "p.png"]) == 2
    assert "pip install 'keras-compose[graph]'" in capsys.readouterr().err
    assert not (folder / "p.png").exists()
    assert run(["graph", "spec.yaml", "-o", "p.dot"]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["spec.yaml", "-o", "p.jpg"], "p.jpg has no known extension"),
        (["spec.yaml", "models/head.keras"], "one is drawn at a time"),
        (["models/head.keras", "--all"], "--all is for a spec"),
        (["models/head.keras", "a.b=1"], "a.b=1 is for a spec"),
        (["missing.yaml"], "there is no file missing.yaml"),
        (["missing.keras"], "there is no file missing.keras"),
    ],
)
def test_what_can_not_be_drawn_is_refused(folder, capsys, arguments, words):
    assert run(["graph", *arguments]) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert not captured.out


def test_a_pattern_that_opens_nothing_is_told(folder, capsys):
    assert run(["graph", "spec.yaml", "--unfold", "conv9_*"]) == 0
    assert "--unfold conv9_*: no layer and no fold has such a name" in capsys.readouterr().err


def test_an_override_changes_the_picture(folder, capsys):
    assert run(["graph", "spec.yaml", "sources.a.prefix=other_"]) == 0
    captured = capsys.readouterr()
    assert "other_conv1" in captured.out
    assert captured.err == ""


def test_what_only_keras_can_tell_is_said_beside_the_picture(folder, capsys):
    (folder / "spec.yaml").write_text(
        SPEC.replace("Dense, args: {units: 3}", "Discretization, args: {num_bins: 2}")
    )
    assert run(["graph", "spec.yaml"]) == 0
    assert (
        "no shapes yet behind more (Discretization): --deep asks Keras for them"
        in capsys.readouterr().err
    )


def test_more_nodes_than_the_layout_can_take_are_refused():
    view = view_of(picture_of_model(residual(MOST // 5 + 1, "layer_{number}")), ["*"])
    with pytest.raises(UsageError, check=lambda error: error.key == "CMP113.picture-nodes"):
        svg(view)


@pytest.mark.keras
@pytest.mark.slow
def test_the_picture_of_the_readme_is_what_compose_graph_draws_of_its_recipe(folder, golden):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "(docs/images/pair.svg)" in readme
    (folder / "models").unlink()
    assert run(["init", "--example"]) == 0
    assert run(["graph", "pair.yaml", "--deep", "-o", "build/picture.svg"]) == 0
    golden(ROOT / "docs/images/pair.svg", (folder / "build/picture.svg").read_text())
