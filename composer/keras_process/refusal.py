"""How a task says that it can't do what it was asked, for a reason that a user can change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal


class RefusalError(Exception):
    """Ends a task with an error that the client raises again as one of composer's exceptions.

    Args:
        message: what happened, what was expected, what was found.
        kind: ``source`` for a wrong request, ``build`` for trouble around it, ``missing`` for a
            Keras or TensorFlow that can't be imported.
        reason: a short machine-readable word.
        nearest: what may have been meant.
        help: what to do.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: Literal["source", "build", "missing"],
        reason: str,
        nearest: Sequence[str] = (),
        help: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(message)
        self.document: dict[str, Any] = {
            "kind": kind,
            "message": message,
            "reason": reason,
            "nearest": list(nearest),
            "help": help,
        }
