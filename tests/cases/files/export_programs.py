"""Run as a script: SavedModel folders without a config, ``python export_programs.py FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import tensorflow as tf


class Words(tf.Module):
    """A table that is read from a file, and a variable; two signatures."""

    def __init__(self, vocabulary):
        super().__init__()
        lines = tf.lookup.TextFileIndex
        self.table = tf.lookup.StaticVocabularyTable(
            tf.lookup.TextFileInitializer(
                str(vocabulary), tf.string, lines.WHOLE_LINE, tf.int64, lines.LINE_NUMBER
            ),
            1,
        )
        self.vectors = tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="word")])
    def look_up(self, word):
        return {"vector": tf.gather(self.vectors, self.table.lookup(word))}

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, name="anything")])
    def free(self, anything):
        return {"same": anything}


def main(folder):
    keras.utils.set_random_seed(3)
    left, right = keras.Input((4,), name="left"), keras.Input((3,), name="right")
    dense = keras.layers.Dense(3, activation="tanh")(left)
    keras.Model(left, dense).export(folder / "one", verbose=False)
    outputs = {"total": keras.layers.Dense(3)(left) + right, "right": 2 * right}
    keras.Model([left, right], outputs).export(folder / "two", verbose=False)
    vocabulary = folder / "vocabulary.txt"
    vocabulary.write_text("a\nb\n", encoding="utf-8")
    words = Words(vocabulary)
    signatures = {"serving_default": words.free, "look_up": words.look_up}
    tf.saved_model.save(words, str(folder / "words"), signatures=signatures)
    vocabulary.unlink()


main(Path(sys.argv[1]))
