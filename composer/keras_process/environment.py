"""The environment of a Keras process: nothing of the user's Keras settings reaches it.

What stays is what decides *where things are found* (PATH, HOME, proxies, certificates, CUDA-free
library paths, PYTHONPATH). What goes is what changes *what Keras computes*: every ``KERAS_*``,
``TF_*`` and ``XLA_*`` variable and ``keras.json`` (floatx, image_data_format, epsilon, backend).
KERAS_HOME becomes an empty folder of the process's own with a ``keras.json`` of Keras's defaults;
its ``models`` folder can be a link to the user's, so that downloaded weights are shared.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_CHANGES_RESULTS = ("KERAS_", "TF_", "XLA_", "CUBLAS_", "PYTHONHASHSEED", "PYTHONSTARTUP")

_KERAS_JSON = {
    "floatx": "float32",
    "epsilon": 1e-07,
    "backend": "tensorflow",
    "image_data_format": "channels_last",
}


def hermetic_environment(
    inherited: Mapping[str, str], folder: Path, *, share_downloads: bool
) -> dict[str, str]:
    """Return the environment for a Keras process and prepare the folders it names.

    Args:
        inherited: the environment of this process.
        folder: an empty folder that lives as long as the process.
        share_downloads: let weights be read from and kept in the user's own Keras folder
            (KERAS_HOME, else ``~/.keras``, as in ``keras/src/backend/config.py``).
    """
    environment = {
        name: value for name, value in inherited.items() if not name.startswith(_CHANGES_RESULTS)
    }
    home = folder / "keras"
    home.mkdir()
    (home / "keras.json").write_text(json.dumps(_KERAS_JSON), encoding="utf-8")
    if share_downloads:
        _link_downloads(Path(inherited.get("KERAS_HOME") or "~/.keras").expanduser(), home)
    temporary = folder / "tmp"
    temporary.mkdir()
    environment |= {
        "KERAS_BACKEND": "tensorflow",
        "KERAS_HOME": str(home),
        "TMPDIR": str(temporary),
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "PYTHONPATH": os.pathsep.join(_python_path(inherited.get("PYTHONPATH", ""))),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        # A model is the same whether or not the machine that makes it has a GPU.
        "CUDA_VISIBLE_DEVICES": "-1",
    }
    return environment


def _link_downloads(users_home: Path, home: Path) -> None:
    # keras.utils.get_file makes the folder it downloads to, but not through a dangling link. A
    # home that can't be written leaves the process to download into its own folder.
    with suppress(OSError):
        models = users_home.absolute() / "models"
        models.mkdir(parents=True, exist_ok=True)
        (home / "models").symlink_to(models, target_is_directory=True)


def _python_path(inherited: str) -> list[str]:
    """Return the search path: the user's, made absolute, and the folder composer runs from."""
    entries = [str(Path(entry).absolute()) for entry in inherited.split(os.pathsep) if entry]
    own = Path(__file__).resolve().parents[2]
    # Behind PYTHONPATH stands the standard library, which installed packages must not hide.
    if own.name not in {"site-packages", "dist-packages"}:
        entries.append(str(own))
    return entries
