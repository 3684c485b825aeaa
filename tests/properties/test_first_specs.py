"""First specs of random models, two of a kind, are sound as they are written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings

from composer.spec import spec_from_text
from composer.workflows.drafting import draft
from composer.workflows.pipeline import prepare_spec
from tests.properties.random_keras_models import Program, programs

# Keras itself warns, of masks that a layer drops and of old ways to call numpy.
pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]
_OF_THEIR_OWN = {"CMP507", "CMP533"}
"""Classes that a spec has to name, and order that plain Keras gets wrong: true of each alone."""


def test_first_specs_of_random_models_are_sound(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    seen = {"heads": 0, "taken": 0}

    @seed(0)
    @settings(
        max_examples=-(-request.config.getoption("linked_graphs", 120) // 2),
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(programs())
    def holds(program: Program) -> None:
        for name in ("a", "b"):
            program.build().save(tmp_path / f"{name}.keras")
        found = draft(["a.keras", "b.keras"], directory=tmp_path)
        assert {d.code for d in found.prepared.errors} <= _OF_THEIR_OWN
        seen["heads"] += any(part.heads for part in found.parts)
        # With every suggestion taken nothing collides and every reference leads somewhere.
        text = re.sub(r"(?m)^( *)#(?=[^ \n]|  \S)", r"\1", found.text)
        seen["taken"] += len(yaml.safe_load(text)) > len(yaml.safe_load(found.text))
        spec, problems = spec_from_text(text, file="taken.yaml", directory=tmp_path)
        assert problems == ()
        assert spec is not None
        prepared = prepare_spec(spec)
        assert {d.code for d in prepared.errors} <= _OF_THEIR_OWN

    holds()
    assert all(seen.values()), seen
