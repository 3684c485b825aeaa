"""Backbones of KerasHub as they save themselves: without a graph, so whole or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from composer.store import Store
from composer.workflows.building import build_spec
from composer.workflows.pipeline import prepare
from composer.workflows.verification import verify_artifact

pytest.importorskip("keras_hub")
HERE = Path(__file__).parent

COMPARE = """
import json, sys
import keras, keras_hub, numpy

backbone = keras.saving.load_model(sys.argv[1])
linked = keras.saving.load_model(sys.argv[2])
tokens = numpy.arange(12, dtype="int32").reshape(2, 6)
mask = numpy.ones((2, 6), "int32")
expected = backbone({"token_ids": tokens, "padding_mask": mask}, training=False)
found = linked([tokens, mask], training=False)
layer = linked.get_layer("language")
pairs = list(zip(backbone.get_weights(), layer.get_weights(), strict=True))
print(json.dumps({
    "equal": numpy.asarray(expected).tobytes() == numpy.asarray(found).tobytes(),
    "weights": all(a.tobytes() == b.tobytes() for a, b in pairs),
    "class": type(layer).__name__,
}))
"""


@pytest.mark.keras
def test_a_saved_backbone_is_refused_with_both_ways_out_and_linked_whole(
    tmp_path: Path,
) -> None:
    (tmp_path / "backbones.py").write_bytes((HERE / "backbones.py").read_bytes())
    store = Store(tmp_path / "store")

    def prepared(source: str):
        text = (
            "version: 1\nname: m\ninputs:\n  tokens: {shape: [null], dtype: int32}\n"
            f"  mask: {{shape: [null], dtype: int32}}\nsources:\n  a: {source}\noutputs: a\n"
        )
        (tmp_path / "spec.yaml").write_text(text, encoding="utf-8")
        return prepare(tmp_path / "spec.yaml", deep=True, store=store)

    made = "from: py:backbones:whole_backbone, args: {name: llama}"
    (refused,) = prepared(f"{{{made}}}").diagnostics
    assert refused.code == "CMP506"
    assert "keras_hub" in refused.message
    assert "nested: NAME" in (refused.help or "")
    assert "py:" in (refused.help or "")

    (unfed,) = prepared(f"{{{made}, nested: language}}").diagnostics
    assert unfed.code == "CMP506"
    assert "inputs: {token_ids: REFERENCE, …}" in (unfed.help or "")

    fed = "nested: language, inputs: {token_ids: tokens, padding_mask: mask}"
    whole = prepared(f"{{{made}, {fed}}}")
    assert whole.errors == ()
    assert whole.plan is not None
    saved = whole.plan.files["a"].path
    # The same from the file that the backbone's own save() gives.
    (tmp_path / "saved.keras").write_bytes(saved.read_bytes())
    whole = prepared(f"{{from: saved.keras, {fed}}}")
    artifact = build_spec(whole, output=tmp_path / "linked.keras")
    done = subprocess.run(
        [sys.executable, "-c", COMPARE, str(saved), str(artifact.path)],
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"},
        timeout=120,
    )
    assert json.loads(done.stdout) == {"equal": True, "weights": True, "class": "LlamaBackbone"}
    report = verify_artifact(artifact.path, artifact.plan)
    assert report.ok, report.checks


@pytest.mark.keras
@pytest.mark.slow
def test_a_backbone_that_can_not_be_loaded_layer_by_layer_goes_in_whole(tmp_path: Path) -> None:
    (tmp_path / "backbones.py").write_bytes((HERE / "backbones.py").read_bytes())
    text = (
        "version: 1\nname: m\ninputs: {image: {shape: [16, 16, 3]}}\nsources:\n  a:\n"
        "    {from: py:backbones:whole_backbone, args: {name: vit}, nested: eye, inputs: image}\n"
        "outputs: a\n"
    )
    (tmp_path / "spec.yaml").write_text(text, encoding="utf-8")
    prepared = prepare(tmp_path / "spec.yaml", deep=True, store=Store(tmp_path / "store"))
    assert prepared.errors == ()
    artifact = build_spec(prepared, output=tmp_path / "linked.keras")
    report = verify_artifact(artifact.path, artifact.plan)
    assert report.ok, report.checks
