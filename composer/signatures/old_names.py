"""Names that arguments had in Keras 1, or have in PyTorch, for people who learned those."""

from __future__ import annotations

from collections.abc import Collection, Mapping

_NEW: Mapping[str, tuple[str, ...]] = {
    "output_dim": ("units",),
    "out_features": ("units",),
    "hidden_size": ("units",),
    "nb_filter": ("filters",),
    "out_channels": ("filters",),
    "filter_length": ("kernel_size",),
    "subsample": ("strides",),
    "subsample_length": ("strides",),
    "stride": ("strides",),
    "border_mode": ("padding",),
    "dilation": ("dilation_rate",),
    "dim_ordering": ("data_format",),
    "init": ("kernel_initializer", "embeddings_initializer"),
    "W_regularizer": ("kernel_regularizer",),
    "b_regularizer": ("bias_regularizer",),
    "W_constraint": ("kernel_constraint",),
    "b_constraint": ("bias_constraint",),
    "inner_activation": ("recurrent_activation",),
    "inner_init": ("recurrent_initializer",),
    "dropout_W": ("dropout",),
    "dropout_U": ("recurrent_dropout",),
    "bias": ("use_bias",),
    "p": ("rate",),
    "sigma": ("stddev",),
    "nonlinearity": ("activation",),
    "pool_length": ("pool_size",),
    "mode": ("merge_mode",),
    "concat_axis": ("axis",),
    "num_embeddings": ("input_dim",),
    "embedding_dim": ("output_dim",),
    "embed_dim": ("key_dim",),
    "eps": ("epsilon",),
}


def new_name(name: str, free: Collection[str]) -> str | None:
    """Return what an argument of another name is called, or None.

    Args:
        name: as it was written, which the layer does not take.
        free: names of the layer's arguments that are not given yet.
    """
    return next((new for new in _NEW.get(name, ()) if new in free), None)
