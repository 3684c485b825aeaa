"""What each argument of Keras's layers accepts, written by hand: names can be read, types can't.

A rule is found by ``Class.argument`` first and by ``argument`` else. It names a type of ``TYPES``;
``size``, ``size_or_zero`` and the like get the number of dimensions from the name of the class.
``test_probed.py`` holds the rules against Keras: what a type refuses, Keras refuses, or it is
among ``SWALLOWED``.
"""

from __future__ import annotations

import re
from typing import Any

Rule = dict[str, Any]

NULL: Rule = {"kind": "null"}
ANY: Rule = {"kind": "any"}
MAP: Rule = {"kind": "map"}
TEXT: Rule = {"kind": "text"}
FLAG: Rule = {"kind": "boolean", "whole": True}
STRICT: Rule = {"kind": "boolean"}
LAYER: Rule = {"kind": "layer"}


def integer(minimum: int | None = None, maximum: int | None = None, **more: Any) -> Rule:
    """Return the form of a whole number."""
    return {"kind": "integer", **_bounds(minimum, maximum), **more}


def number(minimum: float | None = None, maximum: float | None = None) -> Rule:
    """Return the form of any number."""
    return {"kind": "number", **_bounds(minimum, maximum)}


def listed(*items: Rule, shortest: int = 0, longest: int | None = None) -> Rule:
    """Return the form of a list whose items have one of ``items``."""
    found: Rule = {"kind": "list", "items": list(items)}
    if shortest:
        found["shortest"] = shortest
    if longest is not None:
        found["longest"] = longest
    return found


def exactly(length: int, *items: Rule) -> Rule:
    """Return the form of a list of a fixed length."""
    return listed(*items, shortest=length, longest=length)


def one_of(*choices: Any, any_case: bool = False) -> Rule:
    """Return the form of a text that is one of ``choices``."""
    return {"kind": "text", "choices": list(choices), **({"any_case": True} if any_case else {})}


def an(kind: str) -> Rule:
    """Return the form of an object that has a name."""
    return {"kind": "object", "of": kind}


def _bounds(minimum: float | None, maximum: float | None) -> Rule:
    found = {"minimum": minimum, "maximum": maximum}
    return {key: value for key, value in found.items() if value is not None}


_NESTED_NUMBERS = [number(), listed(ANY), MAP]
_INDEX = integer(0)

