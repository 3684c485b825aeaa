"""The table of what each class of Keras's layers stores: its variables, and the layers inside it.

Mirrors ``build`` of the classes in ``keras/src/layers`` and the walk of ``_save_state`` in
``keras/src/saving/saving_lib.py`` of Keras 3.15. A test makes each class in Keras and compares.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from composer.errors import FormatError
from composer.graphs.einsum_shapes import einsum_shapes
from composer.graphs.graph import Graph, Json, Operation
from composer.graphs.layer_needs import (
    QUANTISED,
    UNKNOWN,
    Described,
    Dimension,
    NeededPart,
    NeededVariable,
    Needs,
    Shape,
    built_shapes,
)
from composer.graphs.naming import of_keras, storage_of
from composer.graphs.order import operation_order
from composer.graphs.reader import read_graph

Variables = tuple[NeededVariable, ...]
Rule = Callable[[Described], Needs]


def needs_of(operation: Operation) -> Needs:
    """Return what Keras reads of the group of a layer of a model.

    Args:
        operation: no nested model, which is a question of its operations.
    """
    if operation.kind == "input":
        return Needs()
    shapes = built_shapes(operation.build_config)
    return _needs(
        Described(
            class_name=operation.class_name,
            module=operation.module,
            config=operation.config,
            shapes=shapes or _called_with(operation),
            shared=operation.shared,
        )
    )


def _called_with(operation: Operation) -> Mapping[str, Json]:
    """Return the shape that Keras builds a layer with whose file does not record any."""
    for call in operation.calls:
        tensors = list(call.tensors())
        if len(tensors) == 1 and tensors[0].spec.shape is not None:
            return {"input_shape": tensors[0].spec.shape}
    return {}


def _needs(layer: Described) -> Needs:
    rule = RULES.get(layer.class_name)
    if rule is None or not of_keras(layer.module):
        needs = UNKNOWN
    else:
        try:
            needs = rule(layer)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError):
            needs = UNKNOWN  # whether such arguments are possible is not for this module to say
    return replace(needs, shared=layer.shared)


def needs_of_model(graph: Graph) -> Needs:
    """Return what Keras reads of the group of a model inside a layer.

    Where Keras would keep its layers in another order than the config lists them, nothing is said.
    """
    order = operation_order(graph)
    kept = [operation for operation in graph.operations if operation.kind != "operator"]
    by_name = {operation.name: operation for operation in kept}
    if [operation.name for operation in kept] != [name for name in order if name in by_name]:
        return UNKNOWN
    parts = []
    counts: dict[str, int] = {}
    for operation in kept:
        if graph.sequential and operation.kind == "input":
            continue
        path = _counted(counts, storage_of(operation.class_name, operation.module))
        inner = operation.inner
        needs = needs_of(operation) if inner is None else needs_of_model(inner)
        parts.append(_part(f"layers/{path}", needs=needs))
    return Needs(parts=tuple(parts))


def _model(layer: Described) -> Needs:
    entry = {"class_name": layer.class_name, "module": layer.module, "config": layer.config}
    try:
        return needs_of_model(read_graph(entry))
    except FormatError:
        return UNKNOWN


# ---------------------------------------------------------------- helpers


def _at(shape: Shape | None, axis: int) -> Dimension:
    return None if shape is None else shape[axis]


def _times(size: Dimension, factor: int) -> Dimension:
    return None if size is None else size * factor


def _several(value: Json, rank: int) -> tuple[int, ...]:
    """Return an argument such as ``kernel_size``, which may be one number for all axes."""
    return (value,) * rank if isinstance(value, int) else tuple(value)


def _channels(layer: Described) -> Dimension:
    shape = layer.shape()
    order = layer.config.get("data_format", "channels_last")
    if shape is None or order not in ("channels_last", "channels_first"):
        return None
    return shape[-1] if order == "channels_last" else shape[1]


def _variables(layer: Described, *named: tuple[str, Any]) -> Variables:
    """Return variables of the layer's own dtype, without those whose shape is False."""
    return tuple(
        NeededVariable(name, None if shape is None else tuple(shape), layer.dtype)
        for name, shape in named
        if shape is not False
    )


