"""The functions of ``import composer``."""

from __future__ import annotations

import pytest

import composer
from composer.resolver.plan import Plan

SPEC = """\
version: 1
name: pair
sources:
  a: {from: models/tower.keras, prefix: a_, exclude: [probs]}
  head: {from: models/head.keras, inputs: a}
"""


@pytest.fixture
def spec(models, tmp_path, monkeypatch):
    (tmp_path / "models").symlink_to(models, target_is_directory=True)
    (tmp_path / "spec.yaml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    return tmp_path / "spec.yaml"


def test_a_spec_is_planned_by_path_or_as_a_value(spec):
    by_path = composer.plan(spec)
    assert isinstance(by_path, Plan)
    assert composer.plan(composer.load_spec(spec)).origins == by_path.origins


def test_overrides_change_the_text_of_a_spec(spec):
    assert "x_conv1" in composer.plan(spec, ["sources.a.prefix=x_"]).origins
    with pytest.raises(ValueError, match="read already"):
        composer.plan(composer.load_spec(spec), ["sources.a.prefix=x_"])


def test_without_deep_a_plan_may_be_a_draft(spec):
    draft = composer.plan(
        spec, ["+layers.more={class: Dense, args: {units: 1}, inputs: head}"], deep=False
    )
    assert draft.deferred == ("more",)


def test_a_wrong_spec_raises_all_its_diagnostics(spec):
    spec.write_text(SPEC.replace("inputs: a", "inputs: a:pol").replace("[probs]", "[prob]"))
    with pytest.raises(composer.SpecError) as caught:
        composer.plan(spec)
    assert {d.code for d in caught.value.diagnostics} == {"CMP401", "CMP407"}


def test_a_built_model_can_be_inspected(spec):
    artifact = composer.build(spec, output="out.keras")
    inspection = composer.inspect(artifact.path)
    assert inspection.parameters == artifact.plan.parameters
    assert inspection.nbytes == artifact.plan.nbytes
    assert [layer.name for layer in inspection.layers] == list(artifact.plan.origins)
    assert [(source.id, source.location) for source in inspection.sources] == [
        ("a", "models/tower.keras"),
        ("head", "models/head.keras"),
    ]


def test_the_output_of_a_spec_is_used_where_none_is_given(spec):
    assert str(composer.build(spec).path) == "build/pair.keras"


def test_a_file_that_is_no_model_raises_a_format_error(spec):
    with pytest.raises(composer.FormatError):
        composer.inspect(spec)


@pytest.mark.keras
def test_verification_of_a_build_compares_it_with_its_sources(spec):
    artifact = composer.build(spec, output="out.keras", verify=True)
    report = composer.verify(artifact.path, spec)
    assert report.ok
    assert "source head" in {check.name for check in report.checks}


def test_an_unknown_name_of_the_package_is_an_attribute_error():
    assert set(composer.__all__) <= set(dir(composer))
    with pytest.raises(AttributeError, match="no attribute 'compile'"):
        composer.compile  # noqa: B018
