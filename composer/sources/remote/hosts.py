"""Which machines a URL may lead to: those of the public network, and what the environment allows.

A spec of a stranger names addresses. Requests to those of this machine and of the network around it
would come from inside, where services trust each other and cloud machines keep their credentials.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from composer.sources.remote.transport import TransferError
from composer.spec.locations import shown_location

ALLOW_HOSTS = "COMPOSE_ALLOW_HOSTS"
"""Host names, addresses and networks (``10.0.0.0/8``) that may be asked, separated by commas."""
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def check_host(url: str) -> None:
    """Refuse a web address whose host, by any of its addresses, is inside of a network.

    Behind a proxy the names are for the proxy to resolve, and only addresses are looked at.

    Raises:
        TransferError: it is, and nobody allowed it (``inside``).
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return  # whoever asks says that this is no address
    if _is_named(host):
        return
    by_proxy = parts.scheme in (proxies := get_environ_proxies(url)) or "all" in proxies
    for address in _written(host) if by_proxy else _resolved(host, port):
        if is_inside(address, host):
            raise _refusal(url, host, address)


def is_inside(address: str, host: str = "") -> bool:
    """Tell whether an address is none of the public network, and not allowed.

    Args:
        address: of IP, in any of its forms.
        host: the name that led to it.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return True
    return not any(map(_is_public, _meant(found))) and not _is_allowed(host, found)


def guarded() -> HTTPAdapter:
    """Return an adapter of requests that looks at each connection before it sends anything.

    A name can be resolved to another address than it was when it was checked.
    """
    return _Adapter()


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


class _Guard:
    """Closes a connection that leads inside; comes before a connection of urllib3."""

    host: str

    def _new_conn(self) -> socket.socket:
        made: socket.socket = super()._new_conn()  # type: ignore[misc]
        address = str(made.getpeername()[0])
        if is_inside(address, self.host):
            made.close()
            raise _refusal(self.host, self.host, address)
        return made


class _Connection(_Guard, HTTPConnection):
    pass


class _SecureConnection(_Guard, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def _refusal(url: str, host: str, address: str) -> TransferError:
    return TransferError("CMP554.host", location=shown_location(url), host=host, address=address)


def _resolved(host: str, port: int | None) -> tuple[str, ...]:
    with suppress(OSError, UnicodeError):
        found = socket.getaddrinfo(host, port or 443, type=socket.SOCK_STREAM)
        return tuple(dict.fromkeys(str(item[4][0]) for item in found))
    return ()  # the request will say that there is no such host


def _written(host: str) -> tuple[str, ...]:
    """Return the address that a host is written as, in whatever form; none for a name."""
    if host == "localhost" or host.endswith(".localhost"):
        return ("127.0.0.1",)
    with suppress(OSError, UnicodeError):
        found = socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
        return tuple(str(item[4][0]) for item in found)
    return ()


def _meant(address: _Address) -> Iterator[_Address]:
    """Yield what an address leads to: itself, or the older one that it holds."""
    inner: _Address | None = None
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    yield inner or address


def _is_public(address: _Address) -> bool:
    return address.is_global and not address.is_multicast


def _is_named(host: str) -> bool:
    names, _ = _allowed(os.environ.get(ALLOW_HOSTS, ""), os.environ.get("HF_ENDPOINT", ""))
    return host.lower().rstrip(".") in names


def _is_allowed(host: str, address: _Address) -> bool:
    _, networks = _allowed(os.environ.get(ALLOW_HOSTS, ""), "")
    return _is_named(host) or any(
        meant.version == network.version and meant in network
        for meant in _meant(address)
        for network in networks
    )


@cache
def _allowed(
    written: str, hub: str
) -> tuple[frozenset[str], tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]]:
    """Return the names and the networks that the environment allows."""
    names, networks = set(), []
    for item in written.replace(",", " ").split():
        try:
            networks.append(ipaddress.ip_network(item.strip("[]"), strict=False))
        except ValueError:
            names.add(item.lower().rstrip("."))
    # The address of the hub is the user's own word, too.
    names.add((urlsplit(hub).hostname or "").lower())
    return frozenset(names - {""}), tuple(networks)
