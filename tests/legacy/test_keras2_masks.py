from __future__ import annotations

from composer.legacy.read_config import read_any_graph
from tests.legacy.keras2_documents import functional, image, layer


def model(*layers, outputs) -> tuple[str, ...]:
    return read_any_graph(
        functional(image("x", 5), *layers, inputs=[["x", 0, 0]], outputs=outputs)
    ).warnings


EMBEDDING = layer("Embedding", "words", [["x", 0, 0, {}]], mask_zero=True)
ATTENTION = layer("MultiHeadAttention", "mha", [["words", 0, 0, {"value": ["words", 0, 0]}]])


def test_a_mask_in_a_straight_line_needs_no_warning():
    assert not model(
        EMBEDDING,
        layer("Dropout", "drop", [["words", 0, 0, {}]], rate=0.1),
        layer("LSTM", "lstm", [["drop", 0, 0, {}]]),
        outputs=[["lstm", 0, 0]],
    )


def test_a_reader_behind_a_merge_is_warned_of():
    (warning,) = model(
        EMBEDDING,
        layer("LSTM", "lstm", [["words", 0, 0, {}]], return_sequences=True),
        layer("Add", "sum", [["lstm", 0, 0, {}], ["words", 0, 0, {}]]),
        layer("GRU", "gru", [["sum", 0, 0, {}]]),
        outputs=[["gru", 0, 0]],
    )
    assert "'gru'" in warning
    assert "'sum'" in warning


def test_what_shares_a_tensor_with_an_attention_is_warned_of():
    (warning,) = model(
        EMBEDDING,
        ATTENTION,
        layer("LSTM", "lstm", [["words", 0, 0, {}]]),
        outputs=[["mha", 0, 0], ["lstm", 0, 0]],
    )
    assert "'lstm'" in warning
    assert "'mha'" in warning


def test_a_merge_behind_which_nobody_reads_a_mask_needs_no_warning():
    assert not model(
        EMBEDDING,
        layer("Add", "sum", [["words", 0, 0, {}], ["words", 0, 0, {}]]),
        layer("Dense", "dense", [["sum", 0, 0, {}]]),
        outputs=[["dense", 0, 0]],
    )


def test_without_a_mask_nothing_is_said():
    assert not model(
        layer("Embedding", "words", [["x", 0, 0, {}]], mask_zero=False),
        layer("Add", "sum", [["words", 0, 0, {}], ["words", 0, 0, {}]]),
        layer("LSTM", "lstm", [["sum", 0, 0, {}]]),
        outputs=[["lstm", 0, 0]],
    )