TYPES: dict[str, list[Rule]] = {
    "any": [ANY],
    "nothing": [NULL],
    "flag": [FLAG],
    "strict flag": [STRICT],
    "flag or null": [FLAG, NULL],
    "text": [TEXT],
    "text or null": [TEXT, NULL],
    "map or null": [MAP, NULL],
    "activation": [an("activation"), NULL],
    "initializer": [an("initializer"), NULL],
    "regularizer": [an("regularizer"), NULL],
    "constraint": [an("constraint"), NULL],
    "dtype": [an("dtype"), NULL],
    "layer": [LAYER],
    "layer or null": [LAYER, NULL],
    "layers": [listed(LAYER, shortest=1)],
    "any layers": [listed(LAYER)],
    "cell": [LAYER, listed(LAYER, shortest=1)],
    "positive": [integer(1)],
    "positive or null": [integer(1), NULL],
    "two or more, or null": [integer(2), NULL],
    "count": [_INDEX],
    "count or null": [_INDEX, NULL],
    "integer": [integer()],
    "integer or null": [integer(), NULL],
    "integers": [integer(), listed(integer())],
    "integers or null": [integer(), listed(integer()), NULL],
    "number": [number()],
    "number or null": [number(), NULL],
    "not negative": [number(0)],
    "not negative or null": [number(0), NULL],
    "fraction": [number(0, 1)],
    "numbers": _NESTED_NUMBERS,
    "numbers or null": [*_NESTED_NUMBERS, NULL],
    "range": [exactly(2, number())],
    "factor": [number(), exactly(2, number())],
    "factor or null": [number(), exactly(2, number()), NULL],
    "factor to 1": [number(0, 1), exactly(2, number())],
    "factor to 1, or null": [number(0, 1), exactly(2, number()), NULL],
    "factor around 0, or null": [number(-1, 1), exactly(2, number()), NULL],
    "bits": [number(1, 8), exactly(2, number())],
    "seed": [integer(), NULL],
    "shape or null": [listed(integer(0), NULL), NULL],
    "batch shape or null": [listed(integer(0), NULL, shortest=1), NULL],
    "noise shape": [listed(integer(1), NULL), NULL],
    "target shape": [listed(integer(-1), NULL)],
    "permutation": [listed(integer(1), shortest=1)],
    "output shape": [integer(1), listed(integer(1), NULL)],
    "data format": [one_of("channels_last", "channels_first"), NULL],
    "padding": [one_of("valid", "same", any_case=True)],
    "padding or causal": [one_of("valid", "same", "causal", any_case=True)],
    "padding of pools": [one_of("valid", "same")],
    "interpolation": [one_of("nearest", "bilinear")],
    "any interpolation": [
        one_of("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"),
    ],
    "interpolation of sizes": [
        one_of("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", any_case=True),
    ],
    "fill mode": [one_of("constant", "nearest", "wrap", "mirror", "reflect")],
    "score mode": [one_of("dot", "concat")],
    "merge mode": [one_of("concat", "sum", "mul", "ave"), NULL],
    "flip mode": [one_of("horizontal", "vertical", "horizontal_and_vertical")],
    "spectrum mode": [
        one_of("log", "magnitude", "psd", "real", "imag", "angle", "stft"),
    ],
    "scaling": [one_of("density", "spectrum")],
    "window": [TEXT, listed(ANY), NULL],
    "encoding mode": [one_of("multi_hot", "one_hot", "count", "binary")],
    "crossing mode": [one_of("int", "one_hot")],
    "bin mode": [one_of("int", "one_hot", "multi_hot", "count")],
    "lookup mode": [
        one_of("int", "one_hot", "multi_hot", "count", "tf_idf", "binary", "tf-idf"),
    ],
    "oov method": [one_of("floormod", "farmhash")],
    "standardize": [
        one_of("lower_and_strip_punctuation", "lower", "strip_punctuation"), MAP, NULL,
    ],
    "split": [one_of("whitespace", "character"), MAP, NULL],
    "salt": [integer(), exactly(2, integer()), NULL],
    "cudnn": [FLAG, one_of("auto")],
    "groups": [integer(1)],
    "groups or instances": [integer(1), {"kind": "integer", "choices": [-1]}],
    "vocabulary": [listed(ANY), TEXT, NULL],
    "bin boundaries": [listed(number()), NULL],
    "two axes": [integer(), exactly(2, integer())],
}  # fmt: skip

for _rank in (1, 2, 3):
    TYPES[f"size {_rank}"] = [integer(1), exactly(_rank, integer(1))]
    TYPES[f"size {_rank} or null"] = [integer(1), exactly(_rank, integer(1)), NULL]
    TYPES[f"stride {_rank}"] = TYPES[f"size {_rank} or null"]
    TYPES[f"extra {_rank}"] = [integer(0), exactly(_rank, integer(0)), NULL]
    TYPES[f"output size {_rank}"] = [integer(1), exactly(_rank, integer(1))]
TYPES["border 1"] = [integer(0), exactly(2, integer(0))]
for _rank in (2, 3):
    TYPES[f"border {_rank}"] = [
        integer(0),
        exactly(_rank, integer(0), exactly(2, integer(0))),
    ]

