"""The flag that rewrites golden files, the markers, and fixtures that several rooms use."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from composer.keras_process import shared_process as shared
from composer.keras_process.shared_process import shared_keras

Golden = Callable[[Path, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite-golden",
        action="store_true",
        help="write what the code gives into the golden files instead of comparing",
    )
    parser.addoption(
        "--kills",
        type=int,
        default=30,
        help="how many times a build is killed in tests/killing (default: 30)",
    )


def pytest_configure(config: pytest.Config) -> None:
    # Servers of the tests run on this machine, where a spec alone may not send requests.
    # Whether a run is one of CI is for the tests to say that are about it.
    os.environ.pop("CI", None)
    os.environ["COMPOSE_ALLOW_HOSTS"] = "127.0.0.0/8,::1,localhost"
    config.addinivalue_line("markers", "keras: starts TensorFlow")
    config.addinivalue_line("markers", "slow: takes more than a few seconds")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Return a function that compares a text with a golden file, or rewrites the file."""
    rewrite = bool(request.config.getoption("--rewrite-golden"))

    def compare(file: Path, found: str) -> None:
        if rewrite:
            file.write_text(found, encoding="utf-8")
            return
        assert file.exists(), f"{file.name} is missing; --rewrite-golden writes it"
        assert found == file.read_text(encoding="utf-8")

    return compare


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    """Return how many times a build is to be killed."""
    return int(request.config.getoption("--kills"))


@pytest.fixture(scope="session")
def models(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the models of ``tests/models.py``; Keras makes them once."""
    from tests.models import models_folder

    cache = getattr(request.config, "cache", None)
    folder = cache.mkdir("models") if cache is not None else tmp_path_factory.mktemp("models")
    return models_folder(folder)


@pytest.fixture(scope="module", autouse=True)
def one_keras() -> Iterator[None]:
    """Let the tests of a module share a Keras process, as the specs of a command do."""
    with shared_keras():
        yield


@pytest.fixture
def no_shared_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin outside of any block that shares a Keras process."""
    monkeypatch.setattr(shared, "_current", None)


@pytest.fixture
def site(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Return a folder of Python's path, here and in processes that a test starts."""
    folder = tmp_path_factory.mktemp("site")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    yield folder
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(f"{folder}{os.sep}"):
            del sys.modules[name]


@pytest.fixture
def toy_plugin(site: Path) -> Path:
    """Install the plug-in package of ``tests/plugin``; return the folder that it went to."""
    from tests.plugin.install import install

    install(site)
    return site
