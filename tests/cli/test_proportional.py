"""Four times as many layers are four times as much work, counted in lines that run, not in time."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import composer
from composer.cli.running import run
from tests.container.minimal import contents_of_relu_chain, dense_model, write_keras_file

PACKAGE = str(Path(composer.__file__).parent)
FEW, MANY = 50, 200
ALLOWED = 4.6
"""Times as many lines for four times as many layers; sorting takes a little more than its share."""


def dense_chain(path: Path, layers: int, prefix: str = "") -> Path:
    return dense_model(path, [2] * (layers + 1), prefix=prefix)


def relu_chain(path: Path, layers: int, prefix: str = "") -> Path:
    config, names = contents_of_relu_chain(layers, prefix)
    return write_keras_file(path, config, {}, names=names)


def with_assets(path: Path, layers: int, prefix: str = "") -> Path:
    config, names = contents_of_relu_chain(layers, prefix)
    groups = [group.removesuffix("/vars") for group in names if "re_lu" in group]
    assets = {f"{group}/words.txt": b"a" for group in groups}
    return write_keras_file(path, config, {}, names=names, assets=assets)


MODELS: dict[str, Callable[..., Path]] = {
    "Dense": dense_chain, "ReLU": relu_chain, "assets": with_assets,
}  # fmt: skip
SPEC = "version: 1\nname: m\nsources: {a: {from: a.keras, prefix: a_}}\n"
VERBS: dict[str, tuple[str, ...]] = {
    "inspect": ("inspect", "a.keras"),
    "inspect --json": ("inspect", "--json", "a.keras"),
    "validate": ("validate", "spec.yaml"),
    "plan": ("plan", "spec.yaml"),
    "diff": ("diff", "a.keras", "b.keras"),
    "build": ("build", "spec.yaml", "--force"),
    "status": ("status", "spec.yaml"),
}


@contextlib.contextmanager
def lines_counted() -> Iterator[list[int]]:
    """Yield a list of one number: the lines of composer's code that have run so far."""
    counted = [0]

    def line(_frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line":
            counted[0] += 1
        return line

    def call(frame: FrameType, _event: str, _argument: Any) -> Any:
        return line if frame.f_code.co_filename.startswith(PACKAGE) else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        yield counted
    finally:
        sys.settrace(before)


def lines(folder: Path, make: Callable[..., Path], layers: int, verb: tuple[str, ...]) -> int:
    make(folder / "a.keras", layers)
    make(folder / "b.keras", layers, prefix="other_")
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()) as said,
        lines_counted() as counted,
    ):
        code = run(verb)
    assert code in (0, 1, 4), said.getvalue()
    return counted[0]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.slow
def test_four_times_the_layers_are_four_times_the_work(
    model: str, verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    (tmp_path / "spec.yaml").write_text(SPEC)
    lines(tmp_path, MODELS[model], 10, VERBS[verb])  # what is imported or made once
    few, many = (lines(tmp_path, MODELS[model], count, VERBS[verb]) for count in (FEW, MANY))
    assert few > FEW * 10
    assert many < ALLOWED * few
