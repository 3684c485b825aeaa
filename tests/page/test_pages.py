"""What a page holds, read without a browser: all of the plan, nothing from elsewhere, no way out."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from html.parser import HTMLParser
from pathlib import Path

import pytest

from composer.cli.running import run
from composer.container.digests import digest_tensors
from composer.views.page.html import html
from composer.views.page.layer import in_words
from composer.views.page.model import Detail, Page, Row, Section, Table
from composer.views.picture.model import Arrow, Box, Node, Picture

SPEC = """\
version: 1
name: pair
description: Two towers, "<b>" & more.
inputs: {image: {shape: [16, 16, 3]}}
sources:
  a: {from: models/tower.keras, prefix: a_, exclude: [drop, probs], inputs: image}
  b: {from: models/tower_b.keras, prefix: b_, exclude: [drop, probs], inputs: image}
layers:
  mean: {class: Average, inputs: [a, b]}
"""
HOSTILE = (
    "</script><img src=x onerror=\"document.title='out'\"><!-- ]]> '\" &amp; {{data}} \u2028 \ud800"
)

NOTHING = Picture(name="", nodes={}, edges=(), boxes=(), folds=())


@pytest.fixture
def folder(models, tmp_path, monkeypatch):
    (tmp_path / "models").symlink_to(models, target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    (tmp_path / "spec.yaml").write_text(SPEC)
    return tmp_path


class Parsed(HTMLParser):
    """The elements of a page, and the text of those that hold text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.inside = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.texts.append("")
        self.inside = True

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.texts[-1] += data

    def of(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [
            (attributes, text)
            for (found, attributes), text in zip(self.elements, self.texts, strict=True)
            if found == tag
        ]


def data(file: Path) -> dict:
    scripts = Parsed(file.read_text(encoding="utf-8")).of("script")
    return json.loads(next(text for attributes, text in scripts if attributes.get("id") == "data"))


def node(found: dict, name: str) -> dict:
    return next(node for node in found["picture"]["nodes"] if node["name"] == name)


def section(node: dict, title: str) -> list:
    return next(part["rows"] for part in node["sections"] if part["title"] == title)


def hostile_page() -> Page:
    plain = {"original": HOSTILE, "class_name": HOSTILE, "kind": "kept", "box": "s"}
    nodes = {
        id_: Node(id=id_, name=f"{HOSTILE} {id_}", note=HOSTILE, **plain) for id_ in ("n0", "n1")
    }
    detail = Detail(
        facts=((HOSTILE, HOSTILE),),
        sections=(Section(title=HOSTILE, columns=(HOSTILE,), rows=((HOSTILE,),)),),
        marks=("changed",),
    )
    return Page(
        title=HOSTILE,
        summary=HOSTILE,
        picture=Picture(
            name=HOSTILE,
            nodes=nodes,
            edges=(Arrow(start="n0", end="n1", shape=HOSTILE, seam=True),),
            boxes=(Box(id="s", title=HOSTILE),),
            folds=("n0", "n1"),
        ),
        details={"n0": detail, "n1": detail},
        tables=(Table(id="t", title=HOSTILE, columns=(HOSTILE,), rows=(Row(cells=(HOSTILE,)),)),),
        differences=True,
    )


def test_a_page_says_of_each_layer_where_it_comes_from_and_what_its_weights_are(folder):
    assert run(["plan", "spec.yaml", "--html", "new/page.html"]) == 0
    found = data(folder / "new" / "page.html")
    conv = node(found, "a_conv1")
    assert ["from", "a:conv1"] in conv["facts"]
    assert ["source", "models/tower.keras"] in conv["facts"]
    assert ["output", "(None, 14, 14, 8) float32"] in conv["facts"]
    assert ["kernel_size", "[3, 3]"] in section(conv, "Arguments")
    digests = digest_tensors(folder / "models" / "tower.keras")
    weights = section(conv, "Weights")
    assert weights[0][1] == "3 × 3 × 3 × 8"
    assert [row[3] for row in weights] == [
        digests[f"layers/conv2d/vars/{number}"].sha256 for number in (0, 1)
    ]
    (wire,) = section(conv, "Wired by the spec")
    assert wire[0] == "image"
    assert node(found, "drop")["out"] is True
    assert ["status", "bypassed by a:conv1"] in node(found, "drop")["facts"]
    assert [table["title"] for table in found["tables"]] == [
        "Link map", "Layers", "Connections", "Weights", "Inputs and outputs", "Sources",
    ]  # fmt: skip
    rows = next(table["rows"] for table in found["tables"] if table["id"] == "map")
    assert ["a", "conv1", "Conv2D", "renamed", "a_conv1", None, 1] in [row[1:] for row in rows]
    leads = {row[2]: row[0] for row in rows if row[1] == "a"}
    assert leads["conv1"] == conv["id"]


def test_a_page_is_beside_what_the_verb_shows_and_the_same_each_time(folder, capsys):
    assert run(["plan", "spec.yaml"]) == 0
    plain = capsys.readouterr()
    for name in ("first.html", "second.HTM"):
        assert run(["plan", "spec.yaml", "--html", name]) == 0
        shown = capsys.readouterr()
        assert shown.out == plain.out
        assert f"{name}: open it in a browser" in shown.err
    assert (folder / "first.html").read_bytes() == (folder / "second.HTM").read_bytes()
    assert run(["plan", "spec.yaml", "--json", "--html", "third.html"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "pair"
    assert (folder / "first.html").read_bytes() == (folder / "third.html").read_bytes()
    assert str(folder) not in (folder / "first.html").read_text()
    assert not list(folder.glob(".[!s]*"))


def test_what_is_left_out_is_shown_from_the_start_on_demand(folder):
    for arguments, wanted in (([], False), (["--all"], True)):
        assert run(["plan", "spec.yaml", "--html", "page.html", *arguments]) == 0
        assert data(folder / "page.html")["leftOut"] is wanted


def test_what_only_keras_knows_is_said_to_be_open(folder):
    (folder / "spec.yaml").write_text(
        SPEC + "  top: {class: Dense, args: {units: 3}, inputs: mean}\n"
    )
    assert run(["plan", "spec.yaml", "--html", "page.html"]) == 0
    found = data(folder / "page.html")
    assert "not known yet: mean, top" in found["summary"]
    top = node(found, "top")
    assert ["shape and weights", "known once Keras was asked (--deep)"] in top["facts"]


@pytest.mark.parametrize("verb", [["plan", "spec.yaml"], ["diff", "spec.yaml", "spec.yaml"]])
def test_a_page_is_written_to_no_other_file_by_mistake(folder, capsys, verb):
    assert run([*verb, "--html", "spec.yaml"]) == 2
    assert "expected a name that ends in .html" in capsys.readouterr().err
    assert (folder / "spec.yaml").read_text() == SPEC
    (folder / "taken.html").mkdir()
    assert run([*verb, "--html", "taken.html"]) == 2
    assert "taken.html can't be written" in capsys.readouterr().err


def test_a_spec_that_is_wrong_leaves_no_page(folder):
    (folder / "page.html").write_text("before")
    (folder / "spec.yaml").write_text(SPEC.replace("[a, b]", "[a, c]"))
    assert run(["plan", "spec.yaml", "--html", "page.html"]) == 1
    assert run(["diff", "spec.yaml", "spec.yaml", "--html", "page.html"]) == 1
    assert (folder / "page.html").read_text() == "before"


# ---------------------------------------------------------------- nothing in, nothing out


def test_nothing_is_loaded_from_elsewhere_and_only_what_is_ours_may_run():
    text = html(hostile_page())
    parsed = Parsed(text)
    policy = next(
        attributes["content"]
        for attributes, _ in parsed.of("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    scripts = [text for attributes, text in parsed.of("script") if "type" not in attributes]
    styles = [text for _, text in parsed.of("style")]
    for texts, directive in ((scripts, "script-src"), (styles, "style-src")):
        digests = [b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in texts]
        allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
        assert f"{directive} {allowed};" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for tag, attributes in parsed.elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base")
        assert "src" not in attributes
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        assert (attributes.get("href") or "#").startswith("#")


def test_a_name_can_not_leave_its_place():
    text = html(hostile_page())
    parsed = Parsed(text)
    plain = Parsed(html(Page(title="t", summary="", picture=NOTHING, details={}, tables=())))
    assert [tag for tag, _ in parsed.elements] == [tag for tag, _ in plain.elements]
    (found,) = [t for attributes, t in parsed.of("script") if attributes.get("id") == "data"]
    assert not set("<>&") & set(found)
    read = json.loads(found)
    assert read["title"] == HOSTILE
    assert read["picture"]["nodes"][0]["name"] == f"{HOSTILE} n0"
    text.encode("utf-8")


def test_the_scripts_put_text_on_the_screen_as_text_only():
    assets = Path(__file__).parents[2] / "composer" / "page" / "assets"
    for file in assets.glob("*.js"):
        text = file.read_text(encoding="utf-8")
        found = re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b|Function\(",
            text,
        )
        assert not found, file.name


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            {"class_name": "HeNormal", "config": {"seed": None}, "module": "m"},
            "HeNormal(seed=null)",
        ),
        ({"class_name": "Zeros", "config": {}, "registered_name": None}, "Zeros()"),
        ({"a": [1, "b"], "shared_object_id": 7}, '{a: [1, "b"]}'),
        (True, "true"),
        (1, "1"),
        ("relu", "relu"),
        ("x" * 2000, f"{'x' * 1000}… (2,000 characters)"),
    ],
)
def test_an_argument_reads_as_people_write_it(value, words):
    assert in_words(value) == words


# ---------------------------------------------------------------- differences


def test_a_page_of_a_difference_marks_in_words_what_is_another(folder, capsys):
    other = SPEC.replace("prefix: b_", "prefix: right_").replace(
        "[drop, probs], inputs: image}\n  b", "[probs], inputs: image}\n  b"
    )
    (folder / "other.yaml").write_text(other.replace("Average", "Maximum"))
    assert run(["diff", "spec.yaml", "other.yaml", "--html", "page.html"]) == 4
    assert "+ a_drop" in capsys.readouterr().out
    found = data(folder / "page.html")
    marks = {node["name"]: node["marks"] for node in found["picture"]["nodes"] if node["marks"]}
    assert marks == {
        "a_drop": ["added"],
        "a_conv2": ["rewired"],
        "right_conv1": ["renamed"],
        "right_conv2": ["renamed"],
        "right_pool": ["renamed"],
        "mean": ["changed"],
    }
    names = {node["id"]: node["name"] for node in found["picture"]["nodes"]}
    edges = {
        (names[edge["start"]], names[edge["end"]]): edge["mark"]
        for edge in found["picture"]["edges"]
        if edge["mark"]
    }
    assert edges == {
        ("a_conv1", "a_drop"): "added",
        ("a_drop", "a_conv2"): "added",
        ("a_conv1", "a_conv2"): "removed",
    }
    assert ["class", "Average", "Maximum"] in section(node(found, "mean"), "What changed")
    rows = [row[1:] for row in found["tables"][0]["rows"]]
    assert ["~ changed", "mean", "", "class", "Average", "Maximum"] in rows
    assert ["» renamed", "right_conv1", "", "name", "b_conv1", "right_conv1"] in rows


def test_a_removed_layer_and_a_removed_output_stay_in_the_picture(folder):
    (folder / "other.yaml").write_text(
        SPEC.replace("[drop, probs]", "[probs]") + "outputs: {mean: mean, pool: 'a:pool'}\n"
    )
    (folder / "spec.yaml").write_text(SPEC + "outputs: {mean: mean}\n")
    assert run(["diff", "other.yaml", "spec.yaml", "--html", "page.html"]) == 4
    found = data(folder / "page.html")
    drop = node(found, "a_drop")
    assert drop["marks"] == ["removed"]
    assert drop["box"] == "a"
    pool = node(found, "pool")
    assert (pool["kind"], pool["marks"]) == ("output", ["removed"])


def test_other_weights_are_told_with_their_distance(folder):
    (folder / "other.yaml").write_text(SPEC.replace("tower_b.keras", "tower.keras"))
    assert run(["diff", "spec.yaml", "other.yaml", "--html", "page.html"]) == 4
    conv = node(data(folder / "page.html"), "b_conv1")
    assert conv["marks"] == ["weights"]
    ((path, _, words),) = section(conv, "What changed")
    assert path == "vars/0"
    assert words.startswith("216 of 216 values differ, by ")


def test_plans_and_locks_have_pages_as_far_as_they_tell(folder, capsys):
    assert run(["plan", "spec.yaml", "--json"]) == 0
    (folder / "plan.json").write_text(capsys.readouterr().out)
    assert run(["diff", "plan.json", "spec.yaml", "--html", "same.html"]) == 3
    same = data(folder / "same.html")
    assert same["summary"].startswith(
        "no difference in 8 layers; plan.json is a plan: it holds no "
    )
    assert not [node for node in same["picture"]["nodes"] if node["marks"]]
    assert run(["lock", "spec.yaml"]) == 0
    (folder / "old.lock.json").write_text((folder / "spec.lock.json").read_text())
    (folder / "spec.yaml").write_text(SPEC.replace("prefix: b_", "prefix: c_"))
    assert run(["lock", "spec.yaml"]) == 0
    assert run(["diff", "old.lock.json", "spec.lock.json", "--html", "locks.html"]) == 4
    locks = data(folder / "locks.html")
    assert locks["wired"] is False
    rows = [row[1:] for row in locks["tables"][0]["rows"]]
    assert ["» renamed", "c_conv1", "", "name", "b_conv1", "c_conv1"] in rows
