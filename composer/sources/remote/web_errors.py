"""What goes wrong on the web, in words: statuses of servers, and failures on the way to them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NoReturn
from urllib.parse import urlsplit

import requests
from requests.exceptions import (
    ChunkedEncodingError,
    ConnectTimeout,
    InvalidURL,
    ProxyError,
    RequestException,
    SSLError,
    Timeout,
    TooManyRedirects,
)
from urllib3.exceptions import HTTPError, LocationParseError, NameResolutionError, ReadTimeoutError

from composer.sources.remote.transport import TransferError
from composer.spec.locations import shown_location

_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_WAIT = 60.0
_CREDENTIALS = (
    "user and password for a host are read from ~/.netrc (or the file that NETRC names); a signed "
    "address may have expired"
)


def raise_for_status(response: requests.Response, url: str, credentials: str | None = None) -> None:
    """Let good answers pass, redirects among them.

    Raises:
        TransferError: any other status.
    """
    status = response.status_code
    if status < 400:  # noqa: PLR2004 - RFC 9110, 15: errors begin there
        return
    shown = shown_location(url)
    answer = f"{status} {response.reason or ''}".strip()
    if status in (404, 410):
        raise TransferError("CMP510.no-file-answer", location=shown, answer=answer)
    if status in (401, 403, 407):
        if status == 407:  # noqa: PLR2004 - the one status that a proxy gives in its own name
            raise TransferError("CMP510.proxy-password", location=shown, answer=answer)
        raise TransferError(
            "CMP510.refused-answer",
            location=shown,
            answer=answer,
            help=credentials or _CREDENTIALS,
        )
    if status == 416:  # noqa: PLR2004 - Range Not Satisfiable
        raise TransferError("CMP510.range", location=shown, answer=answer, again=True)
    if status in _BUSY:
        raise TransferError(
            "CMP510.busy",
            location=shown,
            answer=answer,
            again=True,
            after=_wait(response.headers.get("Retry-After")),
        )
    raise TransferError("CMP510.answer", location=shown, answer=answer)


def no_address(url: str) -> TransferError:
    """Return the error for what looks like an address and is none."""
    return TransferError("CMP510.address", location=shown_location(url))


def raise_for_exception(error: RequestException | HTTPError, url: str) -> NoReturn:
    """Raise what an exception of requests means, or one of urllib3 that it let through.

    Raises:
        TransferError: always, without the exception, whose text shows the whole address.
    """
    raise _meaning(error, url) from None


def _meaning(error: RequestException | HTTPError, url: str) -> TransferError:
    if isinstance(error, InvalidURL | LocationParseError):
        return no_address(url)
    shown, host = shown_location(url), urlsplit(url).hostname or "?"
    request = getattr(error, "request", None)
    if request is not None and request.url:
        host = urlsplit(str(request.url)).hostname or host
    causes = tuple(_causes(error))
    if isinstance(error, ProxyError):
        return TransferError("CMP510.proxy", location=shown)
    if isinstance(error, SSLError):
        why = next((str(c) for c in causes if type(c).__name__ == "SSLCertVerificationError"), "")
        return TransferError(
            "CMP510.certificate",
            location=shown,
            host=host,
            reason=_short(why) or "its certificate is not trusted",
        )
    if any(isinstance(c, NameResolutionError | socket.gaierror) for c in causes):
        return TransferError("CMP510.unknown-host", location=shown, host=host)
    if any(isinstance(c, ConnectionRefusedError) for c in causes):
        return TransferError("CMP510.connection-refused", location=shown, host=host)
    if isinstance(error, Timeout) or any(isinstance(c, ReadTimeoutError) for c in causes):
        when = "connecting" if isinstance(error, ConnectTimeout) else "waiting for the next bytes"
        return TransferError("CMP510.timeout", location=shown, host=host, when=when, again=True)
    if isinstance(error, TooManyRedirects):
        return TransferError("CMP510.redirects", location=shown)
    if isinstance(error, ChunkedEncodingError | requests.exceptions.ConnectionError):
        return TransferError("CMP510.broken-off", location=shown, host=host, again=True)
    return TransferError("CMP510.failed-as", location=shown, reason=type(error).__name__)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions that led to ``error``: as causes, contexts, arguments and reasons."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        item = waiting.pop(0)
        if not isinstance(item, BaseException) or id(item) in seen:
            continue
        seen.add(id(item))
        yield item
        waiting.extend(
            [item.__cause__, item.__context__, getattr(item, "reason", None), *item.args]
        )


def _short(text: str) -> str:
    """Return ``certificate has expired`` of OpenSSL's ``[SSL: …] … : certificate has expired``."""
    return text.rpartition("verify failed: ")[2].partition(" (_ssl")[0]


def _wait(text: str | None) -> float | None:
    """Return the seconds that ``Retry-After`` asks for (RFC 9110, 10.2.3), within bounds."""
    if not text:
        return None
    if text.isdecimal():
        return min(float(text), _LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    wait = (moment - datetime.now(UTC)).total_seconds() if moment.tzinfo else 0.0
    return min(max(wait, 0.0), _LONGEST_WAIT)
