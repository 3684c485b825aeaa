"""``trust: true`` is about one file: what makes the source another one takes the trust back."""

from __future__ import annotations

from pathlib import Path

import pytest

from composer.spec import read_spec
from composer.workflows.pipeline import prepare
from tests.container.minimal import dense_model

HEAD = "version: 1\nname: net\n"
TRUSTS = HEAD + "sources:\n  t: {from: a.keras, trust: true}\n"
DIGEST = "5" * 64


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    return tmp_path


def codes(folder: Path, text: str, *overrides: str, **files: str) -> list[str]:
    for name, more in files.items():
        (folder / f"{name}.yaml").write_text(more)
    (folder / "spec.yaml").write_text(text)
    return [found.code for found in read_spec(folder / "spec.yaml", overrides)[1]]


@pytest.mark.parametrize(
    ("text", "overrides"),
    [
        (TRUSTS, ("sources.t.from=evil.keras",)),
        (TRUSTS, ("sources.t={from: evil.keras}",)),
        (TRUSTS, ("~sources.t.from", "+sources.t.from=evil.keras")),
        (TRUSTS, ("sources.t.from=hub:./evil",)),
        (TRUSTS, ("+sources.t.args={endpoint: evil}",)),
        (HEAD + "vars: {f: a}\nsources: {t: {from: '${vars.f}.keras', trust: true}}\n",
         ("vars.f=evil",)),
        (HEAD + "vars: {f: '${vars.g}', g: a.keras}\nsources: {t: {from: '${vars.f}', "
         "trust: true}}\n", ("vars.g=evil.keras",)),
        (HEAD + "vars: {s: {t: {from: a.keras, trust: true}}}\nsources: ${vars.s}\n",
         ("vars.s.t.from=evil.keras",)),
        (HEAD + f"sources: {{t: {{from: a.keras, sha256: '{DIGEST}', trust: true}}}}\n",
         ("sources.t.from=evil.keras", f"sources.t.sha256='{'6' * 64}'")),
        (HEAD + f"sources: {{t: {{from: a.keras, sha256: '{DIGEST}', trust: true}}}}\n",
         ("~sources.t.sha256",)),
    ],
)  # fmt: skip
def test_an_override_takes_trust_back(folder: Path, text: str, overrides: tuple[str, ...]) -> None:
    assert codes(folder, text) == []
    assert codes(folder, text, *overrides) == ["CMP552"]


def test_trust_that_was_taken_back_lets_nothing_further(folder: Path) -> None:
    dense_model(folder / "a.keras")
    codes(folder, TRUSTS)
    prepared = prepare(folder / "spec.yaml", ["sources.t.from=evil.keras"])
    (found,) = prepared.errors
    assert (found.code, found.path) == ("CMP552", ("sources", "t", "from"))
    assert found.span is not None
    assert found.span.file == "<command line>"
    assert prepared.plan is None


@pytest.mark.parametrize(
    "overrides",
    [
        ("+sources.t.prefix=x_",),
        ("sources.t.from=./a.keras",),
        ("vars.n=2",),
        ("sources.t.trust=false", "sources.t.from=evil.keras"),
    ],
)
def test_other_overrides_leave_it(folder: Path, overrides: tuple[str, ...]) -> None:
    assert "CMP552" not in codes(folder, TRUSTS + "vars: {n: 1}\n", *overrides)


def test_a_digest_is_what_is_trusted_wherever_the_bytes_come_from(folder: Path) -> None:
    text = TRUSTS.replace("trust", f"sha256: '{DIGEST}', trust")
    assert codes(folder, text, "sources.t.from=copy.keras") == []


BASE = "sources: {t: {from: a.keras, trust: true}}\n"
PARTS = "vars: {f: a}\nsources: {t: {from: '${vars.f}.keras', trust: true}}\n"


@pytest.mark.parametrize(
    ("child", "expected"),
    [
        ("", []),
        ("sources: {t: {prefix: x_}}\n", []),
        ("sources: {t: {from: a.keras}}\n", []),
        ("sources: {t: {from: evil.keras}}\n", ["CMP552"]),
        ("sources: {t: {from: evil.keras, trust: true}}\n", []),
        ("sources: {t: {args: {endpoint: x}}}\n", ["CMP552"]),
    ],
)
def test_a_spec_that_extends_another_trusts_what_it_names(
    folder: Path, child: str, expected: list[str]
) -> None:
    assert codes(folder, f"{HEAD}extends: base.yaml\n{child}", base=BASE) == expected


@pytest.mark.parametrize(
    ("bases", "child", "expected"),
    [
        ({"base": PARTS}, "vars: {f: evil}\n", ["CMP552"]),
        ({"base": PARTS}, "vars: {f: b}\nsources: {t: {trust: true}}\n", []),
        ({"base": "sources: {t: {from: a.keras}}\n"}, "sources: {t: {trust: true}}\n", []),
        ({"base": "extends: one.yaml\nsources: {t: {trust: true}}\n",
          "one": "sources: {t: {from: a.keras}}\n"}, "sources: {t: {from: evil.keras}}\n",
         ["CMP552"]),
        ({"base": "extends: [one.yaml, two.yaml]\n", "one": BASE,
          "two": "sources: {t: {from: evil.keras}}\n"}, "", ["CMP552"]),
    ],
)  # fmt: skip
def test_layers_of_specs(
    folder: Path, bases: dict[str, str], child: str, expected: list[str]
) -> None:
    assert codes(folder, f"{HEAD}extends: base.yaml\n{child}", **bases) == expected


def test_variables_of_a_spec_that_is_a_source_are_overrides_to_it(folder: Path) -> None:
    (folder / "inner.yaml").write_text(HEAD + PARTS)
    dense_model(folder / "a.keras")
    dense_model(folder / "evil.keras")
    outer = HEAD + "sources: {i: {from: inner.yaml, args: {f: evil}, trust: true}}\n"
    (folder / "outer.yaml").write_text(outer)
    assert "CMP552" in [found.code for found in prepare(folder / "outer.yaml").errors]
