"""State of every kind, linked by composer and loaded in plain Keras, is bit for bit the source's.

One process saves all models and one loads all that was linked.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from composer.store import Store
from composer.workflows.building import build_spec
from composer.workflows.pipeline import Prepared, prepare

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

NESTED = {"nested_three_deep", "nested_twice_called", "nested_policy_map"}
NO_HEAD = {"shared_with_nested", "shared_inside_first", "subclassed", "int8_attention"}
REFUSED = {*NO_HEAD, "lambda_layer"}


def _kinds() -> dict[str, bool]:
    """Return the names of all kinds, read without Keras, and whether a layer ``head`` is there."""
    found = {}
    for file in ("kinds_layers", "kinds_structures", "kinds_refused"):
        tree = ast.parse((HERE / f"{file}.py").read_text())
        for node in tree.body:
            marked = isinstance(node, ast.FunctionDef) and any(
                isinstance(mark, ast.Name) and mark.id == "kind" for mark in node.decorator_list
            )
            if isinstance(node, ast.FunctionDef) and marked:
                found[node.name] = "_over_" in ast.unparse(node) or "'head'" in ast.unparse(node)
    return found


def _cases() -> dict[str, dict[str, str]]:
    """Return for each case the sources of its spec."""
    cases: dict[str, dict[str, str]] = {}
    for name, head in _kinds().items():
        a, b = (f"from: {name}.{letter}.keras" for letter in "ab")
        if name not in REFUSED:
            cases[f"{name}-whole"] = {"a": f"{a}, prefix: p_"}
            cases[f"{name}-two"] = {"a": f"{a}, prefix: l_", "b": f"{b}, prefix: r_"}
            if head and name not in NESTED:
                cases[f"{name}-headless"] = {"a": f"{a}, prefix: p_, exclude: [head]"}
        if name in {*NESTED, "shared_with_nested", "shared_inside_first"}:
            cases[f"{name}-flat"] = {"a": f"{a}, prefix: p_, flatten: true"}
        if name in {"text_vectorization", "policy_map", "tied_to_another_layer", "lora"}:
            cases[f"{name}-nested"] = {"a": f"{a}, nested: whole"}
    return cases


CASES = _cases()


def _python(module: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", f"tests.state.{module}", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.stdout


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with two variants of every kind."""
    folder = tmp_path_factory.mktemp("state")
    _python("save_models", folder)
    return folder


def _prepare(folder: Path, name: str, text: str) -> Prepared:
    spec = folder / f"{name}.yaml"
    spec.write_text(f"version: 1\nname: linked\n{text}", encoding="utf-8")
    return prepare(spec, store=Store(folder / "store"))


def _sources(sources: dict[str, str]) -> str:
    lines = [f"  {source}: {{{text}}}\n" for source, text in sources.items()]
    return "sources:\n" + "".join(lines)


@pytest.fixture(scope="module")
def problems(saved: Path) -> dict[str, list[str]]:
    """Link all cases, and return what Keras finds to differ, by case."""
    jobs = []
    for case, sources in CASES.items():
        kind, form = case.rsplit("-", 1)
        prepared = _prepare(saved, case, _sources(sources))
        assert prepared.diagnostics == (), case
        assert not prepared.deferred, case
        build_spec(prepared, output=saved / f"{case}.keras")
        parts = []
        for source, prefix in zip(sources, ["l_", "r_"] if form == "two" else ["p_"], strict=True):
            part = {"source": str(saved / f"{kind}.{source}.keras"), "prefix": prefix}
            if form == "nested":
                part |= {"inside": "whole", "prefix": ""}
            parts.append(part | {"flat": form == "flat"})
        job = {"id": case, "artifact": str(saved / f"{case}.keras"), "parts": parts}
        job |= {"values": str(saved / f"{kind}.npz"), "whole": form != "headless"}
        expected = saved / f"{kind}.expected.npz"
        if expected.exists():
            job["expected"] = str(expected)
        jobs.append(job)
    listed = saved / "jobs.json"
    listed.write_text(json.dumps(jobs), encoding="utf-8")
    found = json.loads(_python("compare_linked", listed))
    assert isinstance(found, dict)
    return found


@pytest.mark.keras
@pytest.mark.parametrize("case", CASES)
def test_state_arrives_bit_for_bit(case: str, problems: dict[str, list[str]]) -> None:
    assert problems[case] == []


# ---------------------------------------------------------------- what is refused


@pytest.mark.keras
@pytest.mark.parametrize(
    ("kind", "code", "named"),
    [
        ("shared_with_nested", "CMP508", "'inner/shared'"),
        ("shared_inside_first", "CMP508", "'shared'"),
        ("lambda_layer", "CMP530", "'double' (Lambda)"),
        ("int8_attention", "CMP509", "'mha' (MultiHeadAttention)"),
        ("subclassed", "CMP506", "tests>TwoHeads"),
    ],
)
def test_what_keras_loads_wrongly_or_not_at_all_is_refused_by_name(
    kind: str, code: str, named: str, saved: Path
) -> None:
    prepared = _prepare(saved, f"refused_{kind}", _sources({"a": f"from: {kind}.a.keras"}))
    assert [found.code for found in prepared.errors] == [code]
    assert named in prepared.errors[0].message


@pytest.mark.keras
def test_a_layer_is_not_parted_from_the_one_that_holds_its_weights(saved: Path) -> None:
    text = (
        "inputs: {given: {shape: [5, 4]}}\n"
        "sources:\n"
        "  a: {from: tied_to_another_layer.a.keras, exclude: [z_embed], inputs: {z_embed: given}}\n"
    )
    prepared = _prepare(saved, "parted", text)
    assert [found.code for found in prepared.errors] == ["CMP508"]
    assert "'tied'" in prepared.errors[0].message
    assert "'z_embed'" in prepared.errors[0].message
