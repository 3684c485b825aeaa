"""Models with one kind of state each: layers that normalise, draw, look up, attend and quantise."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

from tests.state.kinds import Sample, kind, randomised

_IMAGES = {"x": np.random.default_rng(0).random((2, 8, 8, 4), "float32")}
_ROWS = {"x": np.random.default_rng(1).random((3, 6), "float32")}
_STEPS = {"x": np.random.default_rng(2).random((2, 5, 8), "float32")}


def _over_images(*made: Any) -> Sample:
    return _chain((8, 8, 4), made, _IMAGES)


def _over_rows(*made: Any) -> Sample:
    return _chain((6,), made, _ROWS)


def _over_steps(*made: Any) -> Sample:
    return _chain((5, 8), made, _STEPS)


def _chain(shape: tuple[int, ...], made: tuple[Any, ...], values: Any) -> Sample:
    x = y = keras.Input(shape, name="x")
    for layer in made:
        y = layer(y)
    return Sample(keras.Model(x, layers.Dense(2, name="head")(y), name="source"), values)


# ---------------------------------------------------------------- normalisation


@kind
def batch_normalization(variant: int) -> Sample:
    return _over_images(
        layers.BatchNormalization(name="norm"),
        layers.BatchNormalization(name="frozen", trainable=False),
        layers.BatchNormalization(name="bare", center=False, scale=False),
    )


@kind
def normalization(variant: int) -> Sample:
    norm = layers.Normalization(name="norm")
    norm.adapt(np.random.default_rng(variant).random((20, 6), "float32"))
    return _over_rows(norm)


@kind
def layer_and_group_normalization(variant: int) -> Sample:
    return _over_images(
        layers.LayerNormalization(name="layer_norm"),
        layers.GroupNormalization(groups=2, name="group_norm"),
        layers.RMSNormalization(name="rms_norm"),
        layers.UnitNormalization(name="unit_norm"),
    )


@kind
def spectral_normalization(variant: int) -> Sample:
    return _over_images(
        layers.SpectralNormalization(layers.Conv2D(3, 3, name="inside"), name="spectral"),
        layers.SpectralNormalization(layers.Dense(4, name="inside"), name="spectral_dense"),
    )


# ---------------------------------------------------------------- seeds


@kind
def seed_generators(variant: int) -> Sample:
    return _over_images(
        layers.RandomFlip(name="flip", seed=variant),
        layers.RandomRotation(0.1, name="rotate"),
        layers.RandomZoom(0.1, name="zoom", seed=7),
        layers.Dropout(0.3, name="drop"),
        layers.SpatialDropout2D(0.3, name="spatial"),
        layers.GaussianNoise(0.1, name="noise"),
    )


@kind
def augmentation_pipeline(variant: int) -> Sample:
    pipeline = layers.Pipeline(
        [layers.RandomFlip(name="flip"), layers.RandomRotation(0.2, name="rotate")],
        name="augment",
    )
    return _over_images(pipeline)


# ---------------------------------------------------------------- vocabularies and bins


@kind
def text_vectorization(variant: int) -> Sample:
    text = keras.Input((), dtype="string", name="x")
    vectors = layers.TextVectorization(output_sequence_length=4, name="words")
    vectors.adapt(["a b c", "b c d"] if variant else ["one two", "three two four five"])
    y = layers.Embedding(10, 3, name="embed")(vectors(text))
    return Sample(
        keras.Model(text, layers.Dense(2, name="head")(y), name="source"),
        {"x": np.array(["a two", "b three five"])},
    )


@kind
def string_lookup(variant: int) -> Sample:
    text = keras.Input((2,), dtype="string", name="x")
    adapted = layers.StringLookup(name="adapted")
    adapted.adapt(np.array([["a", "b"]] if variant else [["u", "v"], ["a", "u"]]))
    given = layers.StringLookup(vocabulary=["a", "b", "v"][variant:], name="given")
    outputs = [adapted(text), given(text)]
    return Sample(keras.Model(text, outputs, name="source"), {"x": np.array([["a", "v"]])})


@kind
def integer_lookup(variant: int) -> Sample:
    whole = keras.Input((2,), dtype="int64", name="x")
    lookup = layers.IntegerLookup(name="lookup", output_mode="multi_hot")
    lookup.adapt(np.array([[5, 6]] if variant else [[7, 8], [9, 5]]))
    model = keras.Model(whole, layers.Dense(2, name="head")(lookup(whole)), name="source")
    return Sample(model, {"x": np.array([[5, 8], [9, 1]])})


@kind
def hashing_and_discretization(variant: int) -> Sample:
    whole = keras.Input((2,), dtype="int64", name="x")
    real = keras.Input((2,), name="y")
    bins = layers.Discretization(num_bins=4, name="bins", output_mode="multi_hot")
    bins.adapt(np.random.default_rng(variant).random((30, 2), "float32"))
    given = layers.Discretization(bin_boundaries=[0.1 + variant, 2.0], name="given")
    outputs = [layers.Hashing(5, name="hash", salt=variant)(whole), bins(real), given(real)]
    values = {"x": np.array([[5, 8]]), "y": np.array([[0.2, 0.7]], "float32")}
    return Sample(keras.Model([whole, real], outputs, name="source"), values)


# ---------------------------------------------------------------- attention and products


@kind
def einsum_dense(variant: int) -> Sample:
    return _over_steps(
        layers.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de", name="up"),
        layers.EinsumDense("abde,deo->abo", (None, 4), bias_axes="o", name="down"),
    )


@kind
def attention_layers(variant: int) -> Sample:
    x = keras.Input((5, 8), name="x")
    y = layers.MultiHeadAttention(2, 4, name="mha", dropout=0.1)(query=x, value=x, key=x)
    y, scores = layers.MultiHeadAttention(2, 3, name="scored")(y, x, return_attention_scores=True)
    y = layers.GroupQueryAttention(4, 4, 2, name="gqa")(y, x)
    y = layers.GroupQueryAttention(4, 2, 2, name="gqa_again")(y, x)
    y = layers.AdditiveAttention(name="additive")([y, x])
    y = layers.Attention(use_scale=True, name="attention")([y, x])
    return Sample(keras.Model(x, [y, scores], name="source"), _STEPS)


# ---------------------------------------------------------------- quantised, LoRA, policies


@kind
def quantized_int8(variant: int) -> Sample:
    sample = _over_steps(
        layers.Dense(6, name="dense"),
        layers.EinsumDense("abc,cd->abd", (None, 5), bias_axes="d", name="einsum"),
    )
    randomised(sample.model, variant)
    sample.model.quantize("int8")
    return Sample(sample.model, sample.inputs, as_is=True)


@kind
def quantized_int4(variant: int) -> Sample:
    sample = _over_steps(layers.Dense(6, name="dense"))
    randomised(sample.model, variant)
    sample.model.quantize("int4")
    return Sample(sample.model, sample.inputs, as_is=True)


@kind
def quantized_embedding(variant: int) -> Sample:
    x = keras.Input((3,), dtype="int32", name="x")
    y = layers.Embedding(7, 4, name="embed")(x)
    model = keras.Model(x, layers.Dense(2, name="head")(y), name="source")
    randomised(model, variant)
    model.quantize("int8")
    return Sample(model, {"x": np.array([[1, 6, 0]])}, as_is=True)


@kind
def lora(variant: int) -> Sample:
    dense = layers.Dense(5, name="dense")
    embed = layers.EinsumDense("abc,cd->abd", (None, 5), name="einsum")
    sample = _over_steps(dense, embed)
    dense.enable_lora(2)
    embed.enable_lora(3)
    return sample


@kind
def mixed_policies(variant: int) -> Sample:
    return _over_rows(
        layers.Dense(4, name="half", dtype="mixed_float16"),
        layers.Dense(4, name="brain", dtype="mixed_bfloat16"),
        layers.Dense(4, name="all_brain", dtype="bfloat16"),
        layers.Dense(4, name="double", dtype="float64"),
        layers.BatchNormalization(name="norm", dtype="mixed_bfloat16"),
    )


@kind
def policy_map(variant: int) -> Sample:
    policies = keras.dtype_policies.DTypePolicyMap(default_policy="float32")
    policies["mha"] = keras.dtype_policies.DTypePolicy("mixed_float16")
    policies["mha/query"] = keras.dtype_policies.DTypePolicy("mixed_bfloat16")
    policies["mha/attention_output"] = keras.dtype_policies.DTypePolicy("mixed_float16")
    x = keras.Input((5, 8), name="x")
    y = layers.MultiHeadAttention(2, 4, name="mha", dtype=policies)(x, x)
    return Sample(keras.Model(x, layers.Dense(2, name="head")(y), name="source"), _STEPS)
