"""``https://`` and ``http://``: asks with conditions and ranges, follows only safe redirects."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn
from urllib.parse import urldefrag, urljoin, urlsplit

import requests
from requests.auth import AuthBase
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from composer.sources.remote.hosts import check_host, guarded
from composer.sources.remote.transport import CHUNK, Response, TransferError, Wanted
from composer.sources.remote.web_errors import no_address, raise_for_exception, raise_for_status
from composer.spec.locations import shown_location

TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and to wait for the next bytes."""
_REDIRECTS = 10


@contextmanager
def ask(wanted: Wanted) -> Iterator[Response]:
    """Ask a web server; see :data:`composer.sources.remote.transport.Ask`.

    One request, with a condition on the known bytes (RFC 9110, 13.1) or for the rest of those
    that were begun (14.2, ``If-Range``). A server may answer with all bytes to either of them.
    Where only a date is known of the bytes, a HEAD request comes before it.
    """
    headers = {}
    if wanted.known is not None and wanted.known.startswith("etag "):
        headers["If-None-Match"] = wanted.known.removeprefix("etag ")
    elif wanted.known is not None and _still(wanted):
        yield Response(validator=wanted.known, chunks=None)
        return
    if _can_resume(wanted):
        assert wanted.begun is not None
        headers["Range"] = f"bytes={wanted.offset}-"
        headers["If-Range"] = wanted.begun.partition(" ")[2].partition("; ")[0]
    with opened("GET", wanted.url, headers, wanted) as response:
        validator = _validator(response)
        status = response.status_code
        if wanted.known is not None and (
            status == requests.codes.not_modified or validator == wanted.known
        ):
            yield Response(validator=wanted.known, chunks=None)
            return
        yield body(response, wanted, validator)


def _still(wanted: Wanted) -> bool:
    """Tell by a HEAD request whether a URL still has the date and size that are known.

    ``If-Modified-Since`` would not do: to a file that was replaced by an older one, servers answer
    that it was not modified since.
    """
    with opened("HEAD", wanted.url, {}, wanted, check=lambda _response, _url: None) as response:
        return response.status_code == requests.codes.ok and (_validator(response) == wanted.known)


def check_address(url: str, *, pinned: bool, came_from: str | None = None) -> None:
    """Refuse an address at which anybody on the way could exchange the bytes unnoticed.

    Args:
        url: that is about to be asked.
        pinned: whether the spec says which bytes it wants.
        came_from: the address that redirected to it.

    Raises:
        TransferError: it is no web address, leads from https to http, or is one of plain http
            on another machine, without ``sha256`` (``unsafe``); its host is inside of a network
            (``inside``).
    """
    _check_way(url, pinned=pinned, came_from=came_from)
    check_host(url)


def _check_way(url: str, *, pinned: bool, came_from: str | None) -> None:
    try:
        address = urlsplit(url)
    except ValueError:
        raise no_address(url) from None
    start = f"{shown_location(came_from)} redirects" if came_from else ""
    if address.scheme not in ("http", "https"):
        raise TransferError("CMP512.redirect", start=start, location=shown_location(url))
    if address.scheme == "https":
        return
    if came_from is not None and urlsplit(came_from).scheme == "https":
        raise TransferError("CMP512.redirect-plain", start=start, location=shown_location(url))
    if pinned or _on_this_machine(address.hostname or ""):
        return
    what = f"{start} to {shown_location(url)}, which" if came_from else shown_location(url)
    raise TransferError("CMP512.plain", what=what)


@contextmanager
def opened(
    method: str,
    url: str,
    headers: Mapping[str, str],
    wanted: Wanted,
    *,
    follow: bool = True,
    auth: AuthBase | None = None,
    check: Callable[[requests.Response, str], None] = raise_for_status,
) -> Iterator[requests.Response]:
    """Send one request; the connection ends with the block.

    Args:
        method: of HTTP.
        url: to ask, with its secrets.
        headers: besides the usual ones.
        wanted: what the request is for; its URL is the one that messages show.
        follow: whether to follow redirects.
        auth: adds credentials to the request; None adds those of the URL or of ``.netrc``.
        check: raises for an answer that is no good one.

    Raises:
        TransferError: there is no good answer.
    """
    check_address(url, pinned=wanted.pinned)
    with _Session(pinned=wanted.pinned) as session:
        try:
            response = session.request(
                method,
                urldefrag(url).url,
                # Without compression, sizes and ranges are those of the file.
                headers={"Accept-Encoding": "identity", **headers},
                stream=True,
                timeout=TIMEOUT,
                allow_redirects=follow,
                auth=auth,
            )
        except (RequestException, HTTPError) as error:
            raise_for_exception(error, wanted.url)
        with response:
            check(response, wanted.url)
            yield response


def body(response: requests.Response, wanted: Wanted, validator: str | None) -> Response:
    """Return the answer that a response of status 200 or 206 is."""
    headers = response.headers
    if response.status_code not in (requests.codes.ok, requests.codes.partial_content):
        answer = f"{response.status_code} {response.reason or ''}".rstrip()
        raise TransferError(
            "CMP510.not-available", location=shown_location(wanted.url), answer=answer
        )
    offset = 0
    size = _number(headers.get("Content-Length"))
    if response.status_code == requests.codes.partial_content:
        offset, size = _range(headers.get("Content-Range", ""), wanted)
    elif headers.get("Content-Type", "").partition(";")[0].strip().lower() == "text/html":
        raise TransferError("CMP510.web-page", location=shown_location(wanted.url))
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        size, validator = None, None
    return Response(
        validator=validator, size=size, offset=offset, chunks=_chunks(response, wanted.url)
    )


def _chunks(response: requests.Response, url: str) -> Iterator[bytes]:
    try:
        yield from response.iter_content(CHUNK)
    except RequestException as error:
        raise_for_exception(error, url)


class _Session(requests.Session):
    """A session that looks at each redirect before it follows it."""

    def __init__(self, *, pinned: bool) -> None:
        super().__init__()
        for start in ("https://", "http://"):
            self.mount(start, guarded())
        self.max_redirects = _REDIRECTS
        self._pinned = pinned

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        if target is not None:
            try:
                check_address(urljoin(resp.url, target), pinned=self._pinned, came_from=resp.url)
            except TransferError:
                resp.close()
                raise
        return target


def _can_resume(wanted: Wanted) -> bool:
    """Tell whether ``If-Range`` may be asked: for strong validators only (RFC 9110, 13.1.5)."""
    return wanted.offset > 0 and wanted.begun is not None and not wanted.begun.startswith("etag W/")


def _validator(response: requests.Response) -> str | None:
    """Return the tag of a response, or else its date and size."""
    headers = response.headers
    if headers.get("ETag"):
        return f"etag {headers['ETag']}"
    if not headers.get("Last-Modified"):
        return None
    size = headers.get("Content-Length")
    if response.status_code == requests.codes.partial_content:
        size = headers.get("Content-Range", "").rpartition("/")[2]
    return f"modified {headers['Last-Modified']}; {size or '?'} bytes"


def _range(text: str, wanted: Wanted) -> tuple[int, int | None]:
    """Return the offset and the whole size that ``Content-Range`` gives."""
    unit, _, rest = text.partition(" ")
    extent, _, total = rest.partition("/")
    start = _number(extent.partition("-")[0])
    if unit != "bytes" or start is None or start not in (0, wanted.offset):
        _odd_range(text, wanted.url)
    return start, _number(total)


def _odd_range(text: str, url: str) -> NoReturn:
    raise TransferError("CMP510.other-range", location=shown_location(url), found=text)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdecimal() else None


def _on_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
