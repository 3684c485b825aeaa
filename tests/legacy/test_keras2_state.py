from __future__ import annotations

from pathlib import Path

import pytest

from composer.container.stored import FileStamp, Listing, StoredGroup, StoredTensor
from composer.errors import FormatError
from composer.legacy.keras2_state import state_layout, today_s_listing, today_s_paths
from composer.legacy.read_config import read_any_graph
from tests.legacy.keras2_documents import chain, functional, image, layer, sequential

OLD = "_layer_checkpoint_dependencies"


def dense_chain():
    """Return a graph with Dense layers a, b, c and a weightless ReLU before each."""
    return read_any_graph(
        chain(
            layer("ReLU", "r"),
            layer("Dense", "a"),
            layer("ReLU", "s"),
            layer("Dense", "b"),
            layer("Dense", "c"),
        )
    )


@pytest.mark.parametrize("version", ["2.15.0", "2.21.0", "3.15.1", ""])
def test_from_2_15_on_paths_are_those_of_keras_3(version):
    stored = ["layers/dense/vars/0", "layers/dense_1/vars/0", "layers/dense_2/vars/0"]
    paths = today_s_paths(dense_chain(), [*stored, "optimizer/vars/0"], state_layout(version))
    assert paths == {path: path for path in stored}


def test_2_14_has_another_root():
    stored = [f"{OLD}/dense/vars/0", f"{OLD}/dense_1/vars/0", f"{OLD}/dense_2/vars/0"]
    paths = today_s_paths(dense_chain(), stored, state_layout("2.14.0"))
    assert list(paths.values()) == [path.replace(OLD, "layers") for path in stored]


@pytest.mark.parametrize("version", ["2.12.0", "2.13.1"])
def test_2_12_and_2_13_count_layers_that_have_weights_twice(version):
    stored = [f"{OLD}/dense/vars/0", f"{OLD}/dense_2/vars/0", f"{OLD}/dense_4/vars/0"]
    groups = [OLD, "vars", f"{OLD}/re_lu", f"{OLD}/re_lu_1/vars", f"{OLD}/dense_4/vars"]
    paths = today_s_paths(dense_chain(), stored, state_layout(version), others=groups)
    assert paths == {
        OLD: "layers",
        "vars": "vars",
        f"{OLD}/re_lu": "layers/re_lu",
        f"{OLD}/re_lu_1/vars": "layers/re_lu_1/vars",
        f"{OLD}/dense_4/vars": "layers/dense_2/vars",
        f"{OLD}/dense/vars/0": "layers/dense/vars/0",
        f"{OLD}/dense_2/vars/0": "layers/dense_1/vars/0",
        f"{OLD}/dense_4/vars/0": "layers/dense_2/vars/0",
    }


def test_paths_are_mapped_at_every_depth_and_inside_wrappers():
    deepest = sequential(
        image("i", 4), layer("Dense", "d"), layer("Dense", "e"), name="deepest",
        nodes=[[["x", 0, 0, {}]]],
    )  # fmt: skip
    steps = layer("TimeDistributed", "steps", [["deepest", 1, 0, {}]], layer=deepest)
    both = layer("Bidirectional", "both", [["steps", 0, 0, {}]], layer=layer("LSTM", "l", units=2))
    graph = read_any_graph(
        functional(
            image("x", 4), deepest, steps, both, inputs=[["x", 0, 0]], outputs=[["both", 0, 0]]
        )
    )
    inside = f"{OLD}/dense_2/vars/0"
    paths = today_s_paths(
        graph,
        [
            f"{OLD}/sequential/{OLD}/dense/vars/0",
            f"{OLD}/sequential/{inside}",
            f"{OLD}/time_distributed/layer/{OLD}/dense/vars/0",
            f"{OLD}/time_distributed/layer/{inside}",
            f"{OLD}/bidirectional/forward_layer/cell/vars/0",
        ],
        state_layout("2.12.0"),
    )
    assert list(paths.values()) == [
        "layers/sequential/layers/dense/vars/0",
        "layers/sequential/layers/dense_1/vars/0",
        "layers/time_distributed/layer/layers/dense/vars/0",
        "layers/time_distributed/layer/layers/dense_1/vars/0",
        "layers/bidirectional/forward_layer/cell/vars/0",
    ]


def test_backslashes_of_windows_are_read():
    stored = [rf"{OLD}\dense/vars/0", rf"{OLD}\dense_1/vars/0", rf"{OLD}\dense_2/vars/0"]
    paths = today_s_paths(dense_chain(), stored, state_layout("2.14.0"))
    assert list(paths) == stored
    assert list(paths.values())[2] == "layers/dense_2/vars/0"


def test_weights_that_belong_to_no_layer_are_refused():
    with pytest.raises(FormatError) as refused:
        today_s_paths(dense_chain(), ["layers/dense_7/vars/0"], state_layout("2.15.0"))
    assert refused.value.case == "keras2-stray"


def tensor(path: str, offset: int | None) -> StoredTensor:
    return StoredTensor(
        path=path, shape=(1,), dtype="<f4", logical_dtype="float32", nbytes=4, offset=offset
    )


def listing(*entries: StoredGroup | StoredTensor) -> Listing:
    return Listing(Path("old.keras"), FileStamp(1, 2, 3, 4, 5), entries)


def test_a_listing_is_given_today_s_paths_and_keeps_its_offsets():
    names = [OLD] + [f"{OLD}/dense{n}{v}" for n in ("", "_2", "_4") for v in ("", "/vars")]
    held = listing(
        StoredGroup(path=""),
        *(StoredGroup(path=name) for name in names),
        *(tensor(f"{OLD}/dense{n}/vars/0", at) for n, at in (("", 8), ("_2", 16), ("_4", 24))),
    )
    today = today_s_listing(held, dense_chain(), state_layout("2.13.1"))
    below = today.subtree("layers/dense_1")
    assert [entry.path for entry in below] == [
        "layers/dense_1",
        "layers/dense_1/vars",
        "layers/dense_1/vars/0",
    ]
    assert isinstance(below[2], StoredTensor)
    assert below[2].offset == 16
    assert today.find(f"{OLD}/dense_2") is None


def test_a_listing_in_which_nothing_differs_is_the_same_object():
    held = listing(StoredGroup(path=""), tensor("layers/dense/vars/0", 8))
    assert today_s_listing(held, dense_chain(), state_layout("2.15.0")) is held


def test_a_moved_tensor_must_be_found_by_its_offset():
    held = listing(StoredGroup(path=""), tensor(f"{OLD}/dense/vars/0", None))
    with pytest.raises(FormatError, check=lambda error: error.case == "keras2-chunks"):
        today_s_listing(held, dense_chain(), state_layout("2.14.0"))
