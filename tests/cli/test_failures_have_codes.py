"""Every failure has a code, in each form of diagnostics for programs, the same in every verb."""

from __future__ import annotations

import json

import pytest

from composer.errors import BuildError, DriftError, KerasProcessError

GOOD = "version: 1\nname: good\nsources: {a: {from: models/tower.keras}}\n"


@pytest.fixture
def files(workspace):
    """Return the folder with a good spec, damaged models and locks, and a stale result."""
    (workspace / "good.yaml").write_text(GOOD, encoding="utf-8")
    (workspace / "odd.keras").write_bytes(b"PK\x03\x04 but nothing more")
    (workspace / "odd.h5").write_bytes(b"\x89HDF\r\n\x1a\n but nothing more")
    (workspace / "odd.json").write_text("{", encoding="utf-8")
    (workspace / "none.json").write_text("{}", encoding="utf-8")
    (workspace / "broken.yaml").write_text(GOOD, encoding="utf-8")
    (workspace / "broken.lock.json").write_text("{", encoding="utf-8")
    (workspace / "damaged.yaml").write_text(
        GOOD.replace("models/tower", "odd").replace("good", "damaged"), encoding="utf-8"
    )
    (workspace / "deep.yaml").write_text(
        "version: 1\nname: deep\nsources: {a: {from: 'app:NoSuchNet'}}\n", encoding="utf-8"
    )
    (workspace / "taken.yaml").write_text(GOOD + "output: {path: folder.keras}\n", encoding="utf-8")
    (workspace / "folder.keras").mkdir()
    return workspace


FAILURES = [
    (("validate", "no.yaml"), 2, "CMP114"),
    (("validate", "good.yaml", "no.yaml"), 2, "CMP114"),
    (("validate", "models/tower.keras"), 2, "CMP114"),
    (("validate", "folder.keras"), 2, "CMP114"),
    (("validate",), 2, "CMP113"),
    (("validate", "--nothing", "good.yaml"), 2, "CMP113"),
    (("validate", "damaged.yaml"), 1, "CMP502"),
    (("validate", "deep.yaml"), 1, "CMP505"),
    (("validate", "--fix", "no.yaml"), 2, "CMP114"),
    (("plan", "no.yaml"), 2, "CMP114"),
    (("plan", "good.yaml", "broken.yaml"), 2, "CMP113"),
    (("plan", "damaged.yaml"), 1, "CMP502"),
    (("build", "no.yaml"), 2, "CMP114"),
    (("build", "damaged.yaml"), 1, "CMP502"),
    (("build", "--locked", "good.yaml"), 2, "CMP114"),
    (("build", "--frozen", "good.yaml"), 2, "CMP114"),
    (("build", "--locked", "broken.yaml"), 4, "CMP118"),
    (("build", "--locked", "--frozen", "good.yaml"), 2, "CMP113"),
    (("build", "-o", "a.pb", "good.yaml"), 2, "CMP701"),
    (("build", "taken.yaml"), 1, "CMP709"),
    (("lock", "no.yaml"), 2, "CMP114"),
    (("lock", "--check", "good.yaml"), 2, "CMP114"),
    (("lock", "--check", "broken.yaml"), 4, "CMP118"),
    (("status", "no.yaml"), 2, "CMP114"),
    (("status", "good.yaml"), 4, "CMP614"),
    (("status", "damaged.yaml"), 1, "CMP502"),
    (("verify", "no.keras"), 2, "CMP114"),
    (("verify", "odd.keras"), 1, "CMP502"),
    (("verify", "good.yaml", "--lock", "good.yaml"), 2, "CMP114"),
    (("verify", "models/tower.keras", "--lock", "broken.lock.json"), 4, "CMP118"),
    (("verify", "odd.keras", "--lock", "broken.lock.json"), 4, "CMP118"),
    (("graph", "no.yaml", "-o", "a.svg"), 2, "CMP114"),
    (("graph", "odd.keras", "-o", "a.svg"), 1, "CMP502"),
    (("graph", "good.yaml", "-o", "a.bmp"), 2, "CMP113"),
    (("init", "no.keras"), 2, "CMP114"),
    (("init", "odd.keras"), 1, "CMP502"),
]


