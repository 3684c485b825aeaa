"""An input that a source also puts out, fed from elsewhere: the wire's tensor stands in for it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from composer.store import Store
from composer.workflows.pipeline import prepare

SPEC = """\
version: 1
name: model
inputs: {photo: {shape: [16, 16, 3]}}
sources:
  odd: {from: odd.keras, prefix: a_, inputs: {image: photo}}
  again: {from: models/tower_b.keras, prefix: b_, exclude: [probs], inputs: "odd:image"}
"""


def test_what_refers_to_it_takes_the_tensor_of_the_wire(models: Path, tmp_path: Path) -> None:
    (tmp_path / "models").symlink_to(models)
    with (
        zipfile.ZipFile(models / "tower.keras") as source,
        zipfile.ZipFile(tmp_path / "odd.keras", "w") as odd,
    ):
        for member in source.namelist():
            data = source.read(member)
            if member == "config.json":
                config = json.loads(data)
                config["config"]["output_layers"] = [["probs", 0, 0], ["image", 0, 0]]
                data = json.dumps(config).encode()
            odd.writestr(member, data)
    (tmp_path / "spec.yaml").write_text(SPEC)
    found = prepare(tmp_path / "spec.yaml", store=Store(tmp_path / "store"))
    assert found.diagnostics == ()
    plan = found.plan
    assert [port.name for port in plan.inputs] == ["photo"]
    assert [port.name for port in plan.outputs] == ["a_probs", "b_pool"]
    calls = {operation.name: operation.calls for operation in plan.graph.operations}
    assert [t.ref.operation for t in calls["b_conv1"][0].tensors()] == ["photo"]
