"""Dials a node of igor with aioquic, which knows X.509 and no raw public keys. It must be refused, whatever it shows.

    python quic.py HOST PORT
"""

import asyncio
import datetime
import ssl
import sys

from aioquic.asyncio.client import connect
from aioquic.quic.configuration import QuicConfiguration
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

HOST, PORT = sys.argv[1], int(sys.argv[2])


def certificate():
    """A self-signed certificate and its Ed25519 key."""
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "igor")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
    )
    return builder.sign(key, None), key


async def attempt(alpn, shown):
    """Whether a connection comes about and carries anything."""
    settings = QuicConfiguration(is_client=True, alpn_protocols=[alpn], idle_timeout=10)
    settings.verify_mode = ssl.CERT_NONE
    if shown:
        settings.certificate, settings.private_key = certificate()
    try:
        async with connect(HOST, PORT, configuration=settings) as client:
            reader, writer = await client.create_stream()
            writer.write(b"\x00")
            writer.write_eof()
            # A node is welcomed with one byte 1.
            answer = await asyncio.wait_for(reader.read(), 10)
            return "welcomed" if answer else "refused"
    except (ConnectionError, asyncio.TimeoutError):
        return "refused"


async def main():
    print("without a certificate:", await attempt("igor/1", False))
    print("with a certificate:", await attempt("igor/1", True))
    print("another ALPN:", await attempt("h3", True))


asyncio.run(main())
