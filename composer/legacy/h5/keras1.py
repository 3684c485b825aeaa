"""What Keras 1 called classes and arguments, in the words of Keras 2.

A table of classes, each with its arguments' new names. What has no counterpart with the same
weights and the same numbers is refused: recurrent layers (twelve matrices where Keras 2 has
three), one-dimensional convolutions (another shape), everything that orders channels first in a
convolution (another layout).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from composer.errors import FormatError
from composer.graphs.graph import Json, Repair

Config = dict[str, Json]
Change = Callable[[Config], str]
"""Changes a config in place and returns the class's name of today."""

_HELP: Final = "load the model in Keras 2, which converts it, and save it again"


class _NoCounterpartError(Exception):
    """A layer of Keras 1 can't be written for Keras 2; the text says why."""


def second_spelling(
    model: Mapping[str, Json], path: tuple[str, ...] = ()
) -> tuple[dict[str, Json], tuple[Repair, ...]]:
    """Return a model of Keras 1 as an early Keras 2 writes it.

    Args:
        model: with ``class_name`` and ``config``.
        path: names of the models around it.

    Raises:
        FormatError: ``h5-refused``, a layer has no counterpart; or ``bad-graph``.
    """
    repairs: list[Repair] = []
    return _entry(model, path, repairs, outermost=True), tuple(repairs)


def _entry(
    entry: Json, path: tuple[str, ...], repairs: list[Repair], *, outermost: bool = False
) -> dict[str, Json]:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("config"), Mapping | list):
        raise FormatError("CMP502.config-layer")
    config = entry["config"]
    layers = config if isinstance(config, list) else config.get("layers")
    named = None if isinstance(config, list) else config.get("name")
    name = str(entry.get("name") or named or "model")
    inside = path if outermost else (*path, name)
    if isinstance(layers, list):
        changed = [_entry(layer, inside, repairs) for layer in layers]
        inner = changed if isinstance(config, list) else {**config, "layers": changed}
        return {**entry, "config": inner}
    full = "/".join(inside)
    class_name = str(entry.get("class_name"))
    changed_config: Config = dict(config)
    try:
        if "layer" in changed_config:
            changed_config["layer"] = _entry(changed_config["layer"], inside, repairs)
        change = _CLASSES.get(class_name)
        if change is None:
            raise _NoCounterpartError("compose knows no equivalent layer of Keras 2")
        new = change(changed_config)
    except _NoCounterpartError as refused:
        raise FormatError(
            "CMP520.keras1-layer", layer=full, class_name=class_name, reason=str(refused)
        ) from None
    if "input_dtype" in changed_config:
        changed_config.setdefault("dtype", changed_config.pop("input_dtype") or "float32")
    if new != class_name or set(changed_config) != set(config):
        repairs.append(Repair(layer=full, what=f"{class_name} of Keras 1 written as {new}"))
    return {**entry, "class_name": new, "config": changed_config}


# ---------------------------------------------------------------- changes


def _renamed(config: Config, names: Mapping[str, str]) -> None:
    for old, new in names.items():
        if old in config:
            config[new] = config.pop(old)


def _dropped(config: Config, key: str, *allowed: Json) -> None:
    """Drop an argument that Keras 2 does not have, if it has no effect."""
    value = config.pop(key, None)
    if value is not None and value not in allowed:
        raise _NoCounterpartError(f"it has {key}={value!r}, which Keras 2 does not take")


def _same(class_name: str) -> Change:
    return lambda _config: class_name


_WEIGHTED: Final = {
    "init": "kernel_initializer",
    "bias": "use_bias",
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
}
_INITIALIZERS: Final = {
    "uniform": "random_uniform",
    "normal": "random_normal",
    "zero": "zeros",
    "one": "ones",
}
"""Only names: every weight is read from the file."""


def _weighted(config: Config) -> None:
    _renamed(config, _WEIGHTED)
    initializer = config.get("kernel_initializer")
    if isinstance(initializer, str):
        config["kernel_initializer"] = _INITIALIZERS.get(initializer, initializer)
    for key in ("kernel_regularizer", "bias_regularizer", "activity_regularizer"):
        _regularizer(config, key)
    for key in ("kernel_constraint", "bias_constraint"):
        if config.get(key) is not None:
            raise _NoCounterpartError(f"it has a {key}")


def _regularizer(config: Config, key: str) -> None:
    old = config.get(key)
    if not isinstance(old, Mapping):
        return
    if old.get("name") not in ("WeightRegularizer", "L1L2Regularizer", "ActivityRegularizer"):
        raise _NoCounterpartError(f"its {key} is {old.get('name')!r}")
    config[key] = {
        "class_name": "L1L2",
        "config": {"l1": float(old.get("l1", 0)), "l2": float(old.get("l2", 0))},
    }