def _part(*paths: str, needs: Needs) -> NeededPart:
    return NeededPart(paths, needs)


# ---------------------------------------------------------------- projections and tables


def _nothing(layer: Described) -> Needs:  # noqa: ARG001
    return Needs()


def _unknown(layer: Described) -> Needs:  # noqa: ARG001
    return UNKNOWN


def _of_its_own(layer: Described) -> Needs:  # noqa: ARG001
    """Return that nothing is asked of a layer that keeps its state in assets and its config."""
    return Needs(variables=None)


def _dense(layer: Described) -> Needs:
    if layer.quantised:
        return QUANTISED
    units = layer.config["units"]
    bias = (units,) if layer.config.get("use_bias", True) else False
    return Needs(
        variables=_variables(layer, ("kernel", (_at(layer.shape(), -1), units)), ("bias", bias))
    )


def _einsum_dense(layer: Described) -> Needs:
    if layer.quantised:
        return QUANTISED
    kernel, bias = einsum_shapes(
        layer.config["equation"],
        layer.config.get("bias_axes"),
        layer.shape(),
        layer.config["output_shape"],
    )
    named = ("bias", False if layer.config.get("bias_axes") is None else bias)
    return Needs(variables=_variables(layer, ("kernel", kernel), named))


def _embedding(layer: Described) -> Needs:
    if layer.quantised:
        return QUANTISED
    table = (layer.config["input_dim"], layer.config["output_dim"])
    return Needs(variables=_variables(layer, ("embeddings", table)))


def _reversible_embedding(layer: Described) -> Needs:
    if layer.quantised:
        return QUANTISED
    table = (layer.config["input_dim"], layer.config["output_dim"])
    back = False if layer.config.get("tie_weights", True) else table[::-1]
    return Needs(variables=_variables(layer, ("embeddings", table), ("reverse_embeddings", back)))


# ---------------------------------------------------------------- convolutions


def _bias(layer: Described, size: Dimension) -> Any:
    return (size,) if layer.config.get("use_bias", True) else False


def _conv(rank: int) -> Rule:
    def rule(layer: Described) -> Needs:
        config = layer.config
        channels = _channels(layer)
        groups = config.get("groups") or 1
        kernel = (
            *_several(config["kernel_size"], rank),
            None if channels is None else channels // groups,
            config["filters"],
        )
        bias = _bias(layer, config["filters"])
        return Needs(variables=_variables(layer, ("kernel", kernel), ("bias", bias)))

    return rule


def _conv_transpose(rank: int) -> Rule:
    def rule(layer: Described) -> Needs:
        config = layer.config
        size = _several(config["kernel_size"], rank)
        kernel = (*size, config["filters"], _channels(layer))
        bias = _bias(layer, config["filters"])
        return Needs(variables=_variables(layer, ("kernel", kernel), ("bias", bias)))

    return rule


def _depthwise_conv(rank: int) -> Rule:
    def rule(layer: Described) -> Needs:
        config = layer.config
        channels = _channels(layer)
        multiplier = config.get("depth_multiplier", 1)
        kernel = (*_several(config["kernel_size"], rank), channels, multiplier)
        bias = _bias(layer, _times(channels, multiplier))
        return Needs(variables=_variables(layer, ("kernel", kernel), ("bias", bias)))

    return rule


def _separable_conv(rank: int) -> Rule:
    def rule(layer: Described) -> Needs:
        config = layer.config
        channels = _channels(layer)
        multiplier = config.get("depth_multiplier", 1)
        size = _several(config["kernel_size"], rank)
        return Needs(
            variables=_variables(
                layer,
                ("depthwise_kernel", (*size, channels, multiplier)),
                (
                    "pointwise_kernel",
                    (*(1,) * rank, _times(channels, multiplier), config["filters"]),
                ),
                ("bias", _bias(layer, config["filters"])),
            )
        )

    return rule


