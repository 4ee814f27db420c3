"""Encryption: the listener's certificate, and a self-signed one for those who have none."""

from __future__ import annotations

import ipaddress
import os
import ssl
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bullet_trade.domain.errors import UsageError

if TYPE_CHECKING:
    from cryptography import x509

VALID_DAYS = 825


def context(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """TLS 1.2 or later with the certificate, None without one. Raises `UsageError` for half a pair or a bad file."""
    if cert is None and key is None:
        return None
    if cert is None or key is None:
        raise UsageError("TLS 证书和私钥只给了一个", "--tls-cert 和 --tls-key 要一起写")
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        made.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"TLS 证书 {cert} 或私钥 {key} 无法使用：{error}", "检查文件，或用 --make-cert 生成"
        ) from error
    return made


def make_certificate(directory: Path, hosts: list[str], now: datetime) -> tuple[Path, Path]:
    """Write ``server.crt`` and ``server.key`` for `hosts` (names or addresses); existing files stay as they are.

    `now` is exchange time. Raises `UsageError` where the files exist, or the package `cryptography` does not.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import NameOID
    except ImportError as error:
        raise UsageError("生成证书需要 cryptography", "运行 pip install 'bullet-trade[tls]'") from error
    directory.mkdir(parents=True, exist_ok=True)
    cert_file, key_file = directory / "server.crt", directory / "server.key"
    for path in (cert_file, key_file):
        if path.exists():
            raise UsageError(f"文件 {path} 已经存在", "换一个目录，或先移走旧文件")
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # the client's clock and zone may be behind
        .not_valid_after(now + timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([_alternative(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    with os.fdopen(os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(
            private.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        )
    cert_file.write_bytes(certificate.public_bytes(pem))
    return cert_file, key_file


def _alternative(host: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
