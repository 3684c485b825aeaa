"""A file that lies about its size is refused within the memory that an honest small one takes."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.security.poison import contents, poisoned, rewritten

ROOT = Path(__file__).parents[2]
MOST = 512 << 20
"""Bytes of address space; Python with h5py takes less than 400 MiB."""
KERNEL = "layers/dense/vars/0"
RUN = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({most}, {most}))
sys.path.insert(0, {root!r})
from composer.cli.running import run
sys.exit(run(["inspect", {file!r}]))
"""


def inspected(file: Path) -> tuple[int, str]:
    """Return how ``compose inspect`` ends, with little memory and little time."""
    code = RUN.format(most=MOST, root=str(ROOT), file=str(file))
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, encoding="utf-8", check=False, timeout=30,
        env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def weights(edit: Callable[[h5py.File], object]) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        data = io.BytesIO(members["model.weights.h5"])
        with h5py.File(data, "a") as file:
            del file[KERNEL]
            edit(file)
        members["model.weights.h5"] = data.getvalue()

    return change


def config(make: Callable[[], bytes]) -> Callable[[dict[str, bytes]], None]:
    return lambda members: members.update({"config.json": make()})


LIES = {
    "a contiguous shape": weights(lambda f: f.create_dataset(KERNEL, (1 << 40,), "f4")),
    "a chunked shape": weights(
        lambda f: f.create_dataset(KERNEL, (1 << 40,), "f4", chunks=(1 << 20,), compression="gzip")
    ),
    "one huge chunk": weights(
        lambda f: f.create_dataset(KERNEL, (1,), "f4", chunks=(1 << 29,), maxshape=(None,))
    ),
    "a huge element": weights(lambda f: f.create_dataset(KERNEL, (1,), "V2147483647")),
    "a huge text": weights(lambda f: f.create_dataset(KERNEL, (1,), "S2147483647")),
    "a config of brackets": config(lambda: b'{"a":' + b"[" * (8 << 20)),
    "a number of many digits": config(lambda: b'{"a":' + b"9" * (8 << 20) + b"}"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_refused_in_little_memory(tmp_path: Path, lie: str) -> None:
    path = poisoned(tmp_path / "a.keras", list)
    members = contents(path)
    LIES[lie](members)
    rewritten(path, members)
    code, said = inspected(path)
    assert code == 1, said
    assert "bug" not in said


def test_the_same_file_without_a_lie_is_listed_in_that_memory(tmp_path: Path) -> None:
    code, said = inspected(poisoned(tmp_path / "a.keras", list))
    assert code == 0, said


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5", "metadata.json"])
def test_a_member_that_inflates_without_end_is_refused_in_little_memory(
    tmp_path: Path, member: str
) -> None:
    path = poisoned(tmp_path / "a.keras", list)
    members = contents(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in members.items():
            if name != member:
                archive.writestr(name, data)
                continue
            with archive.open(name, "w", force_zip64=True) as stream:
                stream.write(data[:-1])
                for _ in range(12):
                    stream.write(b" " * (32 << 20))
    code, said = inspected(path)
    assert code == 1, said
    assert "bug" not in said


def test_an_h5_file_whose_config_says_to_be_huge_is_refused_in_little_memory(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.h5"
    text = json.dumps({"class_name": "Sequential", "config": []})
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = text
        file.create_group("model_weights").attrs["layer_names"] = np.array([], "S1")
    data = path.read_bytes()
    start = data.index(struct.pack("<L", len(text)), data.index(b"model_config\0"))
    path.write_bytes(data[:start] + struct.pack("<L", 0x7FFFFFF0) + data[start + 4 :])
    code, said = inspected(path)
    assert code == 1, said
    assert "bug" not in said