BY_NAME: dict[str, str] = {
    "activation": "activation",
    "activity_regularizer": "regularizer",
    "addition_factor": "factor",
    "all_ops": "flag",
    "alpha": "number",
    "antialias": "flag",
    "arguments": "map or null",
    "attention_axes": "integers or null",
    "autocast": "flag",
    "axes": "two axes",
    "axis": "integer",
    "backward_layer": "layer or null",
    "batch_shape": "batch shape or null",
    "batch_size": "positive or null",
    "bias_axes": "text or null",
    "bin_boundaries": "bin boundaries",
    "bins": "positive",
    "bounding_box_format": "text or null",
    "brightness_factor": "factor or null",
    "call_endpoint": "text",
    "call_fn": "any",
    "call_training_endpoint": "text or null",
    "cell": "cell",
    "cells": "layers",
    "center": "flag",
    "chain_depth": "integer",
    "clip_limit": "number",
    "contrast_factor": "factor or null",
    "crop_to_aspect_ratio": "flag",
    "cropping": "border",
    "data_format": "data format",
    "depth_multiplier": "positive",
    "dilation_rate": "size",
    "dims": "permutation",
    "dropout": "fraction",
    "dtype": "dtype",
    "encoding": "text",
    "epsilon": "not negative",
    "equation": "text",
    "expand_dims": "flag",
    "factor": "factor around 0, or null",
    "fft_length": "positive",
    "filepath": "text",
    "fill_mode": "fill mode",
    "fill_value": "number",
    "filters": "positive",
    "flash_attention": "flag or null",
    "frame_length": "positive",
    "frame_step": "positive or null",
    "function": "any",
    "go_backwards": "flag",
    "gptq_unpacked_column_size": "positive or null",
    "groups": "groups",
    "head_dim": "positive",
    "height": "positive",
    "height_factor": "factor",
    "hue_factor": "factor or null",
    "idf_weights": "vocabulary",
    "init_fn": "any",
    "input_dim": "positive",
    "input_tensor": "nothing",
    "interpolation": "interpolation",
    "invert": "flag",
    "keepdims": "flag",
    "kernel_size": "size",
    "key_dim": "positive",
    "l1": "not negative or null",
    "l2": "not negative or null",
    "layer": "layer",
    "layers": "any layers",
    "logit_soft_cap": "number or null",
    "lora_alpha": "number or null",
    "lora_rank": "count or null",
    "mag_exp": "number",
    "mask": "any",
    "mask_token": "any",
    "mask_value": "any",
    "mask_zero": "flag",
    "max_freq": "number or null",
    "max_number": "positive",
    "max_tokens": "two or more, or null",
    "max_value": "not negative or null",
    "mean": "numbers or null",
    "merge_mode": "merge mode",
    "method": "any",
    "min_freq": "number",
    "min_power": "number",
    "mode": "text",
    "module": "any",
    "momentum": "fraction",
    "n": "positive",
    "native_serialization_platforms": "any",
    "negative_slope": "not negative",
    "ngrams": "positive or null",
    "noise_shape": "noise shape",
    "normalize": "flag",
    "num_bins": "positive",
    "num_chains": "positive",
    "num_heads": "positive",
    "num_key_value_heads": "positive",
    "num_mel_bins": "positive",
    "num_oov_indices": "count",
    "num_ops": "count",
    "num_query_heads": "positive",
    "num_tokens": "positive",
    "offset": "numbers",
    "oov_method": "oov method",
    "oov_token": "any",
    "optional": "flag",
    "output_dim": "positive",
    "output_mode": "lookup mode",
    "output_padding": "extra",
    "output_sequence_length": "positive or null",
    "output_shape": "output shape",
    "output_size": "output size",
    "pad_to_aspect_ratio": "flag",
    "pad_to_max_tokens": "flag",
    "padding": "padding",
    "params": "any",
    "periodic": "flag",
    "pool_size": "size",
    "power_iterations": "positive",
    "power_to_db": "flag",
    "quantization_config": "any",
    "ragged": "flag or null",
    "rate": "fraction",
    "recurrent_activation": "activation",
    "recurrent_dropout": "fraction",
    "ref_power": "any",
    "renorm": "flag",
    "renorm_clipping": "map or null",
    "renorm_momentum": "fraction",
    "reset_after": "flag",
    "return_sequences": "flag",
    "return_state": "flag",
    "reverse_dtype": "dtype",
    "salt": "salt",
    "sampling_rate": "number",
    "saturation_factor": "factor or null",
    "scale": "flag",
    "scaling": "scaling",
    "score_mode": "score mode",
    "seed": "seed",
    "sequence_length": "positive or null",
    "sequence_stride": "positive",
    "shape": "shape or null",
    "shared_axes": "integers or null",
    "sigma": "factor",
    "size": "size",
    "sliding_window": "positive or null",
    "sparse": "flag or null",
    "split": "split",
    "standardize": "standardize",
    "state": "any",
    "stateful": "flag",
    "stddev": "fraction",
    "strides": "size",
    "synchronized": "flag",
    "target_shape": "target shape",
    "threshold": "not negative",
    "threshold_factor": "factor",
    "tie_weights": "flag",
    "tile_grid_size": "range",
    "top_db": "number or null",
    "trainable": "strict flag",
    "unit_forget_bias": "flag",
    "units": "positive",
    "unroll": "flag",
    "use_bias": "flag",
    "use_cudnn": "cudnn",
    "use_gate": "flag",
    "use_scale": "flag",
    "value_dim": "positive or null",
    "value_range": "range",
    "variables": "any",
    "variance": "numbers or null",
    "vocabulary": "vocabulary",
    "vocabulary_dtype": "text",
    "weights": "any",
    "width": "positive",
    "width_factor": "factor",
    "window": "window",
    "x_factor": "factor",
    "y_factor": "factor",
    "zero_output_for_mask": "flag",
}

