"""What one would write without composer: load two models, rename their layers, join, save."""

from __future__ import annotations

import sys

import keras


def main(left_path: str, right_path: str, target: str) -> None:
    left = keras.saving.load_model(left_path, compile=False)
    right = keras.saving.load_model(right_path, compile=False)
    for prefix, model in (("left_", left), ("right_", right)):
        for operation in model.operations:
            operation.name = prefix + operation.name
    joined = keras.Model([left.input, right.input], [left.output, right.output], name="two")
    joined.save(target)


if __name__ == "__main__":
    main(*sys.argv[1:4])
