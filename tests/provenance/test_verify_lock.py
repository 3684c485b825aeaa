"""``compose verify --lock``: an artifact against its lock alone, without sources and Keras."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.provenance.conftest import PAIR, Compose, repacked


@pytest.fixture
def locked(folder: Path, compose: Compose) -> Path:
    (folder / "pair.yaml").write_text(f"{PAIR}output: {{path: pair, format: [keras, weights]}}\n")
    assert compose("lock", "pair.yaml")[0] == 0
    assert compose("build", "pair.yaml")[0] == 0
    return folder


def change_lock(folder: Path, *path: str, value: object) -> None:
    file = folder / "pair.lock.json"
    document = json.loads(file.read_text())
    entry = document
    for step in path[:-1]:
        entry = entry[step]
    entry[path[-1]] = value
    file.write_text(json.dumps(document))


def test_what_was_locked_passes_without_its_sources_and_its_spec(
    locked: Path, compose: Compose
) -> None:
    (locked / "models").unlink()
    (locked / "pair.yaml").unlink()
    code, out, err = compose("verify", "pair.keras", "--lock", "pair.lock.json")
    assert (code, err) == (0, "")
    assert out.startswith("ok       lock  size and every byte (")
    assert "7 names and 2 sources match pair.lock.json\npair.keras: verified\n" in out
    assert compose("verify", "pair.weights.h5", "--lock", "pair.lock.json")[0] == 0


def test_a_spec_stands_for_all_that_it_builds_and_for_the_lock_beside_it(
    locked: Path, compose: Compose
) -> None:
    code, out, _ = compose("verify", "pair.yaml", "--lock", "pair.yaml")
    assert code == 0
    assert out.count("verified\n") == 2
    (locked / "pair.weights.h5").unlink()
    code, _, err = compose("verify", "pair.yaml", "--lock", "pair.yaml")
    assert code == 2
    assert "there is no file pair.weights.h5" in err


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (("artifacts", "keras", "sha256"), "artifacts.keras.sha256"),
        (("artifacts", "keras", "content"), "artifacts.keras.content"),
        (("sources", "a", "content"), "sources.a.content"),
        (("sources", "a", "from"), "sources.a.from"),
        (("sources", "a", "license"), "sources.a.license"),
        (("names", "a_conv1"), "names.a_conv1"),
    ],
)
def test_each_field_that_differs_is_named(
    locked: Path, compose: Compose, path: tuple[str, ...], field: str
) -> None:
    change_lock(locked, *path, value="0" * 64)
    code, out, err = compose("verify", "pair.keras", "--lock", "pair.lock.json")
    assert code == 4
    assert f"error[CMP613]: pair.keras is not what pair.lock.json says: {field}\n" in err
    assert f"note: {field}: locked '" in err or f"note: {field}: locked 0" in err
    assert "help: compose build --locked pair.yaml builds what was locked" in err
    assert out.endswith("pair.keras: 1 of 1 checks failed\n")


def test_one_changed_byte_of_a_tensor_is_found(locked: Path, compose: Compose) -> None:
    for name in ("pair.keras", "pair.weights.h5"):
        data = bytearray((locked / name).read_bytes())
        # The last tensor lies at the end of the weights, which the archive's directory follows.
        data[-1500 if name == "pair.keras" else -10] ^= 1
        (locked / name).write_bytes(data)
        code, _, err = compose("verify", name, "--lock", "pair.lock.json")
        assert code == 4
        assert "[CMP613]" in err


def test_equal_content_in_other_bytes_is_refused_where_the_versions_are_those_of_the_lock(
    locked: Path, compose: Compose
) -> None:
    repacked("pair.keras", "again.keras")
    code, _, err = compose("verify", "again.keras", "--lock", "pair.lock.json")
    assert code == 4
    assert "artifacts.keras.sha256" in err
    assert "note: config and tensors are those of the lock" in err


def test_of_other_versions_only_the_content_is_promised(locked: Path, compose: Compose) -> None:
    change_lock(locked, "toolchain", "h5py", value="3.0.0")
    repacked("pair.keras", "again.keras")
    code, out, _ = compose("verify", "again.keras", "--lock", "pair.lock.json")
    assert code == 0
    assert "content and 7 names and 2 sources" in out
    assert "h5py 3.0.0 then" in out


def test_an_origin_that_was_changed_in_the_file_is_found_whatever_version_wrote_it(
    locked: Path, compose: Compose
) -> None:
    change_lock(locked, "toolchain", "h5py", value="3.0.0")
    repacked("pair.keras", "again.keras", '"license":"MIT"', '"license":"GPL"')
    code, _, err = compose("verify", "again.keras", "--lock", "pair.lock.json")
    assert code == 4
    assert "sources.a.license: locked 'MIT', found 'GPL'" in err


def test_what_has_no_digest_of_its_content_is_not_taken_for_good(
    locked: Path, compose: Compose
) -> None:
    change_lock(locked, "toolchain", "h5py", value="3.0.0")
    assert compose("verify", "pair.weights.h5", "--lock", "pair.lock.json")[0] == 0
    with (locked / "pair.weights.h5").open("ab") as file:
        file.write(b"\0")
    code, _, err = compose("verify", "pair.weights.h5", "--lock", "pair.lock.json")
    assert code == 4
    assert "other versions are installed than those of the lock (h5py 3.0.0 then" in err


def test_a_file_that_keras_saved_again_says_nothing_of_its_origins(
    locked: Path, compose: Compose
) -> None:
    repacked("pair.keras", "again.keras", '"composer"', '"gone"')
    code, _, err = compose("verify", "again.keras", "--lock", "pair.lock.json")
    assert code == 4
    assert "sources" not in err


def test_mistakes_of_usage_are_told(locked: Path, compose: Compose) -> None:
    for arguments, said in (
        (("pair.keras", "--lock", "nothing.lock.json"), "there is no lock nothing.lock.json"),
        (("nothing.keras", "--lock", "pair.yaml"), "there is no file nothing.keras"),
        (("pair.yaml", "--lock", "pair.yaml", "--spec", "pair.yaml"), "two specs are named"),
        (("pair.yaml",), "pair.yaml is a spec"),
        (("pair.keras", "--rebuild"), "--rebuild needs the spec"),
        (("pair.keras", "--lock", "pair.yaml", "a=1"), "overrides change a spec"),
        (("pair.onnx", "--lock", "pair.yaml"), "there is no file pair.onnx"),
    ):
        code, out, err = compose("verify", *arguments)
        assert (code, out) == (2, "")
        assert said in err
    (locked / "pair.onnx").write_bytes(b"")
    code, _, err = compose("verify", "pair.onnx", "--lock", "pair.yaml")
    assert code == 2
    assert "it holds keras, weights" in err
    (locked / "notes.txt").write_bytes(b"")
    assert "no known extension" in compose("verify", "notes.txt", "--lock", "pair.yaml")[2]


def test_programs_get_the_diagnostics(locked: Path, compose: Compose) -> None:
    change_lock(locked, "artifacts", "keras", "sha256", value="0" * 64)
    arguments = ("verify", "pair.keras", "--lock", "pair.lock.json", "--output-format", "json")
    code, out, _ = compose(*arguments)
    assert code == 4
    assert [item["code"] for item in json.loads(out)] == ["CMP613"]


def test_neither_keras_nor_tensorflow_is_imported(locked: Path) -> None:
    program = (
        "import sys\nfrom composer.cli.running import run\n"
        "code = run(['verify', 'pair.keras', '--lock', 'pair.yaml'])\n"
        "heavy = {'keras', 'tensorflow'} & set(sys.modules)\n"
        "assert not heavy, heavy\nsys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
