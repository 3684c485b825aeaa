"""Backbones of KerasHub through ``py:`` sources, linked four ways and held against themselves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from composer.store import Store
from composer.workflows.building import build_spec
from composer.workflows.pipeline import Prepared, prepare
from composer.workflows.verification import verify_artifact

pytest.importorskip("keras_hub")
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Ways:
    """How a backbone is taken apart.

    Attributes:
        drop: selectors that leave it headless; None where it ends in one layer of many outputs.
        ends: the layers whose first outputs are left open then.
        cut: a layer after which it is taken, and the shape of what that layer gives.
    """

    drop: str | None = None
    ends: tuple[str, ...] = ()
    cut: tuple[str, str] | None = None


BACKBONES = {
    "bert": Ways(
        "[pooled_dense, transformer_layer_1, get_item]",
        ("transformer_layer_0",),
        ("transformer_layer_0", "[null, 8]"),
    ),
    "gpt2": Ways("[layer_norm]", ("transformer_layer_1",), ("transformer_layer_0", "[null, 8]")),
    "gemma": Ways("[final_normalization]", ("decoder_block_1",), ("decoder_block_0", "[null, 8]")),
    "mistral": Ways("[{class: MistralLayerNormalization}]", ("transformer_layer_1",)),
    "t5": Ways("['decoder_output_*']", ("encoder_output_dropout", "transformer_decoder_layer_0")),
    "resnet": Ways(
        "[{after: stack1_block0_out}]", ("stack1_block0_out",), ("stack0_block0_out", "[8, 8, 64]")
    ),
    "resnet_head": Ways("[pool, scores]", ("stack1_block1_out",)),
    "retinanet": Ways(),
    "sam": Ways(),
}
QUICK = {"bert"}


class Bench:
    """Builds specs whose sources are functions of ``backbones.py``, and compares what comes out."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store(folder / "store")
        shutil.copy(HERE / "backbones.py", folder)
        self.jobs: list[dict[str, Any]] = []

    def prepare(self, sources: str, *, deep: bool = True) -> Prepared:
        """Prepare a spec of these sources (flow style), and what stands behind them."""
        (self.folder / "spec.yaml").write_text(f"version: 1\nname: m\n{sources}", encoding="utf-8")
        return prepare(self.folder / "spec.yaml", deep=deep, store=self.store)

    def build(self, name: str, sources: str, *parts: dict[str, Any], **job: Any) -> Prepared:
        """Build and note what is to be compared."""
        prepared = self.prepare(sources)
        assert prepared.diagnostics == ()
        assert prepared.plan is not None
        artifact = build_spec(prepared, output=self.folder / f"{name}.keras").path
        sources_of = {key: str(file.path) for key, file in prepared.plan.files.items()}
        found = [{"source": sources_of[part.get("id", "a")], **part} for part in parts]
        self.jobs.append({"id": name, "artifact": str(artifact), "parts": found, **job})
        return prepared

    def problems(self) -> dict[str, list[str]]:
        """Compare all in a fresh process that imports keras_hub and nothing of ours."""
        file = self.folder / "jobs.json"
        file.write_text(json.dumps(self.jobs), encoding="utf-8")
        environment = {
            **os.environ,
            "KERAS_BACKEND": "tensorflow",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "TF_ENABLE_ONEDNN_OPTS": "0",
            "CUDA_VISIBLE_DEVICES": "-1",
        }
        done = subprocess.run(
            [sys.executable, str(HERE / "compare.py"), str(file)],
            check=True,
            stdout=subprocess.PIPE,
            env=environment,
            timeout=300,
        )
        report: dict[str, list[str]] = json.loads(done.stdout)
        assert set(report) == {job["id"] for job in self.jobs}
        return {key: problems for key, problems in report.items() if problems}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.keras
@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in BACKBONES],
)
def test_a_backbone_linked_in_any_way_computes_what_it_did(name: str, bench: Bench) -> None:
    ways = BACKBONES[name]
    a = f"from: py:backbones:{name}"
    whole = bench.build("whole", f"sources:\n  a: {{{a}}}\n", {"prefix": ""})
    bench.build(
        "twice",
        f"sources:\n  a: {{{a}, prefix: l_}}\n  b: {{{a}, prefix: r_}}\n",
        {"prefix": "l_"},
        {"prefix": "r_", "id": "b"},
    )
    if ways.drop is not None:
        bench.build(
            "headless",
            f"sources:\n  a: {{{a}, exclude: {ways.drop}}}\n",
            {"prefix": "", "outputs": ways.ends},
        )
    if ways.cut is not None:
        layer, shape = ways.cut
        bench.build(
            "cut",
            f"inputs:\n  hidden: {{shape: {shape}}}\n"
            f"sources:\n  a: {{{a}, include: [{{after: {layer}}}], inputs: {{{layer}: hidden}}}}\n",
            {"prefix": ""},
            cut=layer,
        )
    assert bench.problems() == {}
    report = verify_artifact(bench.folder / "whole.keras", whole.plan)
    assert report.ok, report.checks


@pytest.mark.keras
@pytest.mark.slow
def test_keras_is_asked_about_layers_of_keras_hub_behind_a_seam_of_another_shape(
    bench: Bench,
) -> None:
    prepared = bench.prepare(
        "inputs:\n  words: {shape: [6], dtype: int32}\n"
        "sources:\n  a: {from: py:backbones:gpt2, inputs: {token_ids: words}}\n"
        "layers:\n  flat: {class: Flatten, inputs: a}\n"
        "  scores: {class: Dense, args: {units: 2}, inputs: flat}\noutputs: scores\n"
    )
    assert prepared.diagnostics == ()
    # Only from the shape that Keras told does the Dense layer know how wide it is.
    artifact = build_spec(prepared, output=bench.folder / "m.keras")
    report = verify_artifact(artifact.path, artifact.plan)
    assert report.ok, report.checks
