"""Run as a script: what tf-keras makes of deepcut's weights, ``WEIGHTS RESULT.npz``."""

from __future__ import annotations

import sys

import numpy as np
import tf_keras as keras
from deepcut_network import AROUND, CHARACTERS, KINDS, network

generator = np.random.default_rng(5)
given = [generator.integers(0, size, (3, AROUND)).astype("float32") for size in (CHARACTERS, KINDS)]
model = network(keras)
model.load_weights(sys.argv[1])
output = model(given, training=False)
np.savez(sys.argv[2], input_0=given[0], input_1=given[1], output_0=np.asarray(output))
