"""Imports of keras.applications: once, the same bytes everywhere, and refused in clear words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from composer.errors import BuildError, SourceError
from composer.keras_process import applications
from composer.keras_process.imports import find_model, import_model
from composer.sources.kinds.app import application_recipe
from composer.store import Store

SMALL: dict[str, Any] = {"alpha": 0.35, "input_shape": [32, 32, 3], "weights": None, "classes": 3}

IMPORTER = """
import json, sys
from pathlib import Path
from composer.sources.kinds.app import application_recipe
from composer.keras_process.imports import import_model
from composer.store import Store
lines = []
digest = import_model(
    application_recipe("MobileNetV2", json.loads(sys.argv[2]), 0),
    Store(Path(sys.argv[1])),
    progress=lines.append,
)
print(json.dumps([digest, lines]))
"""


def import_application(
    name: str,
    args: dict[str, Any],
    seed: int,
    store: Store,
    *,
    directory: Path | None = None,
    timeout: float | None = None,
) -> str:
    recipe = application_recipe(name, args, seed, directory=directory)
    return import_model(recipe, store, timeout=timeout)


def find_application(name: str, args: dict[str, Any], seed: int, store: Store) -> str | None:
    return find_model(application_recipe(name, args, seed), store)


def start(store: Path, cwd: Path, **environment: str) -> subprocess.Popen[str]:
    cwd.mkdir()
    return subprocess.Popen(
        [sys.executable, "-c", IMPORTER, str(store), json.dumps(SMALL)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environment},
    )


def result(process: subprocess.Popen[str]) -> tuple[str, list[str]]:
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    digest, lines = json.loads(output)
    return digest, lines


@pytest.mark.keras
def test_two_processes_that_import_the_same_application_make_it_once(tmp_path: Path) -> None:
    root = tmp_path / "store"
    processes = [start(root, tmp_path / name) for name in ("a", "b")]
    (first, first_lines), (second, second_lines) = map(result, processes)
    assert first == second
    assert sorted([first_lines, second_lines]) == [[], ["making MobileNetV2"]]
    store = Store(root)
    assert store.object_path(first, verify=True) is not None
    (stored,) = store.list_objects()
    assert stored.about[0]["name"] == "MobileNetV2"
    # Known now, so no process is started.
    assert find_application("MobileNetV2", SMALL, 0, store) == first
    assert find_application("MobileNetV2", SMALL, 1, store) is None
    assert import_application("MobileNetV2", SMALL, 0, store, timeout=0) == first
    assert not any((root / "scratch").iterdir())

    elsewhere = start(
        tmp_path / "other store",
        tmp_path / "c",
        PYTHONHASHSEED="77",
        KERAS_BACKEND="jax",
        TF_ENABLE_ONEDNN_OPTS="1",
    )
    assert result(elsewhere) == (first, ["making MobileNetV2"])


def test_an_unknown_application_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, check=lambda error: error.key == "CMP505.unknown-name"
    ) as caught:
        import_application("MobilNetV2", {"weights": None}, 0, Store(tmp_path), timeout=0)
    assert caught.value.case == "unknown-name"
    assert caught.value.nearest[0] == "MobileNetV2"


def test_an_unknown_argument_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, check=lambda error: error.key == "CMP505.unknown-argument"
    ) as caught:
        find_application("MobileNetV2", {"weights": None, "clases": 2}, 0, Store(tmp_path))
    assert caught.value.case == "unknown-argument"
    assert caught.value.nearest == ("classes",)


@pytest.mark.keras
@pytest.mark.parametrize(
    ("name", "args", "case"),
    [("MobilNetV2", {}, "unknown-name"), ("MobileNetV2", {"clases": 2}, "unknown-argument")],
)
def test_the_keras_process_refuses_the_same_where_keras_is_laid_out_otherwise(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    args: dict[str, Any],
    case: str,
) -> None:
    with pytest.raises(SourceError) as before:
        import_application(name, args, 0, Store(tmp_path))
    monkeypatch.setattr(applications, "_modules", dict)
    applications.application_arguments.cache_clear()
    with pytest.raises(SourceError) as in_process:
        import_application(name, args, 0, Store(tmp_path))
    applications.application_arguments.cache_clear()
    for caught in (before.value, in_process.value):
        assert caught.case == case
    assert before.value.message == in_process.value.message
    assert before.value.nearest == in_process.value.nearest


@pytest.mark.keras
def test_arguments_that_keras_refuses_are_refused_in_its_words(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="positive integer. Received: units=-3") as caught:
        import_application("MobileNetV2", {"weights": None, "classes": -3}, 0, Store(tmp_path))
    assert caught.value.case == "arguments-refused"


@pytest.mark.keras
def test_weights_that_can_not_be_downloaded_name_the_model_and_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(BuildError, check=lambda error: error.key == "CMP710.download") as caught:
        import_application("MobileNetV2", {"weights": "imagenet"}, 0, Store(tmp_path / "store"))
    assert caught.value.help is not None
    assert "weights: null" in caught.value.help
    assert (tmp_path / "keras" / "models").is_dir()
    assert Store(tmp_path / "store").list_objects() == ()


def test_a_file_of_weights_that_is_not_there_is_refused_without_keras(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"mine\.weights\.h5") as caught:
        import_application(
            "MobileNetV2", {"weights": "mine.weights.h5"}, 0, Store(tmp_path), directory=tmp_path
        )
    assert caught.value.case == "weights-file"


@pytest.mark.keras
def test_weights_from_a_file_belong_to_the_model_wherever_the_file_lies(tmp_path: Path) -> None:
    import h5py

    store = Store(tmp_path / "store")
    made = store.object_path(import_application("MobileNetV2", SMALL, 1, store))
    assert made is not None
    # A .keras file is a file of weights to Keras, too.
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "w.keras").write_bytes(made.read_bytes())
    arguments = {**SMALL, "weights": "w.keras"}
    loaded = import_application("MobileNetV2", arguments, 2, store, directory=tmp_path / "here")
    again = import_application(
        "MobileNetV2", arguments, 2, store, directory=tmp_path / "there", timeout=0
    )
    assert loaded == again
    path = store.object_path(loaded)
    assert path is not None
    kernels = [_first_kernel(h5py, file) for file in (made, path)]
    assert kernels[0] == kernels[1]


def _first_kernel(h5py: Any, path: Path) -> bytes:
    import io
    import zipfile

    with zipfile.ZipFile(path) as archive:
        content = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(content, "r") as file:
        return bytes(file["layers/conv2d/vars/0"][()].tobytes())
