"""Which of several jobs wait for which."""

from __future__ import annotations

from pathlib import Path

import pytest

from composer.errors import UsageError
from composer.workflows.job_order import starts_from
from composer.workflows.jobs import Job


def test_a_spec_waits_for_the_one_that_builds_its_file_of_weights(tmp_path: Path) -> None:
    trained, user = tmp_path / "b_trained.yaml", tmp_path / "a_user.yaml"
    trained.write_text(
        "version: 1\nname: trained\nsources: {it: {from: tower.keras}}\n"
        "output: {path: out/trained.keras}\n"
    )
    user.write_text(
        "version: 1\nname: user\n"
        "sources: {it: {from: tower.keras, weights: {file: out/trained.keras}}}\n"
        "output: {path: out/user.keras}\n"
    )
    first, second = Job(spec=str(user)), Job(spec=str(trained))
    assert starts_from([first, second]) == {first: (second,), second: ()}


def _spec(folder: Path, name: str, text: str) -> str:
    file = folder / f"{name}.yaml"
    file.write_text(f"version: 1\nname: {name}\nvars: {{place: {name}}}\n{text}\n")
    return str(file)


def test_jobs_of_one_spec_are_told_by_their_overrides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the paths of overrides belong to the current folder
    spec = _spec(
        tmp_path, "a", "sources: {it: {from: t.keras}}\noutput: {path: '${vars.place}.keras'}"
    )
    one = Job(spec=spec, overrides=("vars.place=one",))
    two = Job(spec=spec, overrides=("vars.place=two",))
    file = Job(spec=_spec(tmp_path, "b", "sources: {it: {from: two.keras}}"))
    both = Job(spec=_spec(tmp_path, "c", "sources: {it: {from: a.yaml}}"))
    found = starts_from([file, both, one, two])
    assert found == {file: (two,), both: (one, two), one: (), two: ()}


def test_jobs_with_one_place_are_refused(tmp_path: Path) -> None:
    spec = _spec(tmp_path, "a", "sources: {it: {from: t.keras}}")
    with pytest.raises(UsageError) as caught:
        starts_from([Job(spec=spec), Job(spec=spec, overrides=("vars.place=b",))])
    assert caught.value.code == "CMP704"
    other = str(tmp_path / "other.keras")
    jobs = [Job(spec=spec), Job(spec=spec, outputs=(other,))]
    assert starts_from(jobs) == {jobs[0]: (), jobs[1]: ()}


def test_jobs_in_a_circle_wait_for_none(tmp_path: Path) -> None:
    jobs = [
        Job(spec=_spec(tmp_path, "a", "sources: {it: {from: b.yaml}}")),
        Job(spec=_spec(tmp_path, "b", "sources: {it: {from: a.yaml}}")),
    ]
    assert starts_from(jobs) == dict.fromkeys(jobs, ())
