"""The table of ways to fetch: by a URL's scheme, who asks, and which URLs never change."""

from __future__ import annotations

import re

from composer.sources.remote.transport import Ask
from composer.spec.locations import scheme

_COMMIT = re.compile(r"hf://[^@]+@[0-9a-f]{40}/.*")


def ask_for(url: str) -> Ask:
    """Return the function that asks for ``url``; the library that it needs is imported with it."""
    match scheme(url):
        case "https" | "http" if "::" not in url.partition("://")[0]:
            from composer.sources.remote.web import ask
        case "hf":
            from composer.sources.remote.hugging_face import ask
        case _:
            from composer.sources.remote.filesystems import ask
    return ask


def is_fixed(url: str) -> bool:
    """Tell whether a URL names bytes that can't change, so that nobody has to be asked again."""
    return _COMMIT.fullmatch(url) is not None