def _dense(config: Config) -> str:
    _renamed(config, {"output_dim": "units"})
    config.pop("input_dim", None)
    _weighted(config)
    return "Dense"


def _channels(config: Config, *, weighted: bool) -> None:
    order = config.pop("dim_ordering", "tf")
    if order == "th" and weighted:
        raise _NoCounterpartError("its kernels are stored with the channels first")
    config["data_format"] = "channels_first" if order == "th" else "channels_last"


def _convolution2d(config: Config) -> str:
    config["filters"] = config.pop("nb_filter")
    config["kernel_size"] = [config.pop("nb_row"), config.pop("nb_col")]
    _renamed(
        config,
        {"subsample": "strides", "border_mode": "padding", "atrous_rate": "dilation_rate"},
    )
    _channels(config, weighted=True)
    _weighted(config)
    return "Conv2D"


def _pooling2d(class_name: str) -> Change:
    def change(config: Config) -> str:
        _renamed(config, {"border_mode": "padding"})
        _channels(config, weighted=False)
        return class_name

    return change


def _pooling1d(class_name: str) -> Change:
    def change(config: Config) -> str:
        _renamed(
            config,
            {"pool_length": "pool_size", "stride": "strides", "border_mode": "padding"},
        )
        return class_name

    return change


def _ordered(class_name: str) -> Change:
    def change(config: Config) -> str:
        if "dim_ordering" in config:
            _channels(config, weighted=False)
        return class_name

    return change


def _with_rate(class_name: str, old: str, new: str) -> Change:
    def change(config: Config) -> str:
        _renamed(config, {old: new})
        return class_name

    return change


def _embedding(config: Config) -> str:
    _dropped(config, "dropout", 0, 0.0)
    _dropped(config, "W_constraint")
    _renamed(config, {"init": "embeddings_initializer", "W_regularizer": "embeddings_regularizer"})
    _regularizer(config, "embeddings_regularizer")
    initializer = config.get("embeddings_initializer")
    if isinstance(initializer, str):
        config["embeddings_initializer"] = _INITIALIZERS.get(initializer, initializer)
    return "Embedding"


def _batch_normalization(config: Config) -> str:
    _dropped(config, "mode", 0)
    for key in ("gamma_regularizer", "beta_regularizer"):
        _regularizer(config, key)
    return "BatchNormalization"


_MERGES: Final = {
    "sum": "Add", "mul": "Multiply", "concat": "Concatenate", "ave": "Average", "max": "Maximum"
}  # fmt: skip


def _merge(config: Config) -> str:
    mode = config.pop("mode", "sum")
    if mode not in _MERGES or "layers" in config:
        raise _NoCounterpartError(f"it merges by {mode!r}")
    axis = config.pop("concat_axis", -1)
    for key in ("mode_type", "dot_axes", "output_shape", "output_shape_type", "output_mask",
                "output_mask_type", "arguments"):  # fmt: skip
        config.pop(key, None)
    if mode == "concat":
        config["axis"] = axis
    return _MERGES[mode]


_CLASSES: Final[Mapping[str, Change]] = {
    **{
        name: _same(name)
        for name in (
            "Activation", "ELU", "Flatten", "InputLayer", "LeakyReLU", "Masking", "Permute",
            "RepeatVector", "Reshape", "TimeDistributed", "UpSampling1D",
        )
    },
    "AveragePooling1D": _pooling1d("AveragePooling1D"),
    "AveragePooling2D": _pooling2d("AveragePooling2D"),
    "AtrousConvolution2D": _convolution2d,
    "BatchNormalization": _batch_normalization,
    "Convolution2D": _convolution2d,
    "Cropping2D": _ordered("Cropping2D"),
    "Dense": _dense,
    "Dropout": _with_rate("Dropout", "p", "rate"),
    "Embedding": _embedding,
    "GaussianDropout": _with_rate("GaussianDropout", "p", "rate"),
    "GaussianNoise": _with_rate("GaussianNoise", "sigma", "stddev"),
    "GlobalAveragePooling1D": _same("GlobalAveragePooling1D"),
    "GlobalAveragePooling2D": _ordered("GlobalAveragePooling2D"),
    "GlobalMaxPooling1D": _same("GlobalMaxPooling1D"),
    "GlobalMaxPooling2D": _ordered("GlobalMaxPooling2D"),
    "MaxPooling1D": _pooling1d("MaxPooling1D"),
    "MaxPooling2D": _pooling2d("MaxPooling2D"),
    "Merge": _merge,
    "UpSampling2D": _ordered("UpSampling2D"),
    "ZeroPadding2D": _ordered("ZeroPadding2D"),
}  # fmt: skip
"""By the class's name in Keras 1."""
