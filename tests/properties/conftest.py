"""The options of the property tests: how many random models they try."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--graphs",
        type=int,
        default=1000,
        help="random models whose order and config are compared with Keras's own",
    )
    parser.addoption(
        "--linked-graphs",
        type=int,
        default=120,
        help="random models that are saved, linked in several ways and loaded again",
    )
