"""The option of the fuzz tests, and what each of their examples has to hold."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, seed, settings

GROWTH = 600 << 10
"""KiB that a whole test may need beyond what the process has needed before."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fuzz",
        type=int,
        default=100,
        help="examples a fuzz target tries; the seed is another one for each number",
    )


@pytest.fixture
def fuzz(request: pytest.FixtureRequest) -> Iterator[Callable]:
    """Return the decorator of a fuzz target: so many examples, none of which may hang."""
    examples = request.config.getoption("fuzz", 100)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def decorate(target: Callable) -> Callable:
        return seed(examples)(
            settings(
                max_examples=examples,
                deadline=None,
                database=None,
                phases=(Phase.generate, Phase.shrink),
                suppress_health_check=list(HealthCheck),
            )(target)
        )

    yield decorate
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < GROWTH, f"{grown} KiB more"


@pytest.fixture
def folder(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, with ``models/`` in it and a store beside it."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "models").symlink_to(models, target_is_directory=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    return folder


@pytest.fixture
def compose() -> Callable[..., int]:
    """Return ``compose`` as a function that gives the exit code, one that a user may see."""
    from tests.fuzz import oracle

    return oracle.compose