# ---------------------------------------------------------------- normalisation


def _batch_normalization(layer: Described) -> Needs:
    config = layer.config
    shape = (_at(layer.shape(), config.get("axis", -1)),)
    renorm = shape if config.get("renorm") else False
    return Needs(
        variables=_variables(
            layer,
            ("gamma", shape if config.get("scale", True) else False),
            ("beta", shape if config.get("center", True) else False),
            ("moving_mean", shape),
            ("moving_variance", shape),
            ("moving_stddev", renorm),
            ("renorm_mean", renorm),
            ("renorm_stddev", renorm),
        )
    )


def _along(layer: Described, axis: Json) -> Shape:
    """Return the sizes of the axes that a layer normalises over, as ``build`` sorts them."""
    axes = sorted(axis) if isinstance(axis, list) else [axis]
    return tuple(_at(layer.shape(), one) for one in axes)


def _layer_normalization(layer: Described) -> Needs:
    config = layer.config
    shape = _along(layer, config.get("axis", -1))
    rms = config.get("rms_scaling", False)
    return Needs(
        variables=_variables(
            layer,
            ("gamma", shape if rms or config.get("scale", True) else False),
            ("beta", shape if config.get("center", True) and not rms else False),
        )
    )


def _group_normalization(layer: Described) -> Needs:
    config = layer.config
    shape = (_at(layer.shape(), config.get("axis", -1)),)
    return Needs(
        variables=_variables(
            layer,
            ("gamma", shape if config.get("scale", True) else False),
            ("beta", shape if config.get("center", True) else False),
        )
    )


def _rms_normalization(layer: Described) -> Needs:
    return Needs(
        variables=_variables(layer, ("scale", _along(layer, layer.config.get("axis", -1))))
    )


def _normalization(layer: Described) -> Needs:
    if layer.config.get("mean") is not None:
        return Needs()
    axis = layer.config.get("axis", -1)
    kept = [] if axis is None else axis if isinstance(axis, list) else [axis]
    shape = layer.shape()
    sizes: Shape = (None,) * len(kept)
    if shape is not None:
        sizes = tuple(shape[one] for one in sorted(one % len(shape) for one in kept))
    statistics = _variables(layer, ("mean", sizes), ("variance", sizes))
    return Needs(variables=(*statistics, NeededVariable("count", ())))


def _spectral_normalization(layer: Described) -> Needs:
    inner = _needs(layer.inner(layer.config["layer"], layer.shape()))
    kernel = inner.variables[0] if inner.variables else None
    shape = None if kernel is None else kernel.shape
    vector = (1, None if shape is None else shape[-1])
    dtype = None if kernel is None else kernel.dtype
    return Needs(
        variables=(
            NeededVariable("kernel", shape, dtype),
            NeededVariable("vector_u", vector, dtype),
        ),
        parts=(_part("layer", needs=inner),),
    )


def _prelu(layer: Described) -> Needs:
    shape = layer.shape()
    alpha = None
    if shape is not None:
        sizes = list(shape[1:])
        for axis in layer.config.get("shared_axes") or ():
            sizes[axis - 1] = 1
        alpha = tuple(sizes)
    return Needs(variables=_variables(layer, ("alpha", alpha)))


# ---------------------------------------------------------------- attention


def _attention(layer: Described) -> Needs:
    return Needs(
        variables=_variables(
            layer,
            ("scale", () if layer.config.get("use_scale", False) else False),
            ("concat_score_weight", () if layer.config.get("score_mode") == "concat" else False),
        )
    )


def _additive_attention(layer: Described) -> Needs:
    shapes = layer.shapes.get("input_shape")
    dim = shapes[0][-1] if shapes else None
    scale = (dim,) if layer.config.get("use_scale", True) else False
    return Needs(variables=_variables(layer, ("scale", scale)))


