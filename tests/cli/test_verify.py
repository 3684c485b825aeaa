"""``compose verify`` and ``build --verify``, in Keras itself."""

from __future__ import annotations

import pytest

from composer.record.checks import CheckResult, VerificationReport

SPEC = """\
version: 1
name: pair
sources:
  a: {from: models/tower.keras, prefix: a_, exclude: [probs]}
  head: {from: models/head.keras, inputs: a}
"""


@pytest.fixture
def spec(workspace):
    (workspace / "spec.yaml").write_text(SPEC)
    return workspace


@pytest.mark.keras
def test_a_build_is_verified_before_it_takes_its_name_and_again_afterwards(compose, spec):
    built = compose("build", "spec.yaml", "-o", "pair.keras", "--verify")
    assert built.code == 0
    assert "weights ok" in built.out
    assert [p.name for p in spec.iterdir() if p.suffix == ".keras"] == ["pair.keras"]
    verified = compose("verify", "pair.keras", "--spec", "spec.yaml")
    assert verified.code == 0
    assert verified.out.endswith("pair.keras: verified\n")
    assert "source head" in verified.out


@pytest.mark.keras
def test_an_artifact_of_another_plan_is_drift(compose, spec):
    compose("build", "spec.yaml", "-o", "pair.keras")
    result = compose("verify", "pair.keras", "--spec", "spec.yaml", "sources.a.prefix=b_")
    assert result.code == 4
    assert result.out.startswith("failed")
    assert "checks failed" in result.out


def _failing(artifact, *_, **__):
    return VerificationReport(
        artifact=artifact,
        checks=(CheckResult(name="run", state="failed", detail="it \x1b[0mfell over"),),
    )


def test_a_failed_check_keeps_what_stood_there_and_ends_with_4(compose, spec, monkeypatch):
    (spec / "pair.keras").write_bytes(b"what stood there")
    monkeypatch.setattr("composer.workflows.verified_building.verify_artifact", _failing)
    result = compose("build", "spec.yaml", "-o", "pair.keras", "--verify")
    assert (result.code, result.out) == (4, "")
    assert "run: it \\x1b[0mfell over" in result.err
    assert (spec / "pair.keras").read_bytes() == b"what stood there"
    assert sorted(p.name for p in spec.iterdir()) == ["models", "pair.keras", "spec.yaml"]


def test_verify_lists_its_checks_and_ends_with_4_when_one_failed(compose, spec, monkeypatch):
    monkeypatch.setattr("composer.workflows.verification.verify_artifact", _failing)
    result = compose("verify", "models/tower.keras")
    assert result.code == 4
    assert result.out == (
        "failed   run  it \\x1b[0mfell over\nmodels/tower.keras: 1 of 1 checks failed\n"
    )


def test_a_wrong_spec_is_told_before_keras_is_started(compose, spec):
    (spec / "spec.yaml").write_text(SPEC.replace("inputs: a", "inputs: a:pol"))
    result = compose("verify", "models/tower.keras", "--spec", "spec.yaml")
    assert (result.code, result.out) == (1, "")
    assert "error[CMP407]" in result.err


@pytest.mark.keras
def test_a_frozen_nested_sequential_passes_though_keras_forgets_the_flag_of_its_own(compose, spec):
    text = "version: 1\nname: frozen\nsources:\n  n: {from: models/nested.keras, freeze: [inner]}\n"
    (spec / "frozen.yaml").write_text(text)
    built = compose("build", "frozen.yaml", "-o", "frozen.keras", "--verify")
    assert (built.code, built.err) == (0, "")
    assert "trainable ok" in built.out


@pytest.mark.keras
def test_a_layer_that_would_train_against_the_plan_is_found(compose, spec, changed_model):
    def thaw(config):
        inner = next(e for e in config["config"]["layers"] if e["config"]["name"] == "inner")
        inner["config"]["trainable"] = False

    changed_model("nested", "thawed.keras", thaw)
    result = compose("verify", "thawed.keras")
    assert result.code == 4
    assert "Keras gives other flags to inner" in result.out
