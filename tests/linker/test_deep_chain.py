"""Graphs deeper than Keras can walk are planned, linked and checked like any other."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from composer.model_files.read_model import read_model
from composer.store import Store
from composer.workflows.building import build_spec
from composer.workflows.pipeline import prepare

CHAIN = Path(__file__).parents[2] / "benchmarks" / "chain.py"


@pytest.mark.parametrize(
    "length", [3_000, pytest.param(20_000, marks=pytest.mark.slow)], ids=["3000", "20000"]
)
def test_a_chain_deeper_than_keras_can_walk_is_linked(length, tmp_path):
    runpy.run_path(str(CHAIN))["write_chain"](tmp_path / "chain.keras", length)
    spec = tmp_path / "chain.yaml"
    spec.write_text("version: 1\nname: c\nsources: {a: {from: chain.keras, prefix: a_}}\n")
    prepared = prepare(spec, store=Store(tmp_path / "store"))
    artifact = build_spec(prepared, output=tmp_path / "out.keras")
    found = read_model(artifact.path)
    assert len(found.graph.operations) == length + 1
    assert found.states[f"a_step_{length - 1}"].group == f"layers/dense_{length - 1}"
