"""``python -m tests.graphs.weights.layer_models FOLDER``: one saved model for each layer.

They lie in ``layers``, and those of ``structures`` beside it. Writes ``classes.json`` as well: the classes of layers that the installed Keras has, those of them
that can make variables, and for each saved model by which paths Keras reaches what it stores.
"""

from __future__ import annotations

import inspect
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
from keras import layers as L

from tests.graphs.weights.structures import save_structures

_ROW = (6,)
_STEPS = (5, 4)
_IMAGE = (8, 6, 4)
_CLIP = (3, 8, 6, 4)
_VOLUME = (6, 6, 6, 4)

_Made = Callable[[], Any]


def _inner() -> Any:
    x = keras.Input((4,))
    return keras.Model(x, L.Dense(3)(L.BatchNormalization()(L.Dense(5)(x))))


def _sequential() -> Any:
    return keras.Sequential([keras.Input((4,)), L.Dense(5), L.LayerNormalization()])


SAMPLES: dict[str, tuple[tuple[int, ...], _Made]] = {
    "dense": (_ROW, lambda: L.Dense(3)),
    "dense_bare": (_STEPS, lambda: L.Dense(3, use_bias=False)),
    "dense_half": (_ROW, lambda: L.Dense(3, dtype="float16")),
    "dense_mixed": (_ROW, lambda: L.Dense(3, dtype="mixed_bfloat16")),
    "dense_brain": (_ROW, lambda: L.Dense(3, dtype="bfloat16")),
    "dense_lora": (_ROW, lambda: L.Dense(3, lora_rank=2)),
    "einsum": (_STEPS, lambda: L.EinsumDense("abc,cd->abd", (None, 7), bias_axes="d")),
    "einsum_left": (_STEPS, lambda: L.EinsumDense("...x,xy->...y", 7, bias_axes="y")),
    "einsum_right": (_IMAGE, lambda: L.EinsumDense("ab...,bc->ac...", (7, None, None))),
    "einsum_heads": (
        _STEPS,
        lambda: L.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de"),
    ),
    "einsum_seq_bias": (_STEPS, lambda: L.EinsumDense("abc,cd->abd", (5, 7), bias_axes="bd")),
    "embedding": (_ROW, lambda: L.Embedding(9, 3)),
    "reversible": (_ROW, lambda: L.ReversibleEmbedding(9, 3)),
    "reversible_untied": (_ROW, lambda: L.ReversibleEmbedding(9, 3, tie_weights=False)),
    "conv1d": (_STEPS, lambda: L.Conv1D(3, 2)),
    "conv2d": (_IMAGE, lambda: L.Conv2D(6, (3, 2), groups=2, use_bias=False)),
    "conv2d_first": (_IMAGE, lambda: L.ZeroPadding2D(data_format="channels_first")),
    "conv3d": (_VOLUME, lambda: L.Conv3D(3, 2)),
    "conv1d_transpose": (_STEPS, lambda: L.Conv1DTranspose(3, 2)),
    "conv2d_transpose": (_IMAGE, lambda: L.Conv2DTranspose(3, (2, 3))),
    "conv3d_transpose": (_VOLUME, lambda: L.Conv3DTranspose(3, 2, use_bias=False)),
    "depthwise1d": (_STEPS, lambda: L.DepthwiseConv1D(3, depth_multiplier=2)),
    "depthwise2d": (_IMAGE, lambda: L.DepthwiseConv2D(3)),
    "separable1d": (_STEPS, lambda: L.SeparableConv1D(3, 2)),
    "separable2d": (_IMAGE, lambda: L.SeparableConv2D(3, 2, depth_multiplier=2)),
    "batch_norm": (_IMAGE, L.BatchNormalization),
    "batch_norm_axis": (_IMAGE, lambda: L.BatchNormalization(axis=1, scale=False)),
    "batch_norm_frozen": (_IMAGE, lambda: L.BatchNormalization(center=False, trainable=False)),
    "batch_norm_renorm": (_IMAGE, lambda: L.BatchNormalization(renorm=True)),
    "batch_norm_half": (_IMAGE, lambda: L.BatchNormalization(dtype="float16")),
    "layer_norm": (_IMAGE, L.LayerNormalization),
    "layer_norm_axes": (_IMAGE, lambda: L.LayerNormalization(axis=[2, 1], center=False)),
    "layer_norm_bare": (_IMAGE, lambda: L.LayerNormalization(scale=False)),
    "group_norm": (_IMAGE, lambda: L.GroupNormalization(2)),
    "group_norm_instance": (_IMAGE, lambda: L.GroupNormalization(-1, axis=1, scale=False)),
    "rms_norm": (_IMAGE, L.RMSNormalization),
    "rms_norm_axes": (_IMAGE, lambda: L.RMSNormalization(axis=[1, 3])),
    "normalization": (_IMAGE, L.Normalization),
    "normalization_axes": (_IMAGE, lambda: L.Normalization(axis=(-1, 1))),
    "normalization_all": (_IMAGE, lambda: L.Normalization(axis=None)),
    "normalization_given": (_IMAGE, lambda: L.Normalization(mean=1.0, variance=2.0)),
    "unit_norm": (_IMAGE, L.UnitNormalization),
    "spectral_conv": (_IMAGE, lambda: L.SpectralNormalization(L.Conv2D(3, 2))),
    "spectral_dense": (_ROW, lambda: L.SpectralNormalization(L.Dense(3))),
    "prelu": (_IMAGE, L.PReLU),
    "prelu_shared": (_IMAGE, lambda: L.PReLU(shared_axes=[1, 2])),
    "simple_rnn": (_STEPS, lambda: L.SimpleRNN(3)),
    "lstm": (_STEPS, lambda: L.LSTM(3, use_bias=False)),
    "lstm_half": (_STEPS, lambda: L.LSTM(3, dtype="float16")),
    "gru": (_STEPS, lambda: L.GRU(3)),
    "gru_before": (_STEPS, lambda: L.GRU(3, reset_after=False, return_sequences=True)),
    "rnn_cell": (_STEPS, lambda: L.RNN(L.GRUCell(3, reset_after=False))),
    "rnn_simple_cell": (_STEPS, lambda: L.RNN(L.SimpleRNNCell(3))),
    "rnn_stacked": (_STEPS, lambda: L.RNN([L.LSTMCell(3), L.LSTMCell(2), L.GRUCell(4)])),
    "conv_lstm1d": (_IMAGE, lambda: L.ConvLSTM1D(2, 3)),
    "conv_lstm2d": (_CLIP, lambda: L.ConvLSTM2D(2, (3, 2), use_bias=False)),
    "bidirectional": (_STEPS, lambda: L.Bidirectional(L.LSTM(3))),
    "bidirectional_two": (
        _STEPS,
        lambda: L.Bidirectional(L.LSTM(3), backward_layer=L.GRU(3, go_backwards=True)),
    ),
    "bidirectional_rnn": (_STEPS, lambda: L.Bidirectional(L.RNN(L.LSTMCell(3)))),
    "time_distributed": (_STEPS, lambda: L.TimeDistributed(L.Dense(3))),
    "time_distributed_conv": (_CLIP, lambda: L.TimeDistributed(L.Conv2D(3, 2))),
    "time_distributed_model": (_STEPS, lambda: L.TimeDistributed(_inner())),
    "time_distributed_sequential": (_STEPS, lambda: L.TimeDistributed(_sequential())),
    "pipeline": (_IMAGE, lambda: L.Pipeline([L.RandomFlip(), L.RandomRotation(0.1)])),
    "pipeline_dense": (_ROW, lambda: L.Pipeline([L.Dense(6), L.Dense(5), L.Rescaling(2.0)])),
    "stft": ((64, 1), lambda: L.STFTSpectrogram("log", 16, 8, 16, None)),
    "stft_real": ((64, 1), lambda: L.STFTSpectrogram("real", 16, 8, 16, None)),
    "stft_imag": ((64, 1), lambda: L.STFTSpectrogram("imag", 16, 8, 16, None)),
    "dropout": (_ROW, lambda: L.Dropout(0.2, seed=1)),
    "lambda": (_ROW, lambda: L.Lambda(keras.ops.abs)),
    "attention_scaled": (_STEPS, lambda: _twice(L.Attention(use_scale=True))),
    "attention_concat": (
        _STEPS,
        lambda: _twice(L.Attention(use_scale=True, score_mode="concat")),
    ),
    "attention_plain": (_STEPS, lambda: _twice(L.Attention())),
    "additive": (_STEPS, lambda: _twice(L.AdditiveAttention())),
    "additive_bare": (_STEPS, lambda: _twice(L.AdditiveAttention(use_scale=False))),
    "mha": (_STEPS, lambda: _self(L.MultiHeadAttention(2, 3))),
    "mha_gate": (_STEPS, lambda: _self(L.MultiHeadAttention(2, 3, value_dim=5, use_gate=True))),
    "mha_shape": (
        _IMAGE,
        lambda: _self(L.MultiHeadAttention(2, 3, output_shape=7, use_bias=False)),
    ),
    "mha_key": (_STEPS, lambda: _with_key(L.MultiHeadAttention(2, 3, output_shape=(2, 3)))),
    "gqa": (_STEPS, lambda: _self(L.GroupQueryAttention(3, 4, 2))),
    "gqa_gate": (_STEPS, lambda: _self(L.GroupQueryAttention(3, 4, 2, use_gate=True))),
}
"""Shape of the input without its batch, and the layer, by the name of the saved model."""


