"""Opening archives: what is read, and what is refused by which name."""

from __future__ import annotations

import os
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from composer.container.archive import open_archive, opened_weights
from composer.errors import FormatError
from tests.container.minimal import dense_model, write_keras_file


def refusal(path, *, read=lambda archive: None) -> FormatError:
    with pytest.raises(FormatError) as caught, open_archive(path) as archive:
        read(archive)
    assert str(path.name) in caught.value.message or caught.value.case == "damaged"
    return caught.value


def zip_of(path, members, compression=zipfile.ZIP_STORED):
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", compression) as archive:
        warnings.simplefilter("ignore")
        for name, content in members:
            archive.writestr(name, content)
    return path


WHOLE = [("metadata.json", "{}"), ("config.json", "{}"), ("model.weights.h5", "x")]


def test_an_archive_gives_config_metadata_assets_and_weights(tmp_path):
    config = {"class_name": "Functional", "config": {"b": 1, "a": [2, None]}}
    path = write_keras_file(
        tmp_path / "m.keras", config, {"layers/dense/vars/0": np.arange(6, dtype="f4")},
        assets={"layers/lookup/vocabulary.txt": b"one\ntwo"},
    )  # fmt: skip
    with open_archive(path) as archive:
        assert archive.config == config
        assert list(archive.config["config"]) == ["b", "a"]
        assert archive.keras_version == "3.15.1"
        assert archive.assets == ("assets/layers/lookup/vocabulary.txt",)
        assert archive.read_asset(archive.assets[0]) == b"one\ntwo"
        assert archive.weights is archive.weights
        assert [tensor.path for tensor in archive.weights.tensors] == ["layers/dense/vars/0"]
        archive.check_crc()


def test_closing_closes_every_descriptor(tmp_path):
    path = dense_model(tmp_path / "m.keras")
    deflated = write_keras_file(tmp_path / "d.keras", compression=zipfile.ZIP_DEFLATED)
    before = len(os.listdir("/proc/self/fd"))
    for file in (path, deflated):
        with open_archive(file) as archive:
            assert archive.weights.groups
            archive.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_refused_archive_leaves_no_descriptor_open(tmp_path):
    path = zip_of(tmp_path / "m.keras", [*WHOLE, ("virus.py", "")])
    bad_weights = zip_of(tmp_path / "w.keras", WHOLE)
    before = len(os.listdir("/proc/self/fd"))
    refusal(path)
    refusal(bad_weights, read=lambda archive: archive.weights)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_deflated_archive_reads_like_a_stored_one(tmp_path):
    array = np.arange(100_000, dtype="i4")
    path = write_keras_file(
        tmp_path / "m.keras", {"class_name": "X"}, {"vars/0": array},
        compression=zipfile.ZIP_DEFLATED,
    )  # fmt: skip
    with open_archive(path) as archive:
        (tensor,) = archive.weights.tensors
        assert archive.config == {"class_name": "X"}
        assert tensor.offset is None
        assert archive.weights.read(tensor) == array.tobytes()


@pytest.mark.parametrize(
    ("members", "case"),
    [
        (WHOLE[:2], "missing-member"),
        (WHOLE[1:], "missing-member"),
        ([*WHOLE, ("extra.txt", "")], "unknown-member"),
        ([*WHOLE, WHOLE[1]], "duplicate-member"),
        ([*WHOLE, ("assets/a/X", ""), ("assets/A/x", "")], "duplicate-member"),
        ([*WHOLE, ("assets/../../etc/passwd", "")], "member-name"),
        ([*WHOLE, ("/assets/x", "")], "member-name"),
        ([*WHOLE, ("assets//x", "")], "member-name"),
        ([*WHOLE, ("assets/a\\..\\x", "")], "member-name"),
        ([*WHOLE, ("assets/c:x", "")], "member-name"),
        ([("metadata.json", "{}"), ("config.json", "{}"), ("model.weights.npz", "")],
         "npz"),
        ([WHOLE[0], ("config.json", "[1]"), WHOLE[2]], "json-object"),
        ([WHOLE[0], ("config.json", "{"), WHOLE[2]], "json"),
        ([WHOLE[0], ("config.json", b"\xff\xfe{}"), WHOLE[2]], "json"),
        ([WHOLE[0], ("config.json", '{"a": 1, "a": 2}'), WHOLE[2]], "json-key-twice"),
        ([WHOLE[0], ("config.json", '{"a": NaN}'), WHOLE[2]], "json-nan"),
        ([WHOLE[0], ("config.json", '{"a":' * 5000 + "1" + "}" * 5000), WHOLE[2]], "json-depth"),
    ],
)  # fmt: skip
def test_a_hostile_archive_is_refused_by_name(tmp_path, members, case):
    assert refusal(zip_of(tmp_path / "m.keras", members)).case == case


