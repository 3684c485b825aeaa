"""The environment of a Keras process: what reaches it and what does not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from composer.keras_process.environment import hermetic_environment


def make(tmp_path: Path, inherited: dict[str, str], *, share: bool = False) -> dict[str, str]:
    folder = tmp_path / "process"
    folder.mkdir()
    return hermetic_environment(inherited, folder, share_downloads=share)


def test_settings_that_change_what_keras_computes_do_not_reach_it(tmp_path: Path) -> None:
    made = make(
        tmp_path,
        {
            "KERAS_BACKEND": "jax",
            "KERAS_NNX_ENABLED": "1",
            "KERAS_MAX_EPOCHS": "1",
            "TF_USE_LEGACY_KERAS": "1",
            "TF_ENABLE_ONEDNN_OPTS": "1",
            "XLA_FLAGS": "--xla_nothing",
            "PYTHONHASHSEED": "17",
        },
    )
    assert made["KERAS_BACKEND"] == "tensorflow"
    assert made["PYTHONHASHSEED"] == "0"
    assert made["TF_ENABLE_ONEDNN_OPTS"] == "0"
    assert not {"KERAS_NNX_ENABLED", "KERAS_MAX_EPOCHS", "TF_USE_LEGACY_KERAS", "XLA_FLAGS"} & set(
        made
    )


def test_what_says_where_things_are_found_stays(tmp_path: Path) -> None:
    inherited = {"PATH": "/bin", "HOME": "/home/me", "HTTPS_PROXY": "http://proxy:1"}
    assert inherited.items() <= make(tmp_path, inherited).items()


def test_a_users_keras_json_is_not_read(tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.mkdir()
    (users / "keras.json").write_text('{"floatx": "float16"}')
    made = make(tmp_path, {"KERAS_HOME": str(users)}, share=True)
    settings = json.loads((Path(made["KERAS_HOME"]) / "keras.json").read_text())
    assert settings["floatx"] == "float32"
    assert settings["image_data_format"] == "channels_last"
    assert (users / "keras.json").read_text() == '{"floatx": "float16"}'


def test_shared_downloads_lie_in_the_users_keras_folder(tmp_path: Path) -> None:
    made = make(tmp_path, {"KERAS_HOME": str(tmp_path / "users")}, share=True)
    (Path(made["KERAS_HOME"]) / "models" / "weights.h5").write_text("downloaded")
    assert (tmp_path / "users" / "models" / "weights.h5").read_text() == "downloaded"


def test_without_shared_downloads_the_users_folder_is_not_touched(tmp_path: Path) -> None:
    make(tmp_path, {"KERAS_HOME": str(tmp_path / "users")})
    assert not (tmp_path / "users").exists()


def test_a_users_folder_that_can_not_be_made_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "users").write_text("a file")
    made = make(tmp_path, {"KERAS_HOME": str(tmp_path / "users")}, share=True)
    assert not (Path(made["KERAS_HOME"]) / "models").exists()


def test_a_relative_python_path_is_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = make(tmp_path, {"PYTHONPATH": f"mine{os.pathsep}{os.pathsep}/theirs"})
    assert made["PYTHONPATH"].split(os.pathsep)[:2] == [str(tmp_path / "mine"), "/theirs"]
