"""``s3://``, ``gs://`` and every other URL that fsspec opens."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NoReturn

from composer.diagnostics.suggest import nearest
from composer.sources.remote.transport import Response, TransferError, Wanted
from composer.spec.locations import scheme, schemes, shown_location, without_secrets

_BLOCK = 8 << 20
"""Bytes that are read at a time: some file systems make a request of each reading."""
_TALKATIVE = ("aiobotocore", "fsspec", "gcsfs", "s3fs")
"""Libraries whose log would reach the terminal as soon as nobody else wants it."""
_VALIDATORS = (
    "ETag", "etag", "generation", "md5Hash", "content_hash", "sha", "version", "LastModified",
    "last_modified", "mtime", "modified", "modify",
)  # fmt: skip
"""Under which names file systems tell what changes with the bytes, the surest first."""
_REVISIONS = ("VersionId", "generation", "sha", "version_id")
_CREDENTIALS = {
    "s3": "credentials are read from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from the "
    "profile that AWS_PROFILE names; FSSPEC_S3_ANON=true asks for a public bucket without any",
    "gs": "credentials are read from the file that GOOGLE_APPLICATION_CREDENTIALS names, or from "
    "`gcloud auth application-default login`; FSSPEC_GS_TOKEN=anon asks for a public bucket "
    "without any",
}
SCHEMES = frozenset(
    {
        "abfs", "abfss", "adl", "az", "file", "filecache", "gcs", "gs", "local", "memory", "s3",
        "s3a", "simplecache", "zip",
    }
)  # fmt: skip
"""What a spec may use by itself: services that know who asks, and what needs no server.

With the other schemes of fsspec, such as ``sftp`` and ``webhdfs``, a spec would choose the machine
that is asked, or a program that runs; web addresses have rules of their own."""
ALLOW_SCHEMES = "COMPOSE_ALLOW_SCHEMES"
"""More schemes that specs may use, separated by commas."""
_NAMES = {"s3a": "s3", "gcs": "gs"}
_OPTIONS: dict[str, dict[str, Any]] = {"s3": {"version_aware": True}}
"""What a file system needs to be told so that it heeds the version in a URL."""


@contextmanager
def ask(wanted: Wanted, *, at: str | None = None, archive: str | None = None) -> Iterator[Response]:
    """Ask a file system of fsspec; see :data:`composer.sources.remote.transport.Ask`.

    Args:
        wanted: the URL, and what is known of it.
        at: where it is here already, as a URL; None asks ``wanted.url`` itself.
        archive: SHA-256 of the archive there that holds the file, by which a change would be seen.
    """
    system, path = _file_system(wanted.url, at or wanted.url)
    info = _info(system, path, wanted.url)
    validator, size = _validator(info), info.get("size")
    if archive is not None:
        validator = f"archive {archive}"
    revision = next((str(info[key]) for key in _REVISIONS if info.get(key)), None)
    answer = Response(
        validator=validator,
        revision=None if revision == "null" else revision,
        size=size if isinstance(size, int) else None,
        chunks=None,
    )
    if validator is not None and validator == wanted.known:
        yield answer
        return
    offset = wanted.offset if validator is not None and validator == wanted.begun else 0

    def chunks() -> Iterator[bytes]:
        try:
            with system.open(path, "rb", block_size=_BLOCK) as stream:
                if offset:
                    stream.seek(offset)
                while chunk := stream.read(_BLOCK):
                    yield chunk
            system.invalidate_cache()
            after = _validator(system.info(path))
        except Exception as error:  # noqa: BLE001 - each file system raises what its library does
            _raise(error, wanted.url, reading=True)
        if archive is None and after != validator:
            raise TransferError("CMP510.changed", location=shown_location(wanted.url), again=True)

    yield replace(answer, offset=offset, chunks=chunks())


def _file_system(url: str, at: str) -> tuple[Any, str]:
    """Return the file system of a URL and the path in it, for the place where it is asked.

    Raises:
        TransferError: fsspec or the library of the file system is missing (``extra``), nobody
            knows the scheme (``unknown_kind``), or it is none of those that a spec may use
            (``inside``).
    """
    kind = _NAMES.get(scheme(url), scheme(url))
    extra = kind if kind in _CREDENTIALS else "remote"
    try:
        from fsspec.core import url_to_fs
        from fsspec.registry import available_protocols
    except ImportError:
        raise missing_extra(url, extra, "fsspec") from None
    for name in _TALKATIVE:
        logging.getLogger(name).addHandler(logging.NullHandler())
    unknown = [name for name in schemes(url) if name not in available_protocols()]
    if unknown:
        raise TransferError(
            "CMP504.scheme",
            scheme=unknown[0],
            location=shown_location(url),
            nearest=tuple(f"{name}://" for name in nearest(unknown[0], available_protocols())),
        )
    _refuse_others(url, at)
    options = _OPTIONS.get(kind, {}) if "versionId=" in url else {}
    try:
        system, path = url_to_fs(at, **options)
    except ImportError as error:
        raise missing_extra(url, extra, str(error)) from None
    except Exception as error:  # noqa: BLE001 - each file system raises what its library does
        _raise(error, url)
    return system, path


def _refuse_others(url: str, at: str) -> None:
    allowed = os.environ.get(ALLOW_SCHEMES, "").lower().replace(",", " ").split()
    others = [name for name in schemes(at) if name not in SCHEMES and name not in allowed]
    if others:
        raise TransferError("CMP554.scheme", location=shown_location(url), scheme=others[0])


def missing_extra(url: str, extra: str, library: str) -> TransferError:
    """Return the error for a URL whose library is not installed.

    Args:
        url: of the source.
        extra: of this package that installs it.
        library: that is missing, or the words of whoever missed it.
    """
    words = library if " " in library else f"{library} is not installed"
    more = () if extra != "remote" or library == "fsspec" else (library,)
    return TransferError(
        "CMP511.library",
        location=shown_location(url),
        reason=words,
        packages=(f"'keras-compose[{extra}]'", *more),
    )


def _info(system: Any, path: str, url: str) -> Mapping[str, Any]:
    try:
        system.invalidate_cache()
        info: Mapping[str, Any] = system.info(path)
    except Exception as error:  # noqa: BLE001 - each file system raises what its library does
        _raise(error, url)
    if info.get("type") == "directory":
        raise TransferError("CMP510.folder", location=shown_location(url))
    return info


def _validator(info: Mapping[str, Any]) -> str | None:
    key = next((key for key in _VALIDATORS if info.get(key)), None)
    return None if key is None else f"{key} {info[key]}"


def _raise(error: Exception, url: str, *, reading: bool = False) -> NoReturn:
    """Raise what an exception of a file system means, without its own text where that may tell."""
    shown, kind = shown_location(url), _NAMES.get(scheme(url), scheme(url))
    credentials = _CREDENTIALS.get(kind)
    name = type(error).__name__
    if isinstance(error, FileNotFoundError):
        raise TransferError("CMP510.no-file", location=shown) from None
    refused = str(getattr(error, "code", "")) in ("401", "403")  # what gcsfs and others raise
    if isinstance(error, PermissionError) or "Credential" in name or refused:
        raise TransferError(
            "CMP510.refused",
            location=shown,
            reason=_words(error, url),
            help=credentials or "check the credentials that its library reads",
        ) from None
    raise TransferError(
        "CMP510.failed",
        location=shown,
        reason=_words(error, url),
        help="try again later" if reading else "check the address and the network",
        again=reading,
    ) from None


def _words(error: Exception, url: str) -> str:
    text = " ".join(str(error).split())
    return without_secrets(text, (url,)) if text else type(error).__name__
