"""Plans and links chains of layers deeper than Keras can load; time should grow in proportion.

    python benchmarks/chain.py [--layers 5000 10000 20000]

The source files are made without Keras, whose own walk of such a graph overflows Python's stack.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from composer.container.archive_write import write_archive
from composer.container.contents import Content, GroupToWrite, TensorToWrite


def layer(name: str, before: str) -> dict:
    return {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": {"name": name, "trainable": True, "dtype": "float32", "units": 2},
        "registered_name": None,
        "build_config": {"input_shape": [None, 2]},
        "name": name,
        "inbound_nodes": [
            {
                "args": [
                    {
                        "class_name": "__keras_tensor__",
                        "config": {
                            "shape": [None, 2],
                            "dtype": "float32",
                            "keras_history": [before, 0, 0],
                        },
                    }
                ],
                "kwargs": {},
            }
        ],
    }


def write_chain(path: Path, length: int) -> None:
    """Write a Functional model of ``length`` Dense layers in a row."""
    first = {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {"batch_shape": [None, 2], "dtype": "float32", "name": "start"},
        "registered_name": None,
        "name": "start",
        "inbound_nodes": [],
    }
    layers, contents, before = [first], [GroupToWrite(path="layers")], "start"
    held: list[Content] = contents
    for number in range(length):
        name = f"step_{number}"
        layers.append(layer(name, before))
        group = f"layers/dense_{number}" if number else "layers/dense"
        held.append(GroupToWrite(path=group))
        held.append(GroupToWrite(path=f"{group}/vars", attributes=(("name", name),)))
        for index, shape in enumerate(((2, 2), (2,))):
            held.append(
                TensorToWrite(
                    path=f"{group}/vars/{index}",
                    shape=shape,
                    dtype="<f4",
                    logical_dtype="float32",
                    origin=np.full(shape, number, "<f4").tobytes(),
                )
            )
        before = name
    config = {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": {
            "name": "chain",
            "trainable": True,
            "layers": layers,
            "input_layers": ["start", 0, 0],
            "output_layers": [before, 0, 0],
        },
        "registered_name": "Functional",
        "build_config": {"input_shape": None},
    }
    write_archive(path, metadata={"keras_version": "3.15.1"}, config=config, contents=held)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, nargs="+", default=[5000, 10000, 20000])
    lengths = parser.parse_args().layers
    print(f"{'layers':>8} {'CPU seconds':>12} {'ms a layer':>11} {'peak MB':>8}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for length in lengths:
            write_chain(folder / "chain.keras", length)
            (folder / "chain.yaml").write_text(
                "version: 1\nname: chain\nsources: {a: {from: chain.keras, prefix: a_}}\n"
            )
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(
                [sys.executable, "-m", "composer", "build", "chain.yaml", "-o", "out.keras"],
                cwd=folder,
                env={**os.environ, "COMPOSE_HOME": str(folder / "store")},
                check=True,
                stdout=subprocess.DEVNULL,
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            print(
                f"{length:8} {seconds:12.1f} {1000 * seconds / length:11.2f}"
                f" {after.ru_maxrss / 1024:8.0f}"
            )


if __name__ == "__main__":
    main()