@pytest.mark.parametrize(("arguments", "exit_code", "code"), FAILURES)
def test_a_failure_is_a_diagnostic_for_programs(compose, files, arguments, exit_code, code) -> None:
    found = {}
    for form in ("json", "github", "sarif"):
        result = compose(*arguments, "--output-format", form)
        assert result.code == exit_code
        found[form] = result.out
    assert [item["code"] for item in json.loads(found["json"])] == [code]
    results = json.loads(found["sarif"])["runs"][0]["results"]
    assert [item["ruleId"] for item in results] == [code]
    assert found["github"].startswith("::error ")
    assert f"[{code}]" in found["github"] or code in found["github"]


@pytest.mark.parametrize(("arguments", "exit_code", "code"), FAILURES)
def test_people_see_the_code_too(compose, files, arguments, exit_code, code) -> None:
    result = compose(*arguments)
    assert result.code == exit_code
    if arguments != ("status", "good.yaml"):  # whose table says it
        assert f"error[{code}]" in result.err


@pytest.mark.parametrize(
    ("arguments", "exit_code", "code"),
    [
        (("inspect", "no.keras"), 2, "CMP114"),
        (("inspect", "odd.keras"), 1, "CMP502"),
        (("inspect", "odd.h5"), 1, "CMP502"),
        (("graph", "odd.h5"), 1, "CMP502"),
        (("diff", "odd.keras", "models/tower.keras"), 1, "CMP502"),
        (("diff", "models/tower.keras", "odd.json"), 1, "CMP118"),
        (("diff", "models/tower.keras", "none.json"), 2, "CMP118"),
        (("diff", "models/tower.keras", "no.keras"), 2, "CMP114"),
        (("diff", "models/tower.keras", "good.txt"), 2, "CMP113"),
        (("explain", "CMP000"), 2, "CMP113"),
        (("nothing",), 2, "CMP113"),
        (("cache", "prune", "--older-than", "soon"), 2, "CMP113"),
        (("inspect", "models/tower.keras", "--select", "a["), 2, "CMP209"),
        (("inspect", "models/tower.keras", "--select", r"{regex: '(a+)\1+'}"), 2, "CMP115"),
        (("inspect", "models/tower.keras", "--select", "nothing"), 1, "CMP401"),
    ],
)
def test_verbs_without_forms_say_the_code(compose, files, arguments, exit_code, code) -> None:
    result = compose(*arguments)
    assert result.code == exit_code
    assert f"error[{code}]" in result.err


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (BuildError("CMP710.graft", path="a", origin="b"), "CMP710", 3),
        (KerasProcessError("CMP711.not-installed"), "CMP711", 3),
        (DriftError("CMP614.export-differs", format="onnx", reason="x"), "CMP614", 4),
        (OSError(28, "full"), "CMP713", 3),
        (RuntimeError("no"), "CMP714", 3),
        (MemoryError(), "CMP713", 3),
    ],
)
def test_what_happens_later_has_a_code_too(  # noqa: PLR0917 - three are fixtures
    compose, files, monkeypatch, error, code, exit_code
) -> None:
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("composer.workflows.building.build_spec", fail)
    result = compose("build", "good.yaml", "--output-format", "json")
    assert result.code == exit_code
    assert [item["code"] for item in json.loads(result.out)] == [code]


def test_a_plan_that_waits_for_keras_says_so_for_programs(compose, files) -> None:
    (files / "old.yaml").write_text(
        "version: 1\nname: old\nsources: {a: {from: 'app:MobileNet', args: {weights: null}}}\n",
        encoding="utf-8",
    )
    result = compose("plan", "old.yaml", "--output-format", "json")
    assert result.code == 3
    assert [item["code"] for item in json.loads(result.out)] == ["CMP710"]


def test_where_stdout_is_another_document_nothing_else_is_written_to_it(compose, files) -> None:
    for arguments in (
        ("plan", "no.yaml", "--json"),
        ("diff", "models/tower.keras", "no.keras"),
        ("status", "no.yaml", "--json"),
    ):
        result = compose(*arguments, "--output-format", "json")
        assert result.code == 2
        assert result.out in ("", '{\n  "specs": []\n}\n')