_FACTOR_TO_1 = (
    "AugMix",
    "CutMix",
    "RandAugment",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomInvert",
    "RandomPerspective",
    "RandomSharpness",
)

BY_CLASS: dict[str, str] = {
    "AdditiveAttention.score_mode": "score mode",
    "AugMix.interpolation": "interpolation",
    "CategoryEncoding.num_tokens": "positive",
    "CategoryEncoding.output_mode": "encoding mode",
    "Conv1D.padding": "padding or causal",
    "DepthwiseConv1D.padding": "padding",
    "ELU.alpha": "numbers",
    "Discretization.num_bins": "count or null",
    "Discretization.output_mode": "bin mode",
    "GroupNormalization.groups": "groups or instances",
    "HashedCrossing.output_mode": "crossing mode",
    "Hashing.output_mode": "bin mode",
    "LayerNormalization.axis": "integers",
    "Lambda.output_shape": "any",
    "MultiHeadAttention.output_shape": "output shape or null",
    "Normalization.axis": "integers or null",
    "RMSNormalization.axis": "integers",
    "RandomElasticTransform.scale": "factor",
    "RandomErasing.scale": "factor",
    "RandomErasing.fill_value": "any",
    "RandomFlip.mode": "flip mode",
    "RandomGaussianBlur.kernel_size": "size 2",
    "RandomPerspective.scale": "fraction",
    "RandomZoom.width_factor": "factor or null",
    "Rescaling.scale": "numbers",
    "Resizing.interpolation": "any interpolation",
    "STFTSpectrogram.fft_length": "positive or null",
    "STFTSpectrogram.mode": "spectrum mode",
    "STFTSpectrogram.padding": "padding of pools",
    "Softmax.axis": "integers or null",
    "StringLookup.encoding": "text",
    "TorchModuleWrapper.output_shape": "any",
    "UnitNormalization.axis": "integers",
    "UpSampling1D.size": "positive",
    "UpSampling2D.interpolation": "interpolation of sizes",
    "ZeroPadding1D.padding": "border",
    "ZeroPadding2D.padding": "border",
    "ZeroPadding3D.padding": "border",
    "RandomContrast.factor": "factor to 1, or null",
    "RandomHue.factor": "factor to 1, or null",
    "RandomPosterization.factor": "bits",
    **{f"{name}.factor": "factor to 1" for name in _FACTOR_TO_1},
    **{
        f"{kind}Pooling{rank}D.{argument}": f"{type_name}"
        for kind in ("Average", "Max")
        for rank in (1, 2, 3)
        for argument, type_name in (("padding", "padding of pools"), ("strides", "stride"))
    },
}
TYPES["output shape or null"] = [integer(1), listed(integer(1)), NULL]

CALL: dict[str, str] = {
    "training": "flag or null",
    "return_attention_scores": "flag",
    "use_causal_mask": "flag",
    "reverse": "flag",
}
"""The arguments of calls that are plain values; all others are tensors, or may be."""

REQUIRED = ("CategoryEncoding.num_tokens",)
"""Arguments with a default that Keras refuses."""