def _twice(layer: Any) -> Callable[[Any], Any]:
    return lambda x: layer([x, x])


def _self(layer: Any) -> Callable[[Any], Any]:
    return lambda x: layer(x, x)


def _with_key(layer: Any) -> Callable[[Any], Any]:
    return lambda x: layer(x, keras.ops.pad(x, [[0, 0], [0, 0], [0, 2]]), key=x)


def _exported() -> dict[str, type]:
    from keras.src.api_export import get_name_from_symbol

    found = (getattr(L, name) for name in dir(L))
    classes = [one for one in found if inspect.isclass(one) and issubclass(one, L.Layer)]
    return {get_name_from_symbol(one).rpartition(".")[2]: one for one in classes}


def _makes_variables(layer: type) -> bool:
    """Tell whether the code of a class, or of one above it, makes or holds variables."""
    above = [one for one in layer.__mro__ if one.__module__.startswith("keras.src.layers")]
    code = "".join(inspect.getsource(one) for one in above if one is not L.Layer)
    return "add_weight(" in code or "Variable(" in code


def _paths(saveable: Any, path: str, depth: int = 0) -> Iterator[tuple[int, str]]:
    """Yield what Keras would load below a layer, by every path."""
    from keras.src.saving.keras_saveable import KerasSaveable
    from keras.src.saving.saving_lib import _get_unique_name, _walk_saveable
    from keras.src.utils.naming import to_snake_case

    if isinstance(saveable, L.Layer):
        yield id(saveable), path
    if depth > 5:
        return
    for attribute, child in _walk_saveable(saveable):
        below = f"{path}/{attribute}" if path else attribute
        if isinstance(child, KerasSaveable):
            yield from _paths(child, below, depth + 1)
        elif isinstance(child, list | tuple):
            used: dict[str, int] = {}
            for item in child:
                if isinstance(item, KerasSaveable):
                    name = _get_unique_name(to_snake_case(type(item).__name__), used)
                    yield from _paths(item, f"{below}/{name}", depth + 1)


def main(folder: Path) -> None:
    """Save all models, and what else is to be known."""
    warnings.simplefilter("ignore")
    save_structures(folder)
    folder = folder / "layers"
    folder.mkdir()
    aliases = {}
    for name, (shape, make) in SAMPLES.items():
        x = keras.Input(shape, name="x")
        model = keras.Model(x, make()(x), name="source")
        model.save(folder / f"{name}.keras")
        layer = next(one for one in model.layers if one.variables or one is model.layers[-1])
        of: dict[int, list[str]] = {}
        for one, path in _paths(layer, ""):
            of.setdefault(one, []).append(path)
        aliases[name] = [sorted(paths) for paths in of.values()]
    classes = _exported()
    document = {
        "classes": sorted(classes),
        "stateful": sorted(name for name, one in classes.items() if _makes_variables(one)),
        "stored": {name: one.__name__ for name, one in classes.items()},
        "aliases": aliases,
    }
    (folder / "classes.json").write_text(json.dumps(document), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
