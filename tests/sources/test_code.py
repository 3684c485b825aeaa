"""``py:`` sources in a spec: what is said before Keras is started, and what after."""

from __future__ import annotations

from pathlib import Path

import pytest

from composer.errors import KerasProcessError
from composer.keras_process.user_code import code_of
from composer.store import Store
from composer.workflows.building import build_spec
from composer.workflows.pipeline import prepare
from composer.workflows.verification import verify_artifact

CODE = """
import keras

def make(units=2):
    features = keras.Input((4,), name="features")
    return keras.Model(features, keras.layers.Dense(units, name="top")(features))

@keras.saving.register_keras_serializable()
class Whole(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.top = keras.layers.Dense(2)

    def call(self, x):
        return self.top(x)

@keras.saving.register_keras_serializable(package="mine")
class Twice(keras.layers.Layer):
    def call(self, x):
        return x * 2

def twice():
    features = keras.Input((4,), name="features")
    return keras.Model(features, Twice(name="twice")(features))

def whole():
    model = Whole(name="whole")
    model(keras.ops.zeros((1, 4)))
    return model
"""


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that writes a spec with one source, and prepares it."""
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "mine.py").write_text(CODE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    store = Store(tmp_path / "store")

    def prepared(source: str, *, deep: bool = False, more: str = ""):
        text = f"version: 1\nname: m\nsources:\n  a: {source}\n{more}"
        (tmp_path / "specs" / "spec.yaml").write_text(text, encoding="utf-8")
        return prepare("specs/spec.yaml", deep=deep, store=store)

    return prepared


@pytest.fixture
def no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args, **kwargs):
        raise KerasProcessError("CMP711.not-installed")

    monkeypatch.setattr("composer.keras_process.imports.run", refuse)


@pytest.mark.usefixtures("no_process")
@pytest.mark.parametrize(
    ("source", "code", "column", "path"),
    [
        ("{from: py:mine.make}", "CMP515", 13, "from"),
        ("{from: py:mind:make}", "CMP515", 13, "from"),
        ("{from: py:mine:made}", "CMP515", 13, "from"),
        ("{from: py:mine:make, args: {unit: 2}}", "CMP505", 33, "args"),
    ],
)
def test_what_the_text_shows_to_be_wrong_is_located_without_keras(
    spec, source: str, code: str, column: int, path: str
) -> None:
    (found,) = spec(source).diagnostics
    assert (found.code, found.path) == (code, ("sources", "a", path))
    assert found.span is not None
    assert (found.span.line, found.span.column) == (4, column)
    assert "did you mean" in (found.help or "") or "for example" in (found.help or "")


@pytest.mark.usefixtures("no_process")
def test_a_function_is_deferred_until_keras_may_be_started(spec) -> None:
    prepared = spec("{from: py:mine:make}")
    assert prepared.errors == ()
    assert prepared.deferred == ("source 'a' must first be imported by Keras",)
    with pytest.raises(KerasProcessError):
        spec("{from: py:mine:make}", deep=True)


@pytest.mark.keras
def test_a_function_s_model_is_linked_like_any_other(spec, tmp_path: Path) -> None:
    prepared = spec("{from: py:mine:make, args: {units: 3}, prefix: p_}", deep=True)
    assert prepared.diagnostics == ()
    artifact = build_spec(prepared, output=tmp_path / "m.keras")
    assert [op.name for op in artifact.plan.graph.operations] == ["p_features", "p_top"]
    assert spec("{from: py:mine:make, args: {units: 3}, prefix: p_}").plan == artifact.plan


@pytest.mark.keras
def test_a_subclassed_model_is_taken_whole_and_refused_otherwise(spec) -> None:
    (found,) = spec("{from: py:mine:whole}", deep=True).diagnostics
    assert found.code == "CMP506"
    assert "nested: NAME" in (found.help or "")
    prepared = spec("{from: py:mine:whole, nested: w}", deep=True)
    assert prepared.errors == ()
    assert prepared.plan is not None


@pytest.mark.keras
def test_keras_is_asked_about_a_class_of_one_s_own_and_verifies_what_holds_it(
    spec, tmp_path: Path
) -> None:
    # The shape of the seam changes, so that only Keras knows what the class makes of it.
    more = "inputs: {x: {shape: [8]}}\nlayers: {top: {class: Dense, args: {units: 2}, inputs: a}}\n"
    prepared = spec("{from: py:mine:twice, inputs: x}", deep=True, more=more)
    assert prepared.diagnostics == ()
    artifact = build_spec(prepared, output=tmp_path / "m.keras")
    assert not any(tmp_path.rglob("__pycache__"))
    alone = verify_artifact(artifact.path)
    (failed,) = [check for check in alone.checks if check.state == "failed"]
    assert "(mine.Twice), which are imported where --spec names a spec" in failed.detail
    assert prepared.spec is not None
    known = verify_artifact(artifact.path, artifact.plan, code=code_of(prepared.spec))
    assert known.ok, known.checks


def test_the_code_of_a_spec_is_found_beside_the_files_that_name_it(spec, tmp_path: Path) -> None:
    prepared = spec("{from: py:mine:make}")
    assert prepared.spec is not None
    code = code_of(prepared.spec)
    assert (code.first, code.last) == ((tmp_path / "specs",), (tmp_path,))
    assert code.modules == ("mine",)
