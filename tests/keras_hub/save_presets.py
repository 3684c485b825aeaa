"""Run as a script: saves presets of small models, ``python save_presets.py FOLDER``.

Beside each lies NAME.npz with what the model makes of numbers: ``input_NAME``, ``output_0…``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import keras
import numpy as np
from keras_hub import models


def bert():
    return models.BertBackbone(
        vocabulary_size=50,
        num_layers=2,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=16,
        max_sequence_length=12,
    )


def gpt2():
    return models.GPT2Backbone(
        vocabulary_size=50,
        num_layers=2,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=16,
        max_sequence_length=12,
    )


def resnet():
    return models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 64],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
        image_shape=(16, 16, 3),
    )


def classifier():
    return models.ResNetImageClassifier(backbone=resnet(), num_classes=3)


def record(model, file: Path) -> None:
    generator = np.random.default_rng(3)
    given = {}
    inputs = model.input if isinstance(model.input, dict) else {"it": model.input}
    for name, tensor in inputs.items():
        shape = (2, *(size or 6 for size in tensor.shape[1:]))
        whole = "int" in tensor.dtype
        given[name] = generator.integers(0, 2, shape) if whole else generator.uniform(0, 1, shape)
        given[name] = given[name].astype(tensor.dtype)
    found = model(given if isinstance(model.input, dict) else given["it"], training=False)
    np.savez(
        file,
        **{f"input_{name}": value for name, value in given.items()},
        **{f"output_{i}": np.asarray(t) for i, t in enumerate(keras.tree.flatten(found))},
    )


def main(folder: Path) -> None:
    keras.utils.set_random_seed(11)
    for make in (bert, gpt2, resnet, classifier):
        model = make()
        for variable in model.variables:
            if "float" in str(variable.dtype):
                variable.assign(keras.random.uniform(variable.shape, 0.1, 0.9))
        model.save_to_preset(str(folder / make.__name__))
        record(model, folder / f"{make.__name__}.npz")
    strange = folder / "strange"
    strange.mkdir()
    config = json.loads((folder / "bert" / "config.json").read_text())
    config |= {"module": "os", "class_name": "system", "registered_name": "system"}
    (strange / "config.json").write_text(json.dumps(config))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