def _projection(layer: Described, kernel: Shape, bound: int) -> Needs:
    """Return the needs of an EinsumDense that contracts the first ``bound`` axes of its kernel."""
    if layer.quantised:
        return QUANTISED
    bias = kernel[bound:] if layer.config.get("use_bias", True) else False
    return Needs(variables=_variables(layer, ("kernel", kernel), ("bias", bias)))


def _multi_head_attention(layer: Described) -> Needs:
    config = layer.config
    heads, key_dim = config["num_heads"], config["key_dim"]
    value_dim = config.get("value_dim") or key_dim
    query, value = layer.shape("query_shape"), layer.shape("value_shape")
    key = layer.shape("key_shape") or value
    output = config.get("output_shape") or (_at(query, -1),)
    output = (output,) if isinstance(output, int) else tuple(output)
    gate = (_projection(layer, (_at(query, -1), heads, value_dim), 1),)
    return Needs(
        parts=(
            *_projections(
                query=_projection(layer, (_at(query, -1), heads, key_dim), 1),
                key=_projection(layer, (_at(key, -1), heads, key_dim), 1),
                value=_projection(layer, (_at(value, -1), heads, value_dim), 1),
                output=_projection(layer, (heads, value_dim, *output), 2),
            ),
            *(_part("_gate_dense", needs=one) for one in gate if config.get("use_gate")),
            *_without_state("_softmax", "_dropout_layer"),
        )
    )


def _projections(**needs: Needs) -> tuple[NeededPart, ...]:
    """Return projections of a MultiHeadAttention, which Keras 3.9 and before kept in private."""
    return tuple(_part(f"{name}_dense", f"_{name}_dense", needs=one) for name, one in needs.items())


def _without_state(*paths: str) -> tuple[NeededPart, ...]:
    return tuple(_part(path, needs=Needs()) for path in paths)


def _grouped_query_attention(layer: Described) -> Needs:
    config = layer.config
    heads, few, dim = config["num_query_heads"], config["num_key_value_heads"], config["head_dim"]
    query, value = layer.shape("query_shape"), layer.shape("value_shape")
    key = layer.shape("key_shape") or value
    features = _at(query, -1)
    asked = _projection(layer, (features, heads, dim), 1)
    return Needs(
        parts=(
            _part("_query_dense", needs=asked),
            _part("_key_dense", needs=_projection(layer, (_at(key, -1), few, dim), 1)),
            _part("_value_dense", needs=_projection(layer, (_at(value, -1), few, dim), 1)),
            _part("_output_dense", needs=_projection(layer, (heads, dim, features), 2)),
            *(_part("_gate_dense", needs=asked) for _ in range(bool(config.get("use_gate")))),
            *_without_state("_softmax", "_dropout_layer"),
        )
    )


# ---------------------------------------------------------------- recurrent layers


def _cell(gates: int) -> Rule:
    def rule(layer: Described) -> Needs:
        config = layer.config
        units = config["units"]
        bias: Any = (gates * units,)
        if config.get("reset_after") and layer.class_name.startswith("GRU"):
            bias = (2, gates * units)
        return Needs(
            variables=_variables(
                layer,
                ("kernel", (_at(layer.shape(), -1), gates * units)),
                ("recurrent_kernel", (units, gates * units)),
                ("bias", bias if config.get("use_bias", True) else False),
            )
        )

    return rule


def _steps(layer: Described) -> Shape | None:
    """Return the shape of one step of what a recurrent layer takes."""
    shape = layer.shape("sequences_shape") or layer.shape()
    return None if shape is None else (shape[0], *shape[2:])


def _recurrent(gates: int) -> Rule:
    """Return the rule of a layer whose cell has the layer's own arguments."""

    def rule(layer: Described) -> Needs:
        step = _steps(layer)
        cell = Described(
            class_name=layer.class_name,
            module=layer.module,
            config=layer.config,
            shapes={} if step is None else {"input_shape": step},
        )
        return Needs(parts=(_part("cell", needs=_cell(gates)(cell)),))

    return rule


