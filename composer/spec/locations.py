"""The text of a source's ``from``: whether it is a URL, which file it names, what may be shown."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from urllib.parse import unquote

_URL = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*::)*[A-Za-z][A-Za-z0-9+.-]*://")
_CHAIN = re.compile(r"::(?=/|[A-Za-z][A-Za-z0-9+.-]*:(?::|//))")
"""What parts of a chain are joined with; an address of IPv6 has the same in it."""
_LOCAL = ("file", "local")
_PLAIN = frozenset({"alt", "dl", "download", "generation", "inline", "raw", "ref", "version"})
"""Parameters of a query that decide which file is meant and let nobody in."""
_WITH_PASSWORDS = ("https://", "http://", "ftp://", "sftp://", "ssh://")
_SIGNATURES = re.compile(
    r"(x-(amz|goog)-|response-).*|awsaccesskeyid|googleaccessid|signature|expires|policy|key-pair-id"
    r"|sig|se|st|sp|spr|sv|sr|ske|sks|skt|skv|sktid|skoid|(access_|auth_)?token|api_?key",
    re.IGNORECASE,
)
"""Parameters of signed addresses (Amazon, Google, Azure) and of tokens: they change with time."""
_VERSION = re.compile(r"\?versionId=[^?]*$")
_USER = r"(?<=://)(?<!\bhf://)(?<!abfs://)(?<!abfss://)(?<!github://)(?P<user>[^\s/?#\"'<>]+)@"
"""In these four, what stands before an ``@`` is a part of the place."""
_KEY = r"(?<=[?&])(?P<key>[^\s=&#\"'<>]+)="
_SECRETS = re.compile(rf"{_USER}|{_KEY}(?P<value>[^&#]+)")
_SECRETS_IN_TEXT = re.compile(rf"{_USER}|{_KEY}(?P<value>(?!\*\*\*)[^\s&#\"'<>,}}\])]+)")
"""The same where a URL stands among other words, whose punctuation may follow it."""
_SHORTEST_SECRET = 6
"""Shorter words would be found, and hidden, where they stand for something else."""


def is_remote(location: str) -> bool:
    """Tell whether a location is a URL that leads off this machine's own files."""
    return is_url(location) and scheme(location) not in _LOCAL


def is_url(location: str) -> bool:
    """Tell whether a location is a URL, of this machine's own files too."""
    return _URL.match(location) is not None


def scheme(location: str) -> str:
    """Return the scheme of a URL in lower case: ``s3`` of ``simplecache::s3://bucket/a.keras``."""
    return _first(location).partition("://")[0].lower()


def schemes(location: str) -> tuple[str, ...]:
    """Return the schemes of all parts of a URL, which fsspec chains with ``::``."""
    parts = (part.partition("://") for part in _CHAIN.split(location))
    return tuple(before.lower() for before, between, _ in parts if between)


def parts(location: str) -> tuple[str, ...]:
    """Return the parts of a URL, which fsspec chains with ``::``; most have one."""
    return tuple(_CHAIN.split(location))


def names_file(location: str, suffixes: tuple[str, ...] | str) -> bool:
    """Tell whether a location, a path or a URL, names a file with one of ``suffixes``.

    What stands behind a ``#`` of a web address is never sent to a server, so it can name the file
    where the address does not: ``https://host/download?id=12#tower.keras``.
    """
    if not is_remote(location):
        return location.endswith(suffixes)
    part = _first(location)
    if scheme(location) in ("http", "https"):
        path, _, fragment = part.partition("#")
        path = path.partition("?")[0]
        return unquote(path).endswith(suffixes) or fragment.endswith(suffixes)
    return _VERSION.sub("", part).endswith(suffixes)


def local_path(location: str) -> Path:
    """Return the path that a location on this machine means: itself, or what ``file://`` holds."""
    if _URL.match(location):
        rest = location.partition("://")[2]
        return Path(unquote(rest.removeprefix("localhost") if "/" in rest[9:10] else rest))
    return Path(location).expanduser()


def names_host(location: str) -> bool:
    """Tell whether a ``file://`` URL names another host, or has two slashes instead of three."""
    if not _URL.match(location) or scheme(location) not in _LOCAL:
        return False
    rest = location.partition("://")[2]
    return not rest.startswith(("/", "localhost/"))


def shown_location(location: str) -> str:
    """Return a location as messages and artifacts show it: no password, no token, no signature."""
    if not _URL.match(location):
        return location
    return _SECRETS.sub(_masked, location)


def identity(location: str) -> str:
    """Return by what two URLs are told apart: all of them but what only lets somebody in.

    A digest, since an unknown part of a query may be a secret all the same. Another password or
    another signature leads to the same file; another user may get another one.
    """

    def plain(match: re.Match[str]) -> str:
        if match["user"] is not None:
            if not location[: match.start()].endswith(_WITH_PASSWORDS):
                return match[0]
            name, colon, _ = match["user"].partition(":")
            return f"{name}@" if colon else ""
        return "" if _SIGNATURES.fullmatch(match["key"]) else match[0]

    return hashlib.sha256(_SECRETS.sub(plain, location).encode()).hexdigest()


def without_secrets(text: str, locations: tuple[str, ...] = ()) -> str:
    """Return text with each secret of a URL in it covered, every character by one.

    Columns stay what they are, so that a caret below the text still points to its place.

    Args:
        text: a message, or a line of a spec.
        locations: whose secrets are covered wherever they stand, as in the value of a variable.
    """
    for secret in sorted({s for where in locations for s in _secrets(where)}, key=len)[::-1]:
        text = text.replace(secret, "*" * len(secret))
    return _SECRETS_IN_TEXT.sub(_covered, text) if "://" in text else text


def is_covered(location: str) -> bool:
    """Tell whether a URL has a secret that was covered, by :func:`without_secrets` or otherwise."""
    if not is_remote(location):
        return False
    for match in _SECRETS.finditer(location):
        found = match["user"] if match["user"] is not None else match["value"]
        if not found.strip("*"):
            return True
    return False


def _first(location: str) -> str:
    return next((part for part in _CHAIN.split(location) if "://" in part), location)


def _secrets(location: str) -> list[str]:
    found = []
    for match in _SECRETS.finditer(location) if _URL.match(location) else ():
        user, key, value = match["user"], match["key"], match["value"]
        if user is not None:
            found.extend([user, user.partition(":")[2]])
        elif not _is_plain(key):
            found.append(value)
    return [secret for secret in found if len(secret) >= _SHORTEST_SECRET]


def _masked(match: re.Match[str]) -> str:
    if match["user"] is not None:
        return "***@"
    return match[0] if _is_plain(match["key"]) else f"{match['key']}=***"


def _covered(match: re.Match[str]) -> str:
    if match["user"] is not None:
        return "*" * len(match["user"]) + "@"
    if _is_plain(match["key"]):
        return match[0]
    return f"{match['key']}={'*' * len(match['value'])}"


def _is_plain(key: str) -> bool:
    return key in _PLAIN or key == "versionId"
