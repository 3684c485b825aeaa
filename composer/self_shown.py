"""What shows itself in a notebook: the values that people meet there, without what draws them."""

from __future__ import annotations

import importlib
from collections.abc import Container
from typing import Any


class SelfShown:
    """A value that Jupyter shows as tables and a picture.

    A plan or a spec knows nothing of pages and pictures, which are made of it: those are looked up
    when a notebook asks, as ``import composer`` looks up its functions.
    """

    __slots__ = ()

    def _repr_mimebundle_(
        self,
        include: Container[str] | None = None,  # noqa: ARG002
        exclude: Container[str] | None = None,  # noqa: ARG002
    ) -> dict[str, str]:
        """Return text and HTML; IPython itself leaves out what it did not ask for.

        https://ipython.readthedocs.io/en/stable/config/integrating.html
        """
        notebook: Any = importlib.import_module("composer.notebook")
        bundle: dict[str, str] = notebook.mimebundle(self)
        return bundle