def test_a_symbolic_link_among_the_assets_is_refused(tmp_path):
    link = zipfile.ZipInfo("assets/link")
    link.create_system = 3
    link.external_attr = 0o120777 << 16
    assert refusal(zip_of(tmp_path / "m.keras", [*WHOLE, (link, "/etc")])).case == "member-name"


def test_a_file_that_is_no_zip_is_refused_with_what_it_is(tmp_path):
    path = tmp_path / "m.keras"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(600))
    error = refusal(path)
    assert error.case == "not-a-zip"
    assert "HDF5" in error.message
    assert ".h5" in error.help
    path.write_bytes(b"")
    assert refusal(path).case == "not-a-zip"


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_archive(tmp_path / "none.keras")


def test_a_folder_is_no_archive(tmp_path):
    with pytest.raises((FormatError, OSError)):
        open_archive(tmp_path)


def test_changed_bytes_of_a_config_are_refused_by_their_crc(tmp_path):
    path = dense_model(tmp_path / "m.keras")
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"units"', b'"unitz"', 1))
    assert refusal(path).case == "crc"


def test_changed_bytes_of_weights_are_found_by_check_crc(tmp_path):
    path = dense_model(tmp_path / "m.keras")
    with open_archive(path) as archive:
        offset = archive.weights.tensors[0].offset
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)
    assert refusal(path, read=lambda archive: archive.check_crc()).case == "crc"


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5", "assets/a"])
def test_a_deflated_bomb_is_refused_before_it_is_inflated(tmp_path, member):
    big = bytes(64 << 20)
    members = [item for item in WHOLE if item[0] != member]
    path = zip_of(tmp_path / "m.keras", [*members, (member, big)], zipfile.ZIP_DEFLATED)
    del big

    def read(archive):
        return archive.read_asset(member) if "assets" in member else archive.weights

    tracemalloc.start()
    assert refusal(path, read=read).case == "bomb"
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def test_a_deflated_member_that_says_to_be_smaller_than_it_is_stops_at_that_size(tmp_path):
    path = zip_of(tmp_path / "m.keras", [*WHOLE, ("assets/a", bytes(30 << 20))],
                  zipfile.ZIP_DEFLATED)  # fmt: skip
    data = path.read_bytes()
    path.write_bytes(data.replace((30 << 20).to_bytes(4, "little"), (4000).to_bytes(4, "little")))
    tracemalloc.start()
    assert (
        refusal(path, read=lambda archive: archive.read_asset("assets/a")).case == "member-length"
    )
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


def test_a_file_cut_anywhere_is_refused_without_a_traceback(tmp_path):
    data = dense_model(tmp_path / "m.keras", (3, 2)).read_bytes()
    path = tmp_path / "cut.keras"
    for end in range(0, len(data), 64):
        path.write_bytes(data[:end])
        assert refusal(path).case in {
            "not-a-zip",
            "no-directory",
            "directory-place",
            "member-beyond",
        }


def test_a_half_written_file_full_of_zeros_is_refused(tmp_path):
    data = dense_model(tmp_path / "m.keras").read_bytes()
    path = tmp_path / "half.keras"
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    assert refusal(path).case == "no-directory"


def read_everything(path):
    with open_archive(path) as archive:
        archive.check_crc()
        for tensor in archive.weights.tensors:
            archive.weights.read(tensor)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    changes=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6
    )
)
def test_corrupted_bytes_give_a_format_error_or_the_same_content(tmp_path, changes):
    path = tmp_path / "m.keras"
    if not (tmp_path / "sound").exists():
        (tmp_path / "sound").write_bytes(dense_model(path).read_bytes())
    data = bytearray((tmp_path / "sound").read_bytes())
    for place, value in changes:
        data[int(place * len(data))] = value
    path.write_bytes(data)
    try:
        read_everything(path)
    except FormatError as error:
        assert error.case


def test_weights_open_alike_from_an_archive_and_from_an_hdf5_file(tmp_path):
    path = dense_model(tmp_path / "m.keras")
    with zipfile.ZipFile(path) as archive:
        (tmp_path / "m.weights.h5").write_bytes(archive.read("model.weights.h5"))
    with opened_weights(path) as inside, opened_weights(tmp_path / "m.weights.h5") as alone:
        assert inside.entries == alone.entries
        assert [inside.read(t) for t in inside.tensors] == [alone.read(t) for t in alone.tensors]


def test_a_pointer_of_git_lfs_says_how_to_get_the_file(tmp_path):
    path = tmp_path / "tower.keras"
    path.write_text(
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 100\n"
    )
    error = refusal(path)
    assert error.case == "not-a-zip"
    assert "git lfs pull" in (error.help or "")