def _rnn(layer: Described) -> Needs:
    cell = layer.inner(layer.config["cell"], _steps(layer))
    return Needs(parts=(_part("cell", needs=_needs(cell)),))


def _stacked_cells(layer: Described) -> Needs:
    parts = []
    counts: dict[str, int] = {}
    shape = layer.shape()
    for entry in layer.config["cells"]:
        cell = layer.inner(entry, shape)
        path = _counted(counts, storage_of(cell.class_name, cell.module))
        parts.append(_part(f"cells/{path}", needs=_needs(cell)))
        units = cell.config.get("units")
        shape = (None, units) if isinstance(units, int) else None
    return Needs(parts=tuple(parts))


def _counted(counts: dict[str, int], storage: str) -> str:
    number = counts.get(storage, 0)
    counts[storage] = number + 1
    return f"{storage}_{number}" if number else storage


def _conv_lstm(rank: int) -> Rule:
    def rule(layer: Described) -> Needs:
        config = layer.config
        first = config.get("data_format", "channels_last") == "channels_first"
        shape = layer.shape("sequences_shape") or layer.shape()
        channels = _at(shape, 2 if first else -1)
        size = _several(config["kernel_size"], rank)
        filters = config["filters"]
        cell = Needs(
            variables=_variables(
                layer,
                ("kernel", (*size, channels, 4 * filters)),
                ("recurrent_kernel", (*size, filters, 4 * filters)),
                ("bias", _bias(layer, 4 * filters)),
            )
        )
        return Needs(parts=(_part("cell", needs=cell),))

    return rule


def _bidirectional(layer: Described) -> Needs:
    shape = layer.shape("sequences_shape") or layer.shape()
    forward = layer.config["layer"]
    backward = layer.config.get("backward_layer") or forward
    return Needs(
        parts=(
            _part("forward_layer", needs=_needs(layer.inner(forward, shape))),
            _part("backward_layer", needs=_needs(layer.inner(backward, shape))),
        )
    )


# ---------------------------------------------------------------- wrappers and the rest


def _time_distributed(layer: Described) -> Needs:
    return Needs(parts=(_part("layer", needs=_wrapped(layer, _steps(layer))),))


def _wrapper(layer: Described) -> Needs:
    return Needs(parts=(_part("layer", needs=_wrapped(layer, layer.shape())),))


def _wrapped(layer: Described, shape: Shape | None) -> Needs:
    return _needs(layer.inner(layer.config["layer"], shape))


def _pipeline(layer: Described) -> Needs:
    parts = []
    counts: dict[str, int] = {}
    for entry in layer.config["layers"]:
        inner = layer.inner(entry)
        path = _counted(counts, storage_of(inner.class_name, inner.module))
        parts.append(_part(f"layers/{path}", needs=_needs(inner)))
    return Needs(parts=tuple(parts))


def _stft_spectrogram(layer: Described) -> Needs:
    mode = layer.config.get("mode", "log")
    kernel = (layer.config.get("frame_length", 256), 1, None)
    return Needs(
        variables=_variables(
            layer,
            ("real_kernel", kernel if mode != "imag" else False),
            ("imag_kernel", kernel if mode != "real" else False),
        )
    )


_RANKS = {"1D": 1, "2D": 2, "3D": 3}

