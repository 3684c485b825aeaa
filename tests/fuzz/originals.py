"""The small sound inputs that fuzzed ones are made from."""

from __future__ import annotations

from pathlib import Path

SPEC = "version: 1\nname: m\nsources:\n  m: {from: m.%s}\n"
DENSE = {"class_name": "Dense", "config": {"name": "d", "units": 2, "activation": "relu"}}
OLD = {
    "class_name": "Sequential",
    "config": {
        "name": "s",
        "layers": [
            {**DENSE, "config": {**DENSE["config"], "batch_input_shape": [None, 3]}},
            {"class_name": "Dropout", "config": {"name": "drop", "rate": 0.5}},
        ],
    },
}


def old_weights() -> dict:
    import numpy as np

    return {"d": {"d/kernel:0": np.zeros((3, 2), "f4"), "d/bias:0": np.zeros(2, "f4")}, "drop": {}}


ROOT = Path(__file__).parents[2]
SPECS = [
    path.read_text(encoding="utf-8").replace("models/", f"{ROOT}/specs/models/")
    for path in sorted((ROOT / "specs").glob("*.yaml"))
] + [
    """\
version: 1
name: towers
vars: {classes: 3, list: [1, 2], map: {a: b}}
inputs:
  image: {shape: [16, 16, 3]}
sources:
  left:  {from: models/tower.keras,   prefix: left_,  exclude: [probs], inputs: image}
  right:
    from: models/tower_b.keras
    rename: [{regex: '(.*)', to: 'right_\\\\1'}]
    exclude: [{upto: conv1}, {class: Dense}]
    bypass: ['*']
    inputs: {conv2: left:conv1}
    freeze: [{from: conv2, to: pool}]
layers:
  mean:  {class: Average, inputs: [left, right#0.0]}
  probs: {class: Dense, args: {units: "${vars.classes}", activation: softmax}, inputs: mean}
outputs: {probs: probs}
output: {path: ../build/towers.keras, signature: dict}
""",
    """\
version: 1
name: both
sources:
  n: {from: models/nested.keras, flatten: true, calls: {a: {inputs: x}, b: {inputs: y}}}
  t: {from: models/tower.keras, nested: t, inputs: {image: n@a:inner/d}, trust: true}
inputs: {x: {shape: [4]}, y: {shape: [4], dtype: float16, batch_size: 2}}
""",
]
LINKED = """\
version: 1
name: linked
vars: {units: 2}
inputs: {x: {shape: [4]}}
sources:
  a: {from: models/tower.keras, prefix: a_, exclude: [d2], inputs: {x: x}}
  b: {from: models/tower_b.keras, rename: {d1: first}, suffix: _b, calls: {l: {inputs: x}}}
layers:
  head: {class: Dense, args: {units: "${vars.units}"}, inputs: a:d1}
outputs: {head: head, b: b@l}
"""
WEIGHTS_SPEC = """\
version: 1
name: m
sources:
  m: {from: m.keras, weights: %s}
"""
