"""Random models, linked in several ways, are in plain Keras what their sources were, bit for bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from composer.model_files.read_model import read_model
from tests.properties.expectations import give_values, input_values, write_expected
from tests.properties.keras_reader import Reader
from tests.properties.linking_parts import link
from tests.properties.linking_variants import VARIANTS
from tests.properties.random_keras_models import Program, programs

# Keras itself warns, of masks that a layer drops and of old ways to call numpy.
pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]
_PARTS = 4


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    process = Reader()
    yield process
    process.close()


@pytest.mark.parametrize("part", range(_PARTS))
def test_linked_random_models_are_bit_for_bit_their_sources(
    part: int, request: pytest.FixtureRequest, reader: Reader, tmp_path: Path
) -> None:
    tried: Counter[str] = Counter()
    jobs: dict[int, dict[str, Any]] = {}

    @seed(part)
    @settings(
        max_examples=-(-request.config.getoption("linked_graphs", 120) // _PARTS),
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(programs(), st.integers(0, 999))
    def holds(program: Program, choice: int) -> None:
        number = len(jobs)
        models = {source: program.build() for source in ("a", "b")}
        for index, (source, model) in enumerate(models.items()):
            give_values(model, index)
            model.save(tmp_path / f"{number}{source}.keras")
        job = jobs.setdefault(number, {"number": number, "choice": choice, "digests": {}})
        files = {s: read_model(tmp_path / f"{number}{s}.keras") for s in models}
        values = input_values(models["a"])
        for kind, make in VARIANTS.items():
            variant = make(files, choice)
            target = tmp_path / f"{number}{kind}.keras"
            outcome = link(variant, files, target)
            if not outcome.sha256:
                assert outcome.refused, f"{kind}: waits for Keras: {outcome.questions}"
                assert variant.may_refuse, f"{kind}: refused: {outcome.messages}"
                tried[f"{kind} refused by {outcome.refused[0]}"] += 1
                job["digests"][kind] = " ".join(outcome.refused)
                continue
            job["digests"][kind] = outcome.sha256
            expected = tmp_path / "expected"
            write_expected(expected, variant, models, values)
            problem = reader.problem(target, expected)
            assert problem is None, f"{kind}: {problem}"
            tried[kind] += 1

    holds()
    print(f"\n{sum(tried.values())} links of {len(jobs)} models: {dict(sorted(tried.items()))}")
    assert all(tried[kind] > len(jobs) // 2 for kind in VARIANTS), "most links are refused"
    _link_again(list(jobs.values()), tmp_path)


def _link_again(jobs: list[dict[str, Any]], folder: Path) -> None:
    """Link all again in a process with other hashes, elsewhere; the bytes must be the same."""
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "jobs.json").write_text(json.dumps(jobs))
    root = Path(__file__).parents[2]
    subprocess.run(
        [sys.executable, "-m", "tests.properties.link_again", str(folder), "jobs.json"],
        cwd=elsewhere,
        env={**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": str(root)},
        check=True,
        timeout=300,
    )
