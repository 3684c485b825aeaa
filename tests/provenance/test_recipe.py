"""The recipe in a linked file: where its layers come from, over several links too."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from composer.api import build
from composer.authoring.inspection import inspect_model
from composer.container.archive import open_archive
from composer.container.digests import digest_file
from composer.graphs.content_digest import digest_content
from composer.graphs.recipe import Recipe, RecipeSource, read_recipe, recipe_document
from composer.model_files.read_model import read_model
from composer.spec.source_forms import recorded_location
from tests.provenance.conftest import PAIR, repacked

AGAIN = "version: 1\nname: again\nsources:\n  mid: {from: pair.keras, prefix: m_%s}\n"


def built(spec: str, target: str, text: str | None = None) -> Recipe:
    if text is not None:
        Path(spec).write_text(text)
    recipe = read_model(build(spec, output=target).path).recipe
    assert recipe is not None
    return recipe


def test_a_linked_file_names_the_digests_of_all_that_it_was_made_from(folder: Path) -> None:
    recipe = built("pair.yaml", "pair.keras")
    tower = folder / "models" / "tower.keras"
    assert recipe.sources["a"] == RecipeSource(
        location="models/tower.keras",
        content=digest_content(tower),
        license="MIT",
    )
    assert recipe.lineage("a_conv1") == ("a:conv1",)
    assert recipe.lineage("nobody") == ()


def test_the_file_of_weights_is_named_with_its_digest(folder: Path) -> None:
    text = PAIR.replace("license: MIT", "weights: models/tower_b.keras")
    about = built("pair.yaml", "pair.keras", text).sources["a"]
    other = folder / "models" / "tower_b.keras"
    assert (about.weights, about.weights_sha256) == ("models/tower_b.keras", digest_file(other))
    assert about.content not in (digest_content(other), digest_content("models/tower.keras"))


def test_a_layer_is_traced_through_files_that_were_linked_themselves(folder: Path) -> None:
    first = built("pair.yaml", "pair.keras")
    second = built("again.yaml", "again.keras", AGAIN % ", exclude: [scores]")
    assert second.lineage("m_a_conv1") == ("mid:a_conv1", "a:conv1")
    assert second.lineage("m_hidden") == ("mid:hidden", "head:hidden")
    inner = second.sources["mid"].made_of
    assert inner is not None
    assert inner.sources == first.sources
    assert set(first.origins) - set(inner.origins) == {"scores"}
    assert [path for path, _ in second.every_source()] == [("mid",), ("mid", "a"), ("mid", "head")]


def test_a_source_of_which_nothing_is_left_is_not_named_behind_another(folder: Path) -> None:
    built("pair.yaml", "pair.keras")
    second = built("again.yaml", "again.keras", AGAIN % ", include: [{upto: a_pool}]")
    inner = second.sources["mid"].made_of
    assert inner is not None
    assert set(inner.sources) == {"a"}


def test_a_nested_source_is_traced_as_a_whole_and_a_flattened_one_by_its_parts(
    folder: Path,
) -> None:
    first = built("pair.yaml", "pair.keras")
    nested = "version: 1\nname: outer\nsources:\n  mid: {from: pair.keras, nested: whole}\n"
    outer = built("outer.yaml", "outer.keras", nested)
    assert outer.sources["mid"].made_of == first
    assert outer.lineage("whole") == ("mid:whole",)
    flat = "version: 1\nname: flat\nsources:\n  out: {from: outer.keras, flatten: true}\n"
    flattened = built("flat.yaml", "flat.keras", flat)
    assert flattened.lineage("whole_a_conv1") == ("out:whole/a_conv1", "mid:whole/a_conv1")


def test_a_spec_as_a_source_is_traced_too(folder: Path) -> None:
    text = (AGAIN % "").replace("pair.keras", "pair.yaml")
    recipe = built("again.yaml", "again.keras", text)
    assert recipe.sources["mid"].location == "pair.yaml"
    assert recipe.lineage("m_a_conv1") == ("mid:a_conv1", "a:conv1")


def test_inspect_shows_the_way_of_each_layer_and_every_source(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from composer.cli.running import run

    built("pair.yaml", "pair.keras")
    built("again.yaml", "again.keras", AGAIN % "")
    assert run(["inspect", "again.keras"]) == 0
    shown = capsys.readouterr().out
    digest = digest_content(folder / "models" / "tower.keras")
    assert f"    linked from a = models/tower.keras, content {digest[:12]}…, licence MIT\n" in shown
    assert "mid:a_conv1 ← a:conv1" in " ".join(shown.split())
    assert run(["inspect", "again.keras", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    (mid,) = document["sources"]
    assert [source["license"] for source in mid["sources"]] == ["MIT", None]
    conv = next(layer for layer in document["layers"] if layer["name"] == "m_a_conv1")
    assert (conv["origin"], conv["lineage"]) == ("mid:a_conv1", ["mid:a_conv1", "a:conv1"])


def test_no_folder_of_the_machine_gets_into_a_file(folder: Path, tmp_path: Path) -> None:
    absolute = folder.resolve() / "models" / "tower.keras"
    assert absolute.is_absolute()
    recipe = built("pair.yaml", "pair.keras", PAIR.replace("models/tower.keras", str(absolute)))
    assert recipe.sources["a"].location == "tower.keras"
    with open_archive("pair.keras") as archive:
        assert str(tmp_path) not in json.dumps(archive.metadata)


@pytest.mark.parametrize(
    ("location", "recorded"),
    [
        ("../models/a.keras", "../models/a.keras"),
        ("/home/somebody/a.keras", "a.keras"),
        ("~/a.keras", "a.keras"),
        ("file:///home/somebody/a.keras", "a.keras"),
        ("hub:/home/somebody/preset", "hub:preset"),
        ("hub:bert_tiny_en_uncased", "hub:bert_tiny_en_uncased"),
        ("app:ResNet50", "app:ResNet50"),
        ("https://u:word@host/a.keras?token=abcdefgh", "https://***@host/a.keras?token=***"),
    ],
)
def test_a_recorded_location_says_what_the_spec_says_but_no_secret_and_no_home(
    location: str, recorded: str
) -> None:
    assert recorded_location(location) == recorded


def test_the_recipe_is_the_same_wherever_the_spec_lies(folder: Path, tmp_path: Path) -> None:
    build("pair.yaml", output="pair.keras")
    other = tmp_path / "elsewhere" / "deep"
    shutil.copytree(folder, other)
    there = build(other / "pair.yaml", output=other / "again.keras")
    assert there.sha256 == digest_file(folder / "pair.keras")


HOSTILE = [
    None,
    3,
    [],
    {"sources": 1, "origins": {}},
    {"sources": {}, "origins": []},
]


@pytest.mark.parametrize("data", HOSTILE)
def test_what_is_no_recipe_counts_as_none(data: object) -> None:
    assert read_recipe(data) is None


def test_entries_of_the_wrong_form_are_left_out_and_depth_is_bounded() -> None:
    data: dict[str, object] = {
        "name": 5,
        "seed": True,
        "sources": {"a": {"from": ["x"], "license": 3, "sha256": "y" * 5000}, "b": "text"},
        "origins": {"x": 1, "y": "a:y"},
    }
    recipe = read_recipe(data)
    assert recipe == Recipe(name="", sources={"a": RecipeSource(location="")}, origins={"y": "a:y"})
    for _ in range(100):
        data = {"name": "n", "sources": {"s": {"from": "x", "linked": data}}, "origins": {}}
    deep = read_recipe(data)
    assert deep is not None
    assert len(list(deep.every_source())) == 32


def test_a_recipe_survives_writing_and_reading() -> None:
    inner = Recipe(name="in", sources={"x": RecipeSource(location="x.keras")}, origins={"l": "x:l"})
    about = RecipeSource(
        location="y", sha256="1", content="2", revision="3", license="4", weights="5",
        weights_sha256="6", made_of=inner,
    )  # fmt: skip
    recipe = Recipe(name="out", seed=3, sources={"y": about}, origins={"l": "y:l"})
    assert read_recipe(recipe_document(recipe)) == recipe


def test_secrets_that_a_foreign_recipe_holds_go_no_further(folder: Path) -> None:
    build("pair.yaml", output="pair.keras")
    repacked("pair.keras", "odd.keras", "models/tower.keras", "https://u:secret@h/t.keras")
    text = (AGAIN % "").replace("pair.keras", "odd.keras")
    made_of = built("again.yaml", "again.keras", text).sources["mid"].made_of
    assert made_of is not None
    assert made_of.sources["a"].location == "https://***@h/t.keras"
    assert inspect_model("again.keras").sources[0].sources[0].location.startswith("https")
