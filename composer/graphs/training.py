"""The call argument ``training``, which a model hands on to the layers inside it.

A model called with ``training=False`` calls each of its layers with it that takes the argument, in
place of what the layer's own call says (``operation_fn`` in ``keras/src/models/functional.py``).
"""

from __future__ import annotations

from dataclasses import replace

from composer.graphs.graph import Call, Operation

TAKES_TRAINING = frozenset({
    "AdditiveAttention", "AlphaDropout", "Attention", "AugMix", "AutoContrast",
    "BatchNormalization", "Bidirectional", "CenterCrop",
    "ContrastLimitedAdaptiveHistogramEqualization", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D",
    "CutMix", "Dense", "Dropout", "EinsumDense", "Equalization", "FlaxLayer", "GRU",
    "GRUCell", "GaussianDropout", "GaussianNoise", "GroupedQueryAttention", "JaxLayer",
    "LSTM", "LSTMCell", "Lambda", "MaxNumBoundingBoxes", "MixUp", "MultiHeadAttention",
    "Pipeline", "RNN", "RandAugment", "RandomBrightness", "RandomColorDegeneration",
    "RandomColorJitter", "RandomContrast", "RandomCrop", "RandomElasticTransform",
    "RandomErasing", "RandomFlip", "RandomGaussianBlur", "RandomGrayscale", "RandomHue",
    "RandomInvert", "RandomPerspective", "RandomPosterization", "RandomRotation",
    "RandomSaturation", "RandomSharpness", "RandomShear", "RandomTranslation", "RandomZoom",
    "Resizing", "SimpleRNN", "SimpleRNNCell", "Solarization", "SpatialDropout1D",
    "SpatialDropout2D", "SpatialDropout3D", "SpectralNormalization", "StackedRNNCells",
    "TFSMLayer", "TimeDistributed", "TorchModuleWrapper",
})  # fmt: skip
"""Keras's layers whose ``call`` has the argument, as of Keras 3.15.1."""


def called_in_model(operation: Operation, call: Call, training: object) -> Call:
    """Return ``call`` as the model around it makes it, when that is called with ``training``.

    Args:
        operation: what is called, inside the model.
        call: as the model's config has it.
        training: what the model is called with; None where it says nothing.
    """
    if training is None or operation.kind != "layer":
        return call
    # A layer of other code is given the argument: Keras leaves out what a layer does not take,
    # and hands it on to the layers inside.
    if (operation.module or "").startswith("keras.") and operation.class_name not in TAKES_TRAINING:
        return call
    return replace(call, kwargs={**call.kwargs, "training": training})
