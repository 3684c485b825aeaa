"""``hf://owner/repository@revision/path``: files of the Hugging Face hub, pinned to a commit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import unquote, urljoin, urlsplit

import requests
from requests.auth import AuthBase

from composer.sources.remote.filesystems import missing_extra
from composer.sources.remote.transport import Response, TransferError, Wanted
from composer.sources.remote.web import body, opened
from composer.sources.remote.web_errors import raise_for_status

_PLACE = re.compile(
    r"hf://(?:(?P<kind>models|datasets|spaces)/)?(?P<repository>[^/@]+/[^/@]+)"
    r"(?:@(?P<revision>refs/[^/]+/[^/]+|[^/]+))?/(?P<path>.+)"
)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TYPES = {"datasets": "dataset", "spaces": "space"}
_HOPS = 5
_CREDENTIALS = (
    "a private or gated repository needs a token with access to it: HF_TOKEN, or `hf auth login`"
)
_FORM = (
    "hf://owner/repository@revision/path/in/it.keras; the revision is a branch, a tag or a commit, "
    "and main where it is left out"
)
_MISSING = {
    "RepoNotFound": "there is no repository {0.repository}, or it is private",
    "RevisionNotFound": "the repository {0.repository} has no revision {0.revision}",
    "EntryNotFound": "the repository {0.repository} has no file {0.path} at {0.revision}",
    "GatedRepo": "the repository {0.repository} is gated",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A file of the hub."""

    repository: str
    type: str
    revision: str
    path: str


class _Bearer(AuthBase):
    """Adds the hub's token, and nothing of ``.netrc``, which would go before a plain header."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            r.headers["Authorization"] = f"Bearer {self._token}"
        return r


@contextmanager
def ask(wanted: Wanted) -> Iterator[Response]:
    """Ask the hub; see :data:`composer.sources.remote.transport.Ask`.

    What huggingface_hub does in ``get_hf_file_metadata``: a HEAD request gives the commit, and
    under ``X-Linked-ETag`` the file's own tag, which is its SHA-256 where the hub keeps it as a
    large file. The bytes are then asked for at that commit, where they can't change.
    """
    place = _place(wanted.url)
    if wanted.revision is not None:
        place = replace(place, revision=wanted.revision)
    try:
        from huggingface_hub import constants, get_token, hf_hub_url
    except ImportError:
        raise missing_extra(wanted.url, "hf", "huggingface_hub") from None

    def address(revision: str) -> str:
        return hf_hub_url(place.repository, place.path, repo_type=place.type, revision=revision)

    if constants.HF_HUB_OFFLINE:
        raise TransferError("CMP514.hub-offline", location=wanted.url)
    token = None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else get_token()
    auth = _Bearer(token)
    try:
        address(place.revision)
    except ValueError as error:
        raise TransferError("CMP510.hub-form-of", location=wanted.url, reason=str(error)) from None
    about = _head(address(place.revision), auth, place, wanted)
    tag = (about.get("X-Linked-ETag") or about.get("ETag") or "").removeprefix("W/").strip('"')
    commit = about.get("X-Repo-Commit")
    # The length of an answer that leads elsewhere is its own, not that of the file.
    length = None if about.get("Location") else about.get("Content-Length")
    size = about.get("X-Linked-Size") or length or ""
    sha256 = tag if _SHA256.fullmatch(tag) else None
    validator = f"etag {tag}" if tag else None
    here = sha256 is not None and wanted.held(sha256)
    if here or (validator is not None and validator == wanted.known):
        yield Response(validator=validator, revision=commit, sha256=sha256, chunks=None)
        return
    headers = {}
    if validator is not None and validator == wanted.begun and wanted.offset:
        # At one commit the bytes stay the same, so the range needs no condition.
        headers = {"Range": f"bytes={wanted.offset}-"}
    url = address(commit or place.revision)
    check = partial(_check, place)
    with opened("GET", url, headers, wanted, auth=auth, check=check) as response:
        answer = body(response, wanted, validator)
        yield Response(
            validator=validator,
            revision=commit,
            size=int(size) if size.isdecimal() else answer.size,
            sha256=sha256,
            offset=answer.offset,
            chunks=answer.chunks,
        )


def _head(url: str, auth: AuthBase, place: _Place, wanted: Wanted) -> Mapping[str, str]:
    """Return the headers that the hub itself gives about a file.

    A redirect within the hub (a repository that was renamed) is followed; one that leads away
    leads to the bytes, whose server knows nothing of commits.
    """
    for _ in range(_HOPS):
        with opened(
            "HEAD", url, {}, wanted, follow=False, auth=auth, check=partial(_check, place)
        ) as response:
            target = urljoin(url, response.headers.get("Location", url))
            if target == url or urlsplit(target).netloc != urlsplit(url).netloc:
                return response.headers
            if response.headers.get("X-Linked-ETag"):
                return response.headers
            url = target
    raise TransferError("CMP510.redirects", location=wanted.url)


def _check(place: _Place, response: requests.Response, url: str) -> None:
    """Refuse what is no good answer of the hub, in the hub's own terms where it gives a reason."""
    words = _MISSING.get(response.headers.get("X-Error-Code", ""))
    if words is not None:
        private = response.headers["X-Error-Code"] in ("RepoNotFound", "GatedRepo")
        raise TransferError(
            "CMP510.hub-failed",
            location=url,
            reason=words.format(place),
            help=_CREDENTIALS if private else "check the spelling; upper and lower case count",
        )
    raise_for_status(response, url, _CREDENTIALS)


def _place(url: str) -> _Place:
    found = _PLACE.fullmatch(url)
    if found is None:
        raise TransferError("CMP510.hub-form", location=url)
    return _Place(
        repository=found["repository"],
        type=_TYPES.get(found["kind"] or "", "model"),
        revision=unquote(found["revision"] or "main"),
        path=found["path"],
    )
