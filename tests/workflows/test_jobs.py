"""Jobs and outcomes are values, and many jobs start Keras once."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path

import pytest

from composer.workflows.jobs import Job, Outcome, run
from composer.workflows.many_jobs import run_many
from tests.workflows.keras_starts import KerasStarts

SPEC = """
version: 1
name: {name}
inputs: {{x: {{shape: [8]}}}}
layers:
  hidden: {{class: Dense, args: {{units: {units}, activation: relu}}, inputs: x}}
  probs: {{class: Dense, args: {{units: 3}}, inputs: hidden}}
outputs: {{probs: probs}}
output: {{path: build/{name}.keras}}
"""
LINKED = """
version: 1
name: {name}
sources: {{it: {{from: {source}}}}}
output: {{path: build/{name}.keras}}
"""


@pytest.fixture
def starts(no_shared_keras: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KerasStarts:
    """Work in an empty folder with a store of its own, and count the starts of Keras."""
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "site"
    folder.mkdir()
    return KerasStarts(folder, monkeypatch)


def new_layers(name: str, units: int = 4) -> str:
    Path(f"{name}.yaml").write_text(SPEC.format(name=name, units=units))
    return f"{name}.yaml"


def linked(name: str, source: str) -> str:
    Path(f"{name}.yaml").write_text(LINKED.format(name=name, source=source))
    return f"{name}.yaml"


def built() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(Path("build").iterdir())}


def same(outcome: Outcome) -> Outcome:
    """Return an outcome as another process gets it."""
    return pickle.loads(pickle.dumps(outcome))


@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only there one process serves many")
def test_a_folder_of_specs_with_new_layers_costs_one_start_and_has_the_bytes_of_each_alone(
    starts: KerasStarts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [Job(spec=new_layers(f"s{units}", units)) for units in (4, 5, 6, 7)]
    assert [outcome.status for outcome in run_many(jobs)] == ["built"] * 4
    assert starts.count == 1
    together = built()

    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store2"))
    again = [Job(spec=job.spec, force=True, verify=job == jobs[0]) for job in jobs]
    outcomes = list(run_many(again, workers=2))
    assert [outcome.status for outcome in outcomes] == ["built"] * 4
    assert starts.count == 2
    assert built() == together
    (verified,) = (outcome for outcome in outcomes if outcome.job.verify)
    assert {check.state for check in verified.checks} == {"ok"}

    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store3"))
    for job in jobs[:2]:
        assert run(Job(spec=job.spec, force=True)).status == "built"
    assert starts.count == 4
    assert built() == together


@pytest.mark.keras
@pytest.mark.slow
def test_code_of_one_spec_is_not_that_of_another(starts: KerasStarts) -> None:
    # Two modules of one name and two classes that register under one: by turns in one process.
    for folder, factor in (("one", 2), ("two", 3)):
        Path(folder).mkdir()
        Path(folder, "mine.py").write_text(
            "import keras\n"
            "@keras.saving.register_keras_serializable('mine')\n"
            "class Scale(keras.layers.Layer):\n"
            f"    def call(self, x): return x * {factor}.0\n"
            f"    def compute_output_shape(self, shape): return (*shape[:-1], shape[-1])\n"
            "def make():\n"
            "    x = keras.Input((4,), name='x')\n"
            f"    y = keras.layers.Dense({factor}, name='dense')(Scale(name='scale')(x))\n"
            "    keras.backend.set_floatx('float64')\n"
            "    return keras.Model(x, y, name='m')\n"
        )
        Path(f"{folder}/{folder}.yaml").write_text(
            f"version: 1\nname: {folder}\nsources: {{it: {{from: 'py:mine:make'}}}}\n"
            "layers:\n  more: {class: 'mine:Scale', inputs: it}\n  last: {class: Dense, args: "
            "{units: 2}, inputs: more}\n"
            f"outputs: {{last: last}}\noutput: {{path: ../build/{folder}.keras}}\n"
        )
    jobs = [Job(spec=f"{name}/{name}.yaml", verify=True) for name in ("one", "two")]
    outcomes = list(run_many(jobs))
    assert [(outcome.status, outcome.problem) for outcome in outcomes] == [("built", None)] * 2
    together = built()
    assert starts.count == (1 if sys.platform == "linux" else starts.count)
    for job in jobs:
        assert run(job).status == "built"
    assert built() == together
    assert together["one.keras"] != together["two.keras"]


@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only there one process serves many")
def test_a_layer_that_fails_or_crashes_stops_no_other_spec(starts: KerasStarts) -> None:
    for name, body in (("refused", "raise ValueError('no')"), ("crashed", "os.abort()")):
        Path(f"mine_{name}.py").write_text(
            f"import keras, os\nclass Mine(keras.layers.Layer):\n    def call(self, x): {body}\n"
        )
        text = Path(new_layers(name)).read_text()
        dense = "class: Dense, args: {units: 3}"
        Path(f"{name}.yaml").write_text(text.replace(dense, f"class: 'mine_{name}:Mine'"))
    jobs = [Job(spec=spec) for spec in ("crashed.yaml", "refused.yaml", new_layers("good"))]
    crashed, refused, good = run_many(jobs, keep_going=True)
    assert (crashed.status, crashed.code) == ("failed", 3)
    assert crashed.problem is not None
    assert crashed.problem.code == "CMP711"
    assert (refused.status, refused.code) == ("failed", 1)
    assert [found.code for found in refused.diagnostics] == ["CMP410"]
    assert good.status == "built"
    assert starts.count == 2  # what crashed was tried again by itself


def test_what_is_wrong_with_a_spec_is_part_of_the_outcome(starts: KerasStarts) -> None:
    Path("typo.yaml").write_text("version: 1\nname: typo\nsuorces: {}\n")
    missing, wrong = run(Job(spec="missing.yaml")), run(Job(spec="typo.yaml"))
    assert (missing.status, missing.code) == ("failed", 2)
    assert missing.problem is not None
    assert missing.problem.code == "CMP114"
    assert (wrong.status, wrong.code, wrong.problem) == ("failed", 1, None)
    assert wrong.diagnostics[0].span is not None
    assert wrong.diagnostics[0].span.line == 3
    assert same(wrong) == wrong
    assert same(missing) == missing
    assert json.loads(json.dumps(wrong.to_dict()))["code"] == 1


def test_a_job_that_starts_from_what_failed_is_not_tried(starts: KerasStarts) -> None:
    Path("typo.yaml").write_text("version: 1\nname: typo\nsuorces: {}\noutput: {path: t.keras}\n")
    user, other = linked("user", "typo.yaml"), linked("other", "missing.keras")
    jobs = [Job(spec=spec) for spec in (user, "typo.yaml", other)]

    def ended(*, keep_going: bool) -> list[tuple[str, str, int]]:
        found = run_many(jobs, keep_going=keep_going)
        return [(outcome.job.spec, outcome.status, outcome.code) for outcome in found]

    assert ended(keep_going=True) == [
        ("typo.yaml", "failed", 1),
        ("other.yaml", "failed", 1),
        ("user.yaml", "not tried", 0),
    ]
    assert ended(keep_going=False) == [
        ("typo.yaml", "failed", 1),
        ("user.yaml", "not tried", 0),
        ("other.yaml", "not tried", 0),
    ]
    assert starts.count == 0


def test_an_outcome_says_what_was_written_as_data(starts: KerasStarts, models: Path) -> None:
    spec = linked("copy", str(models / "mlp.keras"))
    lines: list[str] = []
    planned = run(Job(spec=spec, dry_run=True))
    first = run(Job(spec=spec, sbom=True), progress=lines.append)
    second = run(Job(spec=spec))
    assert [outcome.status for outcome in (planned, first, second)] == ["planned", "built", "fresh"]
    assert [(file.place.path, file.fresh) for file in planned.planned] == [
        (Path("build/copy.keras"), False)
    ]
    assert lines[0] == "planning copy.yaml"
    assert planned.counts == first.counts == second.counts
    assert first.counts is not None
    assert first.counts.sources == 1
    assert first.seconds > 0
    document = json.loads(json.dumps(first.to_dict()))
    assert document["job"]["sbom"] is True
    assert document["files"][0]["sha256"] == first.files[0].sha256
    assert document["companions"] == [{"path": "build/copy.cdx.json", "format": "sbom"}]
    assert same(first) == first
    assert second.files[0].fresh
    # The bill of materials is about the files that stand there, until they are built anew.
    changed = run(Job(spec=spec, overrides=("~sources.it.prefix",), force=True))
    assert changed.status == "failed"
    Path(spec).write_text(Path(spec).read_text().replace("from:", "prefix: new_, from:"))
    anew = run(Job(spec=spec))
    assert [(item.path, item.kind) for item in anew.outdated] == [
        (Path("build/copy.cdx.json"), "sbom")
    ]
    assert anew.to_dict()["outdated"] == ["build/copy.cdx.json"]
    assert starts.count == 0
