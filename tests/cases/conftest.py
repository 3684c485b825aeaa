"""The folder, the store and the models of a case."""

from __future__ import annotations

from pathlib import Path

import pytest

from composer.store import Store
from tests.cases.case_tools import Case


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """One store for all cases, so that what Keras said once is remembered."""
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture
def case(tmp_path: Path, store: Store) -> Case:
    """An empty case."""
    return Case(tmp_path, store)
