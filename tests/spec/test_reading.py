"""From a file to a spec."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from composer.diagnostics.render import FORMATS, render
from composer.errors import SpecError, UsageError
from composer.spec import load_spec, read_spec, spec_from_text
from composer.spec.limits import MAX_BYTES

GOOD = "version: 1\nname: model\nsources: {a: {from: x.keras}}\n"


def test_a_file_is_read_and_named_as_given(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.yaml").write_text(GOOD, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    spec, found = read_spec("sub/a.yaml")
    assert found == ()
    assert spec is not None
    assert spec.file == "sub/a.yaml"
    assert spec.sources[0].directory == Path("sub")


@pytest.mark.parametrize("name", ["missing.yaml", ".", "a\0b"])
def test_a_file_that_can_not_be_read_is_a_usage_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="can't be read"):
        read_spec(f"{tmp_path}/{name}")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_a_usage_error(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(GOOD, encoding="utf-8")
    file.chmod(0)
    with pytest.raises(UsageError, match="permission denied"):
        read_spec(file)


def test_a_huge_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    with file.open("wb") as opened:
        opened.truncate(50 * MAX_BYTES)
    spec, found = read_spec(file)
    assert spec is None
    assert [item.code for item in found] == ["CMP102"]


def test_load_spec_returns_a_sound_spec_and_raises_all_errors_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(GOOD, encoding="utf-8")
    assert load_spec(file).name == "model"
    assert load_spec(file, ["name=other"]).name == "other"
    with pytest.raises(SpecError) as caught:
        load_spec(file, ["name=a b", "+seed=x"])
    assert [item.code for item in caught.value.diagnostics] == ["CMP205", "CMP203"]


def test_a_warning_alone_does_not_stop_a_spec(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(GOOD + "outputs: a:conv #1\n", encoding="utf-8")
    spec, found = read_spec(file)
    assert [item.severity for item in found] == ["warning"]
    assert spec == load_spec(file)


def test_problems_of_all_stages_are_told_together() -> None:
    text = GOOD + "seed: ${vars.x}\nsead: 1\nseed: 2\nlayers: {l: {class: D, inputs: q}}\n"
    _, found = spec_from_text(text, file="a", directory=Path(), overrides=["a"])
    assert {item.code for item in found} == {"CMP105", "CMP130", "CMP140", "CMP201", "CMP222"}


def test_text_and_bytes_mean_the_same() -> None:
    for text in (GOOD, "\ufeff" + GOOD):
        first, _ = spec_from_text(text, file="a", directory=Path())
        second, _ = spec_from_text(text.encode(), file="a", directory=Path())
        assert first == second
        assert first is not None


KEYS = [
    "version",
    "name",
    "vars",
    "inputs",
    "sources",
    "layers",
    "outputs",
    "seed",
    "output",
    "extends",
    "from",
    "args",
    "prefix",
    "rename",
    "include",
    "exclude",
    "calls",
    "a",
    "b",
    "class",
    "regex",
    "source",
    "layer",
    "shape",
    "call",
    "node",
    "1",
    "",
]
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-1, 3)
    | st.floats()
    | st.sampled_from(
        ["a", "b:x", "a@b:c#0.1", "conv*", "[", "${vars.a}", "${", "???", "", "Dense", "x.keras"]
    )
)
DATA = st.recursive(
    VALUES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=25,
)


def as_yaml(data: object) -> str:
    if isinstance(data, dict):
        return "{" + ", ".join(f'"{key}": {as_yaml(value)}' for key, value in data.items()) + "}"
    if isinstance(data, list):
        return "[" + ", ".join(as_yaml(item) for item in data) + "]"
    return (
        f'"{data}"'
        if isinstance(data, str)
        else {"nan": ".nan", "inf": ".inf"}.get(
            str(data), "null" if data is None else str(data).lower().replace("-inf", "-.inf")
        )
    )


@settings(max_examples=200, deadline=None)
@given(DATA)
def test_any_data_gives_a_spec_or_diagnostics(data: object) -> None:
    spec, found = spec_from_text(as_yaml(data), file="a.yaml", directory=Path("/nonexistent"))
    assert spec is not None or any(item.severity == "error" for item in found)
    for format_ in FORMATS:
        render(found, format_).encode()


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["vars", "inputs", "sources", "layers", "outputs", "seed", "output"]),
        st.dictionaries(st.sampled_from(["a", "b", "path", "1"]), DATA, max_size=3) | DATA,
        max_size=4,
    )
)
def test_a_spec_without_errors_is_complete(data: dict[str, object]) -> None:
    text = as_yaml({"version": 1, "name": "m", **data})
    spec, found = spec_from_text(text, file="a.yaml", directory=Path("/nonexistent"))
    if not found:
        assert spec is not None
        for section, items in (
            ("inputs", spec.inputs),
            ("sources", spec.sources),
            ("layers", spec.layers),
        ):
            assert [item.id for item in items] == list(spec.resolved.get(section, {}))


@settings(max_examples=300, deadline=None)
@given(st.text() | st.binary(), st.lists(st.text(max_size=15), max_size=2))
def test_any_text_gives_diagnostics_and_never_a_traceback(text: str | bytes, changes) -> None:
    _, found = spec_from_text(
        text, file="a.yaml", directory=Path("/nonexistent"), overrides=changes
    )
    assert found
    render(found, "full").encode()
