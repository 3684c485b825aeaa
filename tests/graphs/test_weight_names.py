"""Names beside order: when they agree, when one was changed, when two were exchanged."""

from __future__ import annotations

import pytest

from composer.graphs.weight_names import agreement

AUTOMATIC = frozenset({"dense", "conv2d"})


@pytest.mark.parametrize(
    ("pairs", "crossed", "renamed"),
    [
        ([("a", "a"), ("b", "b")], [], []),
        ([("dense_4", "dense"), ("dense_5", "dense_1")], [], []),
        # Ten comes after nine, whatever the alphabet says.
        ([("dense_9", "dense"), ("dense_10", "dense_1")], [], []),
        ([("dense_1", "dense"), ("dense", "dense_1")], [0, 1], []),
        ([("a", "b"), ("b", "a")], [0, 1], []),
        ([("a", "first"), ("b", "b")], [], [0]),
        # Only one side has both names: still the file's b would go into a.
        ([("a", "b"), ("b", "c")], [0, 1], []),
        # A number of a name that somebody chose says something.
        ([("block_2", "block_1")], [], [0]),
    ],
)
def test_names_of_pairs_agree_were_changed_or_contradict_the_order(pairs, crossed, renamed):
    found = agreement(pairs, AUTOMATIC)
    assert list(found.crossed) == [pairs[index] for index in crossed]
    assert list(found.renamed) == [pairs[index] for index in renamed]
