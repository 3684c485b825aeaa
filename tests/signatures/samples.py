"""A right set of required arguments for each layer of Keras, and something to call the layer on."""

from __future__ import annotations

from typing import Any

_LSTM = {
    "module": "keras.layers", "class_name": "LSTM", "config": {"units": 2}, "registered_name": None,
}  # fmt: skip
_CELL = {**_LSTM, "class_name": "LSTMCell"}
_DENSE = {**_LSTM, "class_name": "Dense"}

BY_NAME: dict[str, Any] = {
    "activation": "relu",
    "axes": 1,
    "cell": _CELL,
    "cells": [_CELL],
    "dims": [2, 1],
    "equation": "ab,bc->ac",
    "factor": 0.5,
    "filters": 4,
    "head_dim": 4,
    "height": 6,
    "height_factor": 0.2,
    "input_dim": 9,
    "kernel_size": 3,
    "key_dim": 4,
    "layer": _DENSE,
    "layers": [],
    "max_number": 3,
    "n": 3,
    "num_bins": 5,
    "num_heads": 2,
    "num_key_value_heads": 2,
    "num_query_heads": 2,
    "output_dim": 4,
    "output_shape": 4,
    "output_size": 2,
    "pool_size": 2,
    "rate": 0.5,
    "scale": 0.5,
    "stddev": 0.5,
    "target_shape": [-1],
    "units": 4,
    "width": 6,
    "width_factor": 0.2,
}
BY_CLASS: dict[str, dict[str, Any]] = {
    "Bidirectional": {"layer": _LSTM},
    "CategoryEncoding": {"num_tokens": 5},
    "Discretization": {"bin_boundaries": [0.0, 1.0]},
    "InputLayer": {"shape": [4]},
    "RandomPosterization": {"factor": 4},
    "StringLookup": {"vocabulary": ["a", "b"]},
    "IntegerLookup": {"vocabulary": [1, 2]},
    "TextVectorization": {"vocabulary": ["a", "b"]},
    "Normalization": {"mean": 0.5, "variance": 1.0},
}
"""What a class needs beside, or in the place of, the samples of its required arguments."""

UNMADE = ("FlaxLayer", "JaxLayer", "Lambda", "TFSMLayer", "TorchModuleWrapper", "Wrapper", "Layer")
"""Classes that need another backend, code, a file, or a subclass to be called."""


def required(class_name: str, names: tuple[str, ...]) -> dict[str, Any]:
    """Return right arguments for a class that needs those called ``names``."""
    found = {name: BY_NAME[name] for name in names if name in BY_NAME}
    return {**found, **BY_CLASS.get(class_name, {})}


Tensor = tuple[tuple[int, ...], str]
"""Shape, batch included, and dtype."""

_VECTOR: Tensor = ((2, 4), "float32")
_SERIES: Tensor = ((2, 12, 4), "float32")
_IMAGE: Tensor = ((2, 12, 12, 3), "float32")
_VOLUME: Tensor = ((2, 8, 8, 8, 3), "float32")
_TOKENS: Tensor = ((2, 5), "int32")
_WORDS: Tensor = ((2, 5), "string")

_INPUTS: dict[str, Any] = {
    **{key: [_VECTOR, _VECTOR] for key in ("Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract")},
    **{key: [_SERIES, _SERIES] for key in ("Attention", "AdditiveAttention")},
    **{key: {"query": _SERIES, "value": _SERIES} for key in ("MultiHeadAttention", "GroupedQueryAttention")},
    **dict.fromkeys(
        ("Embedding", "ReversibleEmbedding", "IntegerLookup", "CategoryEncoding"), _TOKENS
    ),
    **dict.fromkeys(("StringLookup", "Hashing"), _WORDS),
    **{key: {"inputs": _VECTOR, "states": [_VECTOR] * 2} for key in ("LSTMCell", "StackedRNNCells")},
    **dict.fromkeys(
        ("RNN", "LSTM", "GRU", "SimpleRNN", "Bidirectional", "TimeDistributed", "Permute"), _SERIES
    ),
    **dict.fromkeys(
        (
            "AugMix", "AutoContrast", "BatchNormalization", "CenterCrop", "CutMix", "Equalization",
            "ContrastLimitedAdaptiveHistogramEqualization", "MaxNumBoundingBoxes", "MixUp",
            "Pipeline", "Resizing", "Solarization",
        ),
        _IMAGE,
    ),
    "GRUCell": {"inputs": _VECTOR, "states": [_VECTOR]},
    "SimpleRNNCell": {"sequence": _VECTOR, "states": [_VECTOR]},
    "TextVectorization": ((2, 1), "string"),
    "HashedCrossing": [((2, 1), "string"), ((2, 1), "string")],
    "STFTSpectrogram": ((2, 600, 1), "float32"),
    "MelSpectrogram": ((2, 4000), "float32"),
    "ConvLSTM1D": ((2, 3, 12, 4), "float32"),
    "ConvLSTM2D": ((2, 3, 8, 8, 3), "float32"),
    "ConvLSTM3D": ((2, 2, 4, 4, 4, 3), "float32"),
    "GroupNormalization": ((2, 4, 4, 32), "float32"),
}  # fmt: skip
_BY_RANK = {"1D": _SERIES, "2D": _IMAGE, "3D": _VOLUME}


def inputs(class_name: str) -> Any:
    """Return the tensor, or a list or a map of them by argument, that a class is called on."""
    if class_name in _INPUTS:
        return _INPUTS[class_name]
    if class_name.startswith("Rand"):
        return _IMAGE
    return next((tensor for rank, tensor in _BY_RANK.items() if rank in class_name), _VECTOR)
