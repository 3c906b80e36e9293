"""Which service called, where a mesh says so: by the peer's certificate, or by the sidecar that checked it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio
import structlog

from services.chassis.config import Env
from services.chassis.identity import Identity, IdentityKind
from services.chassis.service_tokens import service_of

CLIENT_CERT_HEADER: Final = "x-forwarded-client-cert"

_MAX_HEADER: Final = 8192
# A sidecar shares the pod's network, and nobody else can call from there.
_LOCAL: Final = re.compile(r"(ipv4:127\.\d+\.\d+\.\d+|ipv6:(\[|%5B)::1(\]|%5D)):\d+|unix:.*")
# One element of Envoy's header: Key=value or Key="value" by semicolons; a comma would begin another element.
_PAIR: Final = re.compile(r'([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^;,"]*)')

_log = structlog.get_logger(__name__)


def service_of_peer(context: grpc.aio.ServicerContext[Any, Any]) -> Identity | None:
    """The service whose SPIFFE id the peer proved; None when it proved none of this trust domain.

    Over TLS that is the one URI in the peer's certificate, which the handshake has checked. Without TLS it is what a
    sidecar on this very machine says of the certificate that it has checked; from anybody else that header is nothing.
    """
    proved = context.auth_context()
    if proved.get("transport_security_type") == [b"ssl"]:
        uris = [uri.decode("utf-8", "replace") for uri in proved.get("peer_uri", ())]
    elif _LOCAL.fullmatch(context.peer()) is not None:
        said = [value for key, value in context.invocation_metadata() or () if key == CLIENT_CERT_HEADER]
        uris = _uris(str(said[0])) if len(said) == 1 else []
    else:
        return None
    # The X.509-SVID standard: a certificate with more than one URI is none.
    service = service_of(uris[0]) if len(uris) == 1 else None
    return None if service is None else Identity(IdentityKind.SERVICE, service=service)


def _uris(header: str) -> list[str]:
    """The URIs of the one certificate in the header; none when it is about several, or not to be read."""
    found, at = [], 0
    while at < len(header) <= _MAX_HEADER:
        pair = _PAIR.match(header, at)
        if pair is None or header[pair.end() : pair.end() + 1] not in {"", ";"}:
            return []
        if pair[1].lower() == "uri":
            found.append(pair[2].strip('"'))
        at = pair.end() + 1
    return found


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files of a server that its callers must show a certificate to; read again when they change."""

    certificate: Path
    key: Path
    authorities: Path

    @classmethod
    def from_env(cls, env: Env) -> TlsFiles | None:
        """TLS_CERT_FILE, TLS_KEY_FILE and TLS_CA_FILE, all of them or none; problems are left in `env`."""
        certificate = env.text("TLS_CERT_FILE", "")
        key = env.text("TLS_KEY_FILE", "" if not certificate else None)
        authorities = env.text("TLS_CA_FILE", "" if not certificate else None)
        return cls(Path(certificate), Path(key), Path(authorities)) if certificate else None

    def credentials(self) -> grpc.ServerCredentials:
        """Credentials that refuse callers without a good certificate. OSError when a file cannot be read."""
        known = [self._read()]

        def changed() -> grpc.ServerCertificateConfiguration | None:
            # Asked at each handshake: certificates of a mesh live an hour.
            try:
                now = self._read()
            except OSError as error:
                _log.warning("certificate_not_read", error=type(error).__name__)
                return None
            if now == known[0]:
                return None
            known[0] = now
            return _configuration(*now)

        return grpc.dynamic_ssl_server_credentials(
            _configuration(*known[0]),
            changed,  # type: ignore[arg-type]  # None means unchanged
            require_client_authentication=True,
        )

    def _read(self) -> tuple[bytes, bytes, bytes]:
        return self.key.read_bytes(), self.certificate.read_bytes(), self.authorities.read_bytes()


def _configuration(key: bytes, certificate: bytes, authorities: bytes) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(key, certificate)], root_certificates=authorities)
