"""Other releases of h5py and of Keras: what is promised to be the same is, and what is not is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow]

ROOT = Path(__file__).parents[2]
SAVE = Path(__file__).with_name("save_with_old_keras.py")
SPEC = """\
version: 1
name: pair
sources:
  a: {from: models/tower.keras, exclude: [probs], prefix: a_}
  head: {from: models/head.keras, inputs: a}
"""


def run(
    folder: Path, *arguments: str, path: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Python with the packages of ``path`` before all others."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, filter(None, [path, ROOT]))),
            "COMPOSE_HOME": str(folder / "store"),
            "KERAS_BACKEND": "tensorflow",
            "CUDA_VISIBLE_DEVICES": "-1",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        },
        capture_output=True,
        text=True,
        timeout=300,
    )


def compose(
    folder: Path, *arguments: str, path: Path | None = None
) -> subprocess.CompletedProcess[str]:
    done = run(folder, "-m", "composer", *arguments, path=path)
    assert done.returncode == 0, done.stderr
    return done


def lock(folder: Path, name: str = "pair") -> dict[str, Any]:
    return json.loads((folder / f"{name}.lock.json").read_text())


@pytest.mark.parametrize("version", ["3.11.0", "3.16.0"])
def test_another_h5py_gives_the_same_content_and_its_lock_holds(
    package, models: Path, tmp_path: Path, version: str
) -> None:
    other = package(f"h5py=={version}")
    libraries = next(other.glob("h5py.libs"), None)
    assert libraries is None or any(libraries.iterdir())
    found = []
    for path in (None, other):
        folder = tmp_path / ("theirs" if path else "ours")
        folder.mkdir()
        (folder / "models").symlink_to(models, target_is_directory=True)
        (folder / "pair.yaml").write_text(SPEC)
        compose(folder, "lock", "pair.yaml", path=path)
        found.append(lock(folder))
    ours, theirs = found
    assert theirs["toolchain"]["h5py"] == version
    assert ours["toolchain"]["h5py"] != version
    for document in found:
        # What the toolchain may change, and no more.
        document.pop("toolchain")
        for artifact in document["artifacts"].values():
            assert artifact.pop("sha256")
            assert artifact.pop("size")
    assert theirs == ours
    # The lock of the other version, held against a build with this one.
    folder = tmp_path / "theirs"
    built = compose(folder, "build", "--locked", "pair.yaml")
    assert "other versions than those of the lock" in built.stderr
    assert f"toolchain.h5py: locked '{version}'" in built.stderr


def compared(one: Any, other: Any, name: str = "") -> set[str]:
    """Return in what two configs differ, but for the numbers of shared objects."""
    if isinstance(one, dict) and isinstance(other, dict):
        found = {f"+ {key}" for key in other.keys() - one.keys()}
        found |= {f"- {key}" for key in one.keys() - other.keys()}
        for key in one.keys() & other.keys():
            found |= compared(one[key], other[key], key)
        return {item for item in found if "shared_object_id" not in item}
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = zip(one, other, strict=True)
        return {item for pair in pairs for item in compared(*pair, name)}
    return set() if one == other else {f"{name}: {one} -> {other}"}


def config(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))


LOAD = """
import json, sys
import keras, numpy as np
out = []
for name in sys.argv[1:]:
    model = keras.saving.load_model(name)
    generator = np.random.default_rng(0)
    image = generator.uniform(0, 255, (2, 16, 16, 3)).astype("float32")
    found = model([image, generator.integers(0, 11, (2, 7))], training=False)
    model.save(name.replace("built_", "saved_"))
    out.append([np.asarray(value).tobytes().hex() for value in keras.tree.flatten(found)])
print(json.dumps(out))
"""


@pytest.mark.keras
@pytest.mark.parametrize(
    ("version", "more"),
    [
        ("3.6.0", {"+ name", "+ ragged", "name: OrthogonalInitializer -> Orthogonal"}),
        ("3.10.0", set()),
    ],
)
def test_a_source_of_an_older_keras_gives_the_model_that_todays_saved_again_gives(
    package, tmp_path: Path, version: str, more: set[str]
) -> None:
    old = package(f"keras=={version}")
    saved = run(tmp_path, str(SAVE), ".", path=old)
    assert saved.returncode == 0, saved.stderr[-3000:]
    assert saved.stdout.split()[-1] == version
    again = run(tmp_path, str(SAVE), ".", "again")
    assert again.returncode == 0, again.stderr[-3000:]
    for name in ("old", "again"):
        text = f"version: 1\nname: m\nsources: {{a: {{from: {name}.keras}}}}\n"
        (tmp_path / f"{name}.yaml").write_text(text)
        compose(tmp_path, "build", f"{name}.yaml", "-o", f"built_{name}.keras")
    # The weights are the same, and so is what is computed, bit for bit.
    weights = [
        {row["path"]: row["sha256"] for row in listed(tmp_path / f"built_{name}.keras")}
        for name in ("old", "again")
    ]
    assert weights[0] == weights[1]
    done = run(tmp_path, "-c", LOAD, "built_old.keras", "built_again.keras")
    assert done.returncode == 0, done.stderr[-3000:]
    numbers = json.loads(done.stdout.splitlines()[-1])
    assert numbers[0] == numbers[1]
    # The configs say the same in the words of the Keras that wrote them.
    found = compared(*(config(tmp_path / f"built_{name}.keras") for name in ("old", "again")))
    known = {"+ renorm", "+ renorm_clipping", "+ renorm_momentum", "+ quantization_config"}
    known |= {"+ input_axes", "+ output_axes", "+ optional", "+ sliding_window", "+ use_gate"}
    assert {item.replace("class_name:", "name:") for item in found} <= known | more
    # Today's Keras understands both alike: saved again, they are the same content.
    contents = []
    for name in ("old", "again"):
        text = f"version: 1\nname: m\nsources: {{a: {{from: saved_{name}.keras}}}}\n"
        (tmp_path / f"saved_{name}.yaml").write_text(text)
        compose(tmp_path, "lock", f"saved_{name}.yaml")
        contents.append(lock(tmp_path, f"saved_{name}")["artifacts"]["keras"]["content"])
    assert contents[0] == contents[1]


def listed(path: Path) -> list[dict[str, str]]:
    from composer.container.archive import open_archive
    from composer.container.digests import digest_listing

    with open_archive(path) as archive:
        found = digest_listing(archive.weights.listing)
        return [{"path": name, "sha256": digest.sha256} for name, digest in found.items()]
