"""A lock that somebody wrote with intent: nothing runs, is read or written by its word alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from composer.record.lock_file import resolved_sha256
from tests.commands import Compose, in_this_process
from tests.container.minimal import dense_model

SPEC = """\
version: 1
name: pair
sources:
  a: {from: models/a.keras, prefix: a_}
  b: {from: models/b.keras, weights: models/a.keras, prefix: b_}
output: {path: built/pair.keras}
"""
EVIL = """\
from pathlib import Path
Path(__file__).with_name("marker").touch()
import keras
class Evil(keras.layers.Layer): pass
def make(**_):
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
"""

Document = dict[str, Any]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    (folder / "models").mkdir(parents=True)
    (folder / "elsewhere/models").mkdir(parents=True)
    for seed, name in enumerate(("models/a", "models/b", "elsewhere/models/a")):
        dense_model(folder / f"{name}.keras", seed=seed)
    dense_model(tmp_path / "outside.keras", seed=7)
    (folder / "evil.py").write_text(EVIL)
    (folder / "pair.yaml").write_text(SPEC)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def compose(folder: Path, capsys: pytest.CaptureFixture[str]) -> Compose:
    return in_this_process(capsys)


def change_lock(change: Callable[[Document, Document], object]) -> None:
    """Change the resolved spec of the lock, and the lock, and put its digest right."""
    path = Path("pair.lock.json")
    document = json.loads(path.read_text())
    change(document["spec"]["resolved"], document["spec"])
    document["spec"]["sha256"] = resolved_sha256(document["spec"]["resolved"])
    path.write_text(json.dumps(document, indent=2))


def run_function(spec: Document, _: Document) -> None:
    spec["sources"]["a"]["from"] = "py:evil:make"


def name_objects(spec: Document, _: Document) -> None:
    spec["sources"]["a"]["objects"] = ["evil:Evil"]


def make_layer(spec: Document, _: Document) -> None:
    spec["layers"] = {"x": {"class": "evil:Evil", "inputs": "a"}}


def trust(spec: Document, _: Document) -> None:
    spec["sources"]["a"]["trust"] = True


def pin(spec: Document, _: Document) -> None:
    spec["sources"]["a"]["sha256"] = "0" * 64


def pin_weights(spec: Document, _: Document) -> None:
    spec["sources"]["b"]["weights"] = {"file": "models/a.keras", "sha256": "0" * 64}


def other_file(spec: Document, _: Document) -> None:
    spec["sources"]["a"]["from"] = "../outside.keras"


def other_weights(spec: Document, _: Document) -> None:
    spec["sources"]["b"]["weights"] = "../outside.keras"


def other_folder(_: Document, lock: Document) -> None:
    lock["directories"]["sources.a"] = "elsewhere"


def other_output(spec: Document, _: Document) -> None:
    spec["output"]["path"] = "../marker.keras"


def other_output_folder(_: Document, lock: Document) -> None:
    lock["directories"]["output"] = ".."


EDITS = {
    run_function: "sources.a.from",
    name_objects: "sources.a.objects",
    make_layer: "layers.x.class",
    trust: "sources.a.trust",
    pin: "sources.a.sha256",
    pin_weights: "sources.b.weights.sha256",
    other_file: "sources.a.from",
    other_weights: "sources.b.weights",
    other_folder: "sources.a.from",
    other_output: "output.path",
    other_output_folder: "output.path",
}


def refused(compose: Compose, *arguments: str) -> list[tuple[str, str]]:
    """Return code and path of what is refused, and check that nothing happened meanwhile."""
    before = sorted(path for path in Path.cwd().parent.rglob("*") if "store" not in path.parts)
    code, out, _ = compose("build", "--frozen", "pair.yaml", "--output-format", "json", *arguments)
    assert code == 4
    after = sorted(path for path in Path.cwd().parent.rglob("*") if "store" not in path.parts)
    assert after == before
    return [
        (item["code"], ".".join(map(str, item["path"])))
        for item in json.loads(out)
        if item["severity"] == "error"
    ]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
def test_what_a_lock_says_and_its_spec_does_not_is_refused(
    compose: Compose, edit: Callable
) -> None:
    assert compose("lock", "pair.yaml").code == 0
    change_lock(edit)
    expected = ("CMP609" if edit is trust else "CMP620", EDITS[edit])
    assert refused(compose) == [expected]
    assert refused(compose, "--dry-run") == [expected]


OVERRIDES = {
    "sources.a.from=py:evil:make": (run_function, "sources.a.from"),
    "+sources.a.objects=[evil:Evil]": (name_objects, "sources.a.objects"),
    "+layers.x={class: evil:Evil, inputs: a}": (make_layer, "layers.x.class"),
    f"+sources.a.sha256='{'0' * 64}'": (pin, "sources.a.sha256"),
    "sources.a.from=../outside.keras": (other_file, "sources.a.from"),
    "output.path=../marker.keras": (other_output, "output.path"),
}


@pytest.mark.parametrize("override", OVERRIDES)
def test_overrides_of_a_lock_are_its_own_word(compose: Compose, override: str) -> None:
    compose("lock", "pair.yaml")
    edit, path = OVERRIDES[override]
    change_lock(lambda spec, lock: (edit(spec, lock), lock["overrides"].append(override)))
    assert refused(compose) == [("CMP620", path)]


@pytest.mark.parametrize(
    "edit", [run_function, name_objects, make_layer, trust, other_file, other_output],
    ids=lambda edit: edit.__name__,
)  # fmt: skip
@pytest.mark.parametrize("spec", [None, "version: [", "version: 1\nsauces: {}\n"])
def test_without_a_sound_spec_no_code_runs_and_nothing_leads_outside(
    compose: Compose, edit: Callable, spec: str | None
) -> None:
    compose("lock", "pair.yaml")
    change_lock(edit)
    if spec is None:
        Path("pair.yaml").unlink()
    else:
        Path("pair.yaml").write_text(spec)
    assert refused(compose) == [("CMP609" if edit is trust else "CMP620", EDITS[edit])]


def test_a_result_that_goes_elsewhere_by_command_is_not_the_locks_to_place(
    compose: Compose,
) -> None:
    compose("lock", "pair.yaml")
    change_lock(other_output)
    assert compose("build", "--frozen", "pair.yaml", "-o", "here.keras").code == 0
    assert Path("here.keras").exists()


def test_a_lock_that_is_trusted_by_command_places_files(compose: Compose) -> None:
    Path("pair.yaml").write_text(SPEC.replace("models/a.keras, p", "../outside.keras, p", 1))
    assert compose("lock", "pair.yaml").code == 0
    Path("pair.yaml").write_text(SPEC)
    assert refused(compose) == [("CMP620", "sources.a.from")]
    assert compose("build", "--frozen", "--trust-lock", "pair.yaml").code == 0
    assert Path("built/pair.keras").exists()
    Path("pair.yaml").unlink()
    assert refused(compose) == [("CMP620", "sources.a.from")]
    assert compose("build", "--frozen", "--trust-lock", "pair.yaml").code == 0


def test_overrides_of_a_lock_choose_among_files_of_the_project_and_are_told(
    compose: Compose,
) -> None:
    override = "sources.a.from=elsewhere/models/a.keras"
    assert compose("lock", "pair.yaml", override).code == 0
    result = compose("build", "--frozen", "pair.yaml")
    assert (result.code, override in result.err) == (0, True)


def test_the_flag_is_about_builds_from_a_lock(compose: Compose) -> None:
    assert compose("build", "pair.yaml", "--trust-lock").code == 2


def test_overrides_of_a_lock_do_not_run_code_in_a_new_build(compose: Compose) -> None:
    compose("build", "pair.yaml")
    compose("lock", "pair.yaml")
    change_lock(lambda _, lock: lock["overrides"].append("sources.a.from=py:evil:make"))
    result = compose("verify", "built/pair.keras", "--rebuild", "--lock", "pair.lock.json")
    assert result.code == 4
    assert "CMP620" in result.err
    assert not Path("marker").exists()