HIDDEN: dict[str, tuple[str, ...]] = {
    "": ("input_dim", "input_shape"),
    "Embedding": ("input_length",),
    "GRU": ("implementation",),
    "LSTM": ("implementation",),
    "InputLayer": ("batch_input_shape",),
    "IntegerLookup": ("has_input_vocabulary", "vocabulary_size"),
    "LayerNormalization": ("rms_scaling",),
    "LeakyReLU": ("alpha",),
    "StringLookup": ("has_input_vocabulary", "vocabulary_size"),
    "TextVectorization": ("has_input_vocabulary", "vocabulary_size"),
}
"""What constructors take from their keyword arguments without naming it; ``""`` is every layer."""

_NOT_READ = "is read only where another argument or a training step asks for it"
_NOT_CHECKED = "goes into an operation that makes something of it, and not what was meant"
_ROUNDED = "is cut to a whole number on the way"
SWALLOWED: dict[str, str] = {
    "activity_regularizer": "HashedCrossing and SimpleRNN don't look at it",
    "alpha": _NOT_CHECKED,
    "attention_axes": "an empty map counts as nothing",
    "axis": _ROUNDED,
    "bias_axes": "a map counts as its keys",
    "bin_boundaries": "text counts as its letters",
    "bins": _NOT_CHECKED,
    "bounding_box_format": _NOT_READ,
    "brightness_factor": "an empty list counts as 0",
    "cells": "no cells are made, and put nothing out",
    "data_format": "0 and an empty list count as the default",
    "dilation_rate": _ROUNDED,
    "dropout": "is brought between 0 and 1, or not read outside of training",
    "encoding": _NOT_READ,
    "epsilon": "below 0 it makes roots of negative numbers; text is read as a number",
    "factor": "an empty list counts as 0",
    "fill_value": _NOT_READ,
    "gptq_unpacked_column_size": _NOT_READ,
    "height": "an image of no rows is put out",
    "logit_soft_cap": _NOT_READ,
    "lora_alpha": _NOT_READ,
    "lora_rank": "an empty list counts as nothing",
    "mag_exp": _NOT_CHECKED,
    "max_freq": "an empty list counts as nothing",
    "max_number": _ROUNDED,
    "min_power": _NOT_CHECKED,
    "mode": "RandomFlip does nothing where it knows no such mode",
    "momentum": "averages run away outside of 0 to 1",
    "ngrams": _NOT_CHECKED,
    "noise_shape": _NOT_READ,
    "num_bins": _ROUNDED,
    "num_chains": "images are mixed with nothing",
    "output_sequence_length": "0 counts as nothing",
    "output_shape": "what is put out is empty",
    "pool_size": _ROUNDED,
    "power_iterations": _ROUNDED,
    "recurrent_dropout": "is brought between 0 and 1",
    "renorm_clipping": _NOT_READ,
    "renorm_momentum": _NOT_READ,
    "reverse_dtype": _NOT_READ,
    "salt": _ROUNDED,
    "seed": _NOT_READ,
    "sequence_length": "0 and an empty list count as nothing",
    "strides": _ROUNDED,
    "target_shape": "text counts as its letters, a map as its keys",
    "top_db": _NOT_CHECKED,
    "value_range": "is not read, or only its first two numbers are",
    "width": "an image of no columns is put out",
}
"""Arguments of which Keras takes values that the table refuses, and what becomes of these.

Beside them, Python takes anything for true or false (``use_bias: no`` is true), and true and false
for 1 and 0.
"""

_RANKED = {"size", "stride", "extra", "border", "output size"}
_RANK = re.compile(r"([123])D")


def type_of(class_name: str, argument: str) -> str:
    """Return the name of the type of an argument.

    Args:
        class_name: Python's name of the class.
        argument: of its constructor.
    """
    found = (
        BY_CLASS.get(f"{class_name}.{argument}") or BY_NAME.get(argument) or _by_suffix(argument)
    )
    rank = _RANK.search(class_name)
    return f"{found} {rank[1]}" if found in _RANKED and rank else found


def _by_suffix(argument: str) -> str:
    suffix = argument.rpartition("_")[2]
    if suffix not in ("initializer", "regularizer", "constraint"):
        raise KeyError(argument)
    return suffix
