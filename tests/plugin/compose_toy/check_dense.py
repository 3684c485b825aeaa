"""Runs in a process without Keras: computes what an export computes, and compares."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from composer.keras_process.tasks.cases import compared


def perform(request: Mapping[str, Any], report: Callable[[str], None]) -> dict[str, Any]:
    """Check one file."""
    report("running the layers in numpy")
    assert "keras" not in sys.modules
    with np.load(request["export"]) as arrays:
        layers = dict(arrays)

    def compute(inputs: list[Any]) -> Mapping[str, Any]:
        (values,) = inputs
        for number in range(len(layers) // 2):
            values = values @ layers[f"{number}/kernel"] + layers[f"{number}/bias"]
        return {request["outputs"][0]: values}

    return compared(request, compute)