RULES: dict[str, Rule] = {
    **dict.fromkeys(
        (
            "Activation", "ActivityRegularization", "AdaptiveAveragePooling1D",
            "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D", "AdaptiveMaxPooling1D",
            "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D", "Add", "AlphaDropout", "AugMix",
            "AutoContrast", "Average", "AveragePooling1D", "AveragePooling2D",
            "AveragePooling3D", "CategoryEncoding", "CenterCrop", "Concatenate",
            "ContrastLimitedAdaptiveHistogramEqualization", "Cropping1D", "Cropping2D",
            "Cropping3D", "CutMix", "Dot", "Dropout", "ELU", "Equalization", "Flatten",
            "GaussianDropout", "GaussianNoise", "GlobalAveragePooling1D",
            "GlobalAveragePooling2D", "GlobalAveragePooling3D", "GlobalMaxPooling1D",
            "GlobalMaxPooling2D", "GlobalMaxPooling3D", "HashedCrossing", "Hashing", "Identity",
            "InputLayer", "Lambda", "LeakyReLU", "Masking", "MaxNumBoundingBoxes",
            "MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "Maximum", "MelSpectrogram",
            "Minimum", "MixUp", "Multiply", "Permute", "RandAugment", "RandomBrightness",
            "RandomColorDegeneration", "RandomColorJitter", "RandomContrast", "RandomCrop",
            "RandomElasticTransform", "RandomErasing", "RandomFlip", "RandomGaussianBlur",
            "RandomGrayscale", "RandomHue", "RandomInvert", "RandomPerspective",
            "RandomPosterization", "RandomRotation", "RandomSaturation", "RandomSharpness",
            "RandomShear", "RandomTranslation", "RandomZoom", "ReLU", "RepeatVector",
            "Rescaling", "Reshape", "Resizing", "Softmax", "Solarization", "SpatialDropout1D",
            "SpatialDropout2D", "SpatialDropout3D", "Subtract", "UnitNormalization",
            "UpSampling1D", "UpSampling2D", "UpSampling3D", "ZeroPadding1D", "ZeroPadding2D",
            "ZeroPadding3D",
        ),
        _nothing,
    ),
    **dict.fromkeys(("Discretization", "IntegerLookup", "StringLookup"), _of_its_own),
    **dict.fromkeys(
        ("FlaxLayer", "JaxLayer", "Layer", "TFSMLayer", "TextVectorization", "TorchModuleWrapper"),
        _unknown,
    ),
    **dict.fromkeys(("Functional", "Model", "Sequential"), _model),
    **{f"Conv{name}": _conv(rank) for name, rank in _RANKS.items()},
    **{f"Conv{name}Transpose": _conv_transpose(rank) for name, rank in _RANKS.items()},
    **{f"ConvLSTM{name}": _conv_lstm(rank) for name, rank in _RANKS.items()},
    "DepthwiseConv1D": _depthwise_conv(1),
    "DepthwiseConv2D": _depthwise_conv(2),
    "SeparableConv1D": _separable_conv(1),
    "SeparableConv2D": _separable_conv(2),
    "AdditiveAttention": _additive_attention,
    "Attention": _attention,
    "BatchNormalization": _batch_normalization,
    "Bidirectional": _bidirectional,
    "Dense": _dense,
    "EinsumDense": _einsum_dense,
    "Embedding": _embedding,
    "GRU": _recurrent(3),
    "GRUCell": _cell(3),
    "GroupNormalization": _group_normalization,
    "GroupQueryAttention": _grouped_query_attention,
    "LSTM": _recurrent(4),
    "LSTMCell": _cell(4),
    "LayerNormalization": _layer_normalization,
    "MultiHeadAttention": _multi_head_attention,
    "Normalization": _normalization,
    "PReLU": _prelu,
    "Pipeline": _pipeline,
    "RMSNormalization": _rms_normalization,
    "RNN": _rnn,
    "ReversibleEmbedding": _reversible_embedding,
    "STFTSpectrogram": _stft_spectrogram,
    "SimpleRNN": _recurrent(1),
    "SimpleRNNCell": _cell(1),
    "SpectralNormalization": _spectral_normalization,
    "StackedRNNCells": _stacked_cells,
    "TimeDistributed": _time_distributed,
    "Wrapper": _wrapper,
}  # fmt: skip
"""By the ``class_name`` of a config. A class that is not here is known to Keras only."""
