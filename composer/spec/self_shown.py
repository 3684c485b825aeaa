"""What shows itself in a notebook: the values that people meet there, without what draws them."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import Any, ClassVar


class SelfShown:
    """A value that Jupyter shows as tables and a picture.

    A plan or a spec knows nothing of pages and pictures, which are made of it: ``composer.api``,
    through which notebooks get both, says who draws them.
    """

    __slots__ = ()

    shown_by: ClassVar[Callable[[Any], Mapping[str, str]] | None] = None

    def _repr_mimebundle_(
        self,
        include: Container[str] | None = None,  # noqa: ARG002
        exclude: Container[str] | None = None,  # noqa: ARG002
    ) -> Mapping[str, str]:
        """Return text and HTML; IPython itself leaves out what it did not ask for.

        https://ipython.readthedocs.io/en/stable/config/integrating.html
        """
        show = SelfShown.shown_by
        return {} if show is None else show(self)
