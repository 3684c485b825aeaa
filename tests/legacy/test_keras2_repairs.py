from __future__ import annotations

import pytest

from composer.legacy.keras2_repairs import (
    NO_EQUIVALENT,
    REPAIRS,
    SAME_ACTIVATIONS,
    SAME_CLASSES,
    NoEquivalentError,
    mend,
)

NUMPY = {"class_name": "__numpy__", "config": {"value": 6.0, "dtype": "float32"}}
DTYPE = {"module": "keras", "class_name": "DTypePolicy", "registered_name": None}


@pytest.mark.parametrize(
    ("class_name", "old", "new"),
    [
        ("Attention", {"causal": False}, {}),
        ("BatchNormalization", {"axis": [3], "renorm": False, "fused": True}, {"axis": 3}),
        ("BatchNormalization", {"axis": -1, "virtual_batch_size": None}, {"axis": -1}),
        ("Conv2DTranspose", {"filters": 2, "groups": 1}, {"filters": 2}),
        ("ConvLSTM2D", {"time_major": False}, {}),
        ("Dense", {"dtype": {"class_name": "Policy", "config": {"name": "mixed_float16"}}},
         {"dtype": {**DTYPE, "config": {"name": "mixed_float16"}}}),
        ("DepthwiseConv2D", {"groups": 1, "strides": [1, 1]}, {"strides": [1, 1]}),
        ("Discretization", {"trainable": True, "num_bins": 3}, {"num_bins": 3}),
        ("Dropout", {"rate": 0.1, "rng_type": "stateful"}, {"rate": 0.1}),
        ("Embedding", {"input_dim": 3, "input_length": 7}, {"input_dim": 3}),
        ("GRU", {"units": 2, "implementation": 2, "time_major": False}, {"units": 2}),
        ("LeakyReLU", {"name": "l", "alpha": 0.2}, {"name": "l", "negative_slope": 0.2}),
        ("MultiHeadAttention",
         {"query_shape": [None, 2], "key_shape": [None, 2], "value_shape": [None, 2],
          "softmax_robust_masking": False, "key_dim": 2}, {"key_dim": 2}),
        ("Normalization", {"axis": [-1]}, {"axis": [-1], "invert": False}),
        ("ReLU", {"max_value": NUMPY}, {"max_value": 6.0}),
        ("RNN", {"num_constants": None}, {}),
        ("SeparableConv2D",
         {"groups": 1, "kernel_initializer": {}, "kernel_regularizer": None,
          "kernel_constraint": None, "depth_multiplier": 2}, {"depth_multiplier": 2}),
        ("Softmax", {"robust_masking": False, "axis": -1}, {"axis": -1}),
        ("SpatialDropout2D", {"trainable": True, "noise_shape": None, "rate": 0.1}, {"rate": 0.1}),
    ],
)  # fmt: skip
def test_a_config_is_written_as_keras_3_takes_it_and_each_change_is_told(class_name, old, new):
    config, changes = mend(class_name, old)
    assert config == new
    touched = {key for key in old if key not in new or old[key] != new[key]}
    touched |= {key for key in new if key not in old} - {"negative_slope"}
    assert len(changes) == len(touched)
    assert all(any(key in change for change in changes) for key in touched)


def test_a_config_that_needs_no_repair_is_left_alone():
    config = {"units": 3, "activation": "relu", "dtype": "float32", "groups": 7}
    assert mend("Dense", config) == (config, ())


@pytest.mark.parametrize(
    ("class_name", "config", "why"),
    [
        ("Activation", {"activation": "hard_sigmoid"}, "other numbers"),
        ("Activation", {"activation": "crelu"}, "no function 'crelu'"),
        ("Attention", {"causal": True}, "causal=True"),
        ("BatchNormalization", {"axis": [1, 2]}, "axes"),
        ("BatchNormalization", {"axis": [1], "renorm": True}, "renorm=True"),
        ("ConvLSTM1D", {"recurrent_activation": "hard_sigmoid"}, "recurrent_activation"),
        ("DepthwiseConv2D", {"groups": 2}, "groups=2"),
        ("Dense", {"activation": {"class_name": "function", "module": "builtins",
                                  "config": "hard_sigmoid"}}, "other numbers"),
        ("LSTM", {"time_major": True}, "time_major=True"),
        ("MultiHeadAttention", {"softmax_robust_masking": True}, "robust"),
        ("RNN", {"num_constants": 1}, "num_constants=1"),
        ("SpatialDropout1D", {"noise_shape": [1]}, "noise_shape"),
        ("TFOpLambda", {}, "operation of TensorFlow"),
        ("RandomCrop", {}, "resizes"),
        ("Unheard", {}, "no layer Unheard"),
    ],
)  # fmt: skip
def test_what_would_compute_other_numbers_is_refused(class_name, config, why):
    with pytest.raises(NoEquivalentError, match=why):
        mend(class_name, config)


@pytest.mark.parametrize(
    "activation",
    [
        "relu",
        "shop>hard_sigmoid",
        {"class_name": "function", "module": "shop.functions", "config": "hard_sigmoid"},
        {"class_name": "LeakyReLU", "module": "keras.layers", "config": {"alpha": 0.1}},
    ],
)
def test_activations_of_others_are_not_judged_by_their_name(activation):
    config = {"activation": activation}
    assert mend("Dense", config) == (config, ())


def test_every_repaired_class_is_one_that_can_be_carried_over():
    assert set(REPAIRS) <= SAME_CLASSES
    assert not SAME_CLASSES & set(NO_EQUIVALENT)


@pytest.mark.keras
def test_the_classes_and_functions_said_to_be_the_same_are_in_keras_3():
    import keras

    assert [name for name in sorted(SAME_CLASSES) if not hasattr(keras.layers, name)] == []
    assert [n for n in sorted(SAME_ACTIVATIONS) if not hasattr(keras.activations, n)] == []
    gone = set(NO_EQUIVALENT) - {"RandomCrop"}
    assert [name for name in sorted(gone) if hasattr(keras.layers, name)] == []
