"""The examples of the pages on names, graph and sources, run; and how each problem looks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from composer.diagnostics.codes import codes, page
from composer.diagnostics.diagnostic import Diagnostic
from composer.diagnostics.render import render
from composer.workflows.pipeline import prepare
from tests.graphs.weights.damage import damaged, exchange_groups

GOLDEN = Path(__file__).parent / "golden"
NEED_KERAS = {"CMP410", "CMP411", "CMP412", "CMP426"}
MINE = [code for code in codes() if code >= "CMP300"]
SPECS = [
    pytest.param(code, marks=pytest.mark.keras) if code in NEED_KERAS else code
    for code in MINE
    if page(code).wrong is not None
]


def _problems(text: str | None, code: str) -> tuple[Diagnostic, ...]:
    assert text is not None
    Path("spec.yaml").write_text(text, encoding="utf-8")
    return prepare("spec.yaml", deep=code in NEED_KERAS).diagnostics


def _screen(diagnostics: tuple[Diagnostic, ...]) -> str:
    # The digest of a file that Keras saved depends on when it did so.
    return re.sub(r"sha256 is [0-9a-f]{64}", "sha256 is …", render(diagnostics, "full"))


@pytest.mark.parametrize("code", SPECS)
def test_the_wrong_example_gives_its_code_alone_and_says_what_to_do(code, workspace, golden):
    found = _problems(page(code).wrong, code)
    assert {diagnostic.code for diagnostic in found} == {code}
    # What Keras says of a layer that it can't make holds its own suggestion.
    assert code == "CMP410" or all(diagnostic.help for diagnostic in found)
    golden(GOLDEN / f"{code}.txt", _screen(found))


@pytest.mark.parametrize("code", SPECS)
def test_the_right_example_gives_no_diagnostic_at_all(code, workspace):
    assert _problems(page(code).right, code) == ()


@pytest.mark.keras
def test_what_keras_says_of_an_argument_is_told_at_the_argument(workspace):
    wrong = page("CMP410").wrong
    assert wrong is not None
    (found,) = _problems(wrong, "CMP410")
    assert found.path[:3] == ("layers", "scores", "args")


PROSE = {
    "CMP305", "CMP415", "CMP502", "CMP506", "CMP507", "CMP509", "CMP510", "CMP511", "CMP513",
    "CMP514", "CMP516", "CMP520", "CMP521", "CMP524", "CMP526", "CMP527", "CMP528",
    "CMP529", "CMP530", "CMP531", "CMP533", "CMP534", "CMP535", "CMP536", "CMP537", "CMP601", "CMP602", "CMP603", "CMP604", "CMP605", "CMP606",
    "CMP607", "CMP608", "CMP609", "CMP610", "CMP613", "CMP614", "CMP615",
    "CMP705", "CMP707", "CMP708", "CMP710", "CMP711", "CMP712", "CMP713", "CMP714",
    "CMP420", "CMP421", "CMP422", "CMP545", "CMP551", "CMP552", "CMP616", "CMP620", "CMP716",
    "CMP546", "CMP560",
}  # fmt: skip


def test_only_codes_about_files_have_no_spec_that_gives_them():
    assert {code for code in MINE if page(code).wrong is None} == PROSE


def _forgetful(config: dict) -> None:
    """Make the last layer one of a class that keeps neither name nor flag."""
    layer = config["config"]["layers"][-1]
    layer |= {"module": "my_pkg", "class_name": "Scale", "registered_name": "my_pkg>Scale"}
    layer["config"] = {"factor": 2.0}


def _spec(text: str) -> tuple[Diagnostic, ...]:
    return _problems(f"version: 1\nname: model\nsources:\n  odd: {{{text}}}\n", "")


def test_a_layer_whose_config_forgets_its_name_can_stay_and_not_be_renamed(
    changed_model, workspace, golden
):
    changed_model("tower", "odd.keras", _forgetful)
    assert _spec("from: odd.keras") == ()
    found = _spec("from: odd.keras, prefix: a_")
    assert [d.code for d in found] == ["CMP305"]
    golden(GOLDEN / "CMP305.txt", _screen(found))


def test_a_layer_whose_config_forgets_its_flag_is_named(changed_model, workspace, golden):
    changed_model("tower", "odd.keras", _forgetful)
    found = _spec("from: odd.keras, trainable: false")
    assert [d.code for d in found] == ["CMP415"]
    golden(GOLDEN / "CMP415.txt", _screen(found))


def test_a_pointer_that_git_lfs_left_is_no_keras_file(workspace, golden):
    (workspace / "odd.keras").write_text("version https://git-lfs.github.com/spec/v1\n")
    found = _spec("from: odd.keras")
    assert [d.code for d in found] == ["CMP502"]
    golden(GOLDEN / "CMP502.txt", _screen(found).replace(str(workspace), "…"))


def test_a_subclassed_model_holds_no_graph(changed_model, workspace, golden):
    def subclass(config: dict) -> None:
        config |= {"module": "my_pkg", "class_name": "Backbone", "registered_name": "Backbone"}
        config["config"] = {"depth": 12}

    changed_model("tower", "odd.keras", subclass)
    found = _spec("from: odd.keras")
    assert [d.code for d in found] == ["CMP506"]
    golden(GOLDEN / "CMP506.txt", _screen(found))


def test_a_layer_that_is_python_code_is_refused_by_name(changed_model, workspace, golden):
    def inline(config: dict) -> None:
        layer = config["config"]["layers"][2]
        layer |= {"class_name": "Lambda"}
        code = {"class_name": "__lambda__", "config": {"code": "4wEAAAA=", "defaults": None}}
        layer["config"] = {"name": "drop", "trainable": True, "function": code}

    changed_model("tower", "odd.keras", inline)
    found = _spec("from: odd.keras")
    assert [d.code for d in found] == ["CMP530"]
    golden(GOLDEN / "CMP530.txt", _screen(found))


def test_a_file_that_plain_keras_reads_in_another_order_is_warned_about(
    changed_model, workspace, golden
):
    def swap(config: dict) -> None:
        layers = config["config"]["layers"]
        layers[1], layers[3] = layers[3], layers[1]

    listed = changed_model("tower", "listed.keras", swap)
    # Where the places are those of Keras's order, the order of the list means nothing.
    assert _spec("from: listed.keras") == ()
    exchange = exchange_groups("layers/conv2d", "layers/conv2d_1")
    damaged(listed, workspace / "odd.keras", exchange)
    found = _spec("from: odd.keras")
    assert [(d.code, d.severity) for d in found] == [("CMP507", "warning")]
    golden(GOLDEN / "CMP507.txt", _screen(found))


def test_names_with_slashes_of_keras_2_are_renamed_by_the_rule_that_the_help_gives(
    changed_model, workspace
):
    def slashes(config: dict) -> None:
        config |= json.loads(json.dumps(config).replace('"drop"', '"block/one/drop"'))

    changed_model("tower", "odd.keras", slashes)
    (found,) = _spec("from: odd.keras")
    assert found.code == "CMP303"
    rule = found.help.split("\n")[1].strip()
    assert _spec(f"from: odd.keras, {rule}") == ()
    plan = prepare("spec.yaml").plan
    assert "block_one_drop" in plan.origins


def test_a_tool_of_keras_in_the_place_of_a_function_is_refused(changed_model, workspace, golden):
    def fetch(config: dict) -> None:
        tool = {"module": "keras.utils", "class_name": "function", "config": "get_file"}
        config["config"]["layers"][-1]["config"]["activation"] = tool

    changed_model("tower", "odd.keras", fetch)
    found = _spec("from: odd.keras, trust: true")
    assert [d.code for d in found] == ["CMP531"]
    golden(GOLDEN / "CMP531.txt", _screen(found))


def test_a_function_that_is_none_of_keras_is_named_by_the_spec_too(
    changed_model, workspace, golden
):
    def activate(config: dict) -> None:
        own = {"module": "shop_layers", "class_name": "function", "config": "swish2"}
        config["config"]["layers"][-1]["config"]["activation"] = own

    changed_model("tower", "odd.keras", activate)
    found = _spec("from: odd.keras")
    assert [d.code for d in found] == ["CMP533"]
    golden(GOLDEN / "CMP533.txt", _screen(found))
    (workspace / "shop_layers.py").write_text("def swish2(x):\n    return x\n")
    assert _spec("from: odd.keras, objects: ['shop_layers:swish2']") == ()
    assert _spec("from: odd.keras, trust: true") == ()


@pytest.mark.parametrize("overrides", [["+sources.odd.trust=true"], ["vars.sure=true"]])
def test_trust_is_not_given_on_the_command_line(changed_model, workspace, overrides):
    code = {"class_name": "__lambda__", "config": {"code": "4wEAAAA=", "defaults": None}}

    def inline(config: dict) -> None:
        config["config"]["layers"][2] |= {"class_name": "Lambda"}
        config["config"]["layers"][2]["config"]["function"] = code

    changed_model("tower", "odd.keras", inline)
    keys = "" if overrides[0].startswith("+") else ', trust: "${vars.sure}"'
    text = (
        f"version: 1\nname: m\nvars: {{sure: false}}\nsources:\n  odd: {{from: odd.keras{keys}}}\n"
    )
    Path("spec.yaml").write_text(text)
    assert [d.code for d in prepare("spec.yaml").errors] == ["CMP530"]
    (found,) = prepare("spec.yaml", overrides).errors
    assert found.code == "CMP534"
    assert found.span.file == ("spec.yaml" if keys else "<command line>")


RIGHT = [code for code in codes() if page(code).right is not None]


@pytest.mark.parametrize("code", RIGHT)
def test_every_right_example_validates(code, compose, workspace):
    """What a page recommends ends with 0 where its files are there, and not only reads well."""
    base = Path(__file__).parents[1] / "diagnostics" / "page_files" / "base.yaml"
    Path("base.yaml").write_text(base.read_text(encoding="utf-8"), encoding="utf-8")
    Path("spec.yaml").write_text(str(page(code).right), encoding="utf-8")
    result = compose("validate", "spec.yaml")
    assert (result.code, result.err) == (0, "")
