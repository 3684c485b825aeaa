"""Backbones of KerasHub with small configs, wrapped so that they record their graphs.

The specs of the tests name these functions as ``py:`` sources.
"""

import keras
import keras_hub
import numpy as np
from keras_hub import models


def bert():
    return _wrapped(
        models.BertBackbone(
            vocabulary_size=50,
            num_layers=2,
            num_heads=2,
            hidden_dim=8,
            intermediate_dim=16,
            max_sequence_length=12,
            name="bert",
        )
    )


def gpt2():
    return _wrapped(
        models.GPT2Backbone(
            vocabulary_size=50,
            num_layers=2,
            num_heads=2,
            hidden_dim=8,
            intermediate_dim=16,
            max_sequence_length=12,
            name="gpt2",
        )
    )


def gemma():
    return _wrapped(
        models.GemmaBackbone(
            vocabulary_size=50,
            num_layers=2,
            num_query_heads=2,
            num_key_value_heads=1,
            hidden_dim=8,
            intermediate_dim=16,
            head_dim=4,
            name="gemma",
        )
    )


def mistral():
    return _wrapped(
        models.MistralBackbone(
            vocabulary_size=50,
            num_layers=2,
            num_query_heads=2,
            num_key_value_heads=1,
            hidden_dim=8,
            intermediate_dim=16,
            name="mistral",
        )
    )


def t5():
    return _wrapped(
        models.T5Backbone(
            vocabulary_size=50,
            num_layers=1,
            num_heads=2,
            hidden_dim=8,
            intermediate_dim=16,
            name="t5",
        )
    )


def resnet():
    return _wrapped(
        models.ResNetBackbone(
            input_conv_filters=[64],
            input_conv_kernel_sizes=[7],
            stackwise_num_filters=[64, 64],
            stackwise_num_blocks=[1, 2],
            stackwise_num_strides=[1, 2],
            block_type="basic_block",
            image_shape=(32, 32, 3),
            name="resnet",
        )
    )


def resnet_head():
    """A whole task: a backbone under a head, the backbone nested."""
    backbone = models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 64],
        stackwise_num_blocks=[1, 2],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
        image_shape=(32, 32, 3),
    )
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(backbone.output)
    scores = keras.layers.Dense(3, name="scores")(pooled)
    return _with_values(keras.Model(backbone.input, scores, name="resnet_head"))


def retinanet():
    encoder = models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 64, 64, 64],
        stackwise_num_blocks=[1, 1, 1, 1],
        stackwise_num_strides=[1, 2, 2, 2],
        block_type="basic_block",
        image_shape=(64, 64, 3),
    )
    return _wrapped(
        models.RetinaNetBackbone(
            image_encoder=encoder,
            min_level=3,
            max_level=5,
            use_p5=False,
            image_shape=(64, 64, 3),
            name="retinanet",
        )
    )


def sam():
    return _wrapped(
        models.SAMBackbone(
            image_encoder=models.ViTDetBackbone(
                hidden_size=8,
                num_layers=2,
                intermediate_dim=16,
                num_heads=2,
                global_attention_layer_indices=[1],
                patch_size=16,
                num_output_channels=8,
                window_size=2,
                image_shape=(64, 64, 3),
            ),
            prompt_encoder=keras_hub.layers.SAMPromptEncoder(
                hidden_size=8,
                image_embedding_size=(4, 4),
                input_image_size=(64, 64),
                mask_in_channels=8,
            ),
            mask_decoder=keras_hub.layers.SAMMaskDecoder(
                num_layers=1,
                hidden_size=8,
                intermediate_dim=16,
                num_heads=2,
                embedding_dim=8,
                num_multimask_outputs=3,
                iou_head_depth=2,
                iou_head_hidden_dim=8,
            ),
            name="sam",
        )
    )


def _wrapped(backbone):
    """Return a backbone as a plain Functional model, whose file holds its graph."""
    return _with_values(keras.Model(backbone.input, backbone.output, name=backbone.name))


def _with_values(model):
    """Give every variable values of its own, so that no mistake hides behind zeros and ones."""
    for variable in model.variables:
        if "float" in str(variable.dtype):
            low, high = (0.5, 1.5) if "variance" in variable.path else (-0.5, 0.5)
            # The generator that composer seeds.
            values = np.random.uniform(low, high, tuple(variable.shape))  # noqa: NPY002
            variable.assign(values)
    return model


def whole_backbone(name):
    """Return a backbone as it is, whose file holds its class and arguments and no graph."""
    if name == "llama":
        backbone = models.LlamaBackbone(
            vocabulary_size=50,
            num_layers=2,
            num_query_heads=2,
            num_key_value_heads=1,
            hidden_dim=8,
            intermediate_dim=16,
            name="llama",
        )
    else:
        backbone = models.ViTBackbone(
            image_shape=(16, 16, 3),
            patch_size=4,
            num_layers=2,
            num_heads=2,
            hidden_dim=8,
            mlp_dim=16,
            name="vit",
        )
    return _with_values(backbone)
