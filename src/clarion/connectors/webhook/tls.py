"""TLS towards receivers: whom to trust, and a certificate of ours where they want one."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from pathlib import Path


class Tls:
    """Makes contexts; most receivers share one."""

    def __init__(self, trusted: Path | None = None) -> None:
        """`trusted`: a file of authorities in place of the system's."""
        self._trusted = trusted
        self._shared: ssl.SSLContext | None = None

    def context(self, settings: Mapping[str, str]) -> ssl.SSLContext:
        """Raises ValueError: a certificate or key cannot be used."""
        certificate, key = settings.get("client_certificate"), settings.get("client_key")
        authority = settings.get("ca_certificate")
        if not certificate and not authority:
            if self._shared is None:
                self._shared = self._make(None)
            return self._shared
        try:
            context = self._make(authority)
            if certificate:
                _present(context, certificate, key or "")
        except (ssl.SSLError, OSError, ValueError):
            raise ValueError("The certificate or key for TLS cannot be used.") from None
        return context

    def _make(self, authority: str | None) -> ssl.SSLContext:
        trusted = str(self._trusted) if self._trusted else None
        context = ssl.create_default_context(cafile=trusted)
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # Debian's Python leaves it to the system
        if authority:
            context.load_verify_locations(cadata=authority)
        return context


def _present(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """The library reads files only; this one is memory, so the key never comes to a disk."""
    file = os.memfd_create("client-certificate", os.MFD_CLOEXEC)
    try:
        os.write(file, f"{certificate.strip()}\n{key.strip()}\n".encode())
        context.load_cert_chain(f"/proc/self/fd/{file}", password=_none)
    finally:
        os.close(file)


def _none() -> str:
    """Of a key that is encrypted: without this the library would ask at the terminal."""
    return ""
