"""Makes the certificate of one run: an authority whose key is never written down, and a server certificate of it.

Usage: make_certificate.py DIRECTORY

Writes, in DIRECTORY:
  authority.pem  what to trust (a certificate; its private key is dropped when this program ends)
  server.pem     the server's certificate, followed by the authority's
  server.key     the server's private key (PKCS #8, mode 0600)

Two certificates and not one self-signed: OpenSSL, Node, and Python's VERIFY_X509_STRICT (3.13) agree on a chain by
RFC 5280, less so on a certificate that is both the authority and the server.
"""

import datetime
import ipaddress
import os
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAMES = [
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    x509.IPAddress(ipaddress.ip_address("::1")),
]
# A clock may have been set back since; a run that stays up for longer than this is started again.
BEFORE = datetime.timedelta(days=1)
AFTER = datetime.timedelta(days=7)


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def usage(**on):
    every = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
        "key_cert_sign crl_sign encipher_only decipher_only"
    ).split()
    return x509.KeyUsage(**{use: on.get(use, False) for use in every})


def certificate(subject, key, issuer, issuer_key, extensions):
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BEFORE)
        .not_valid_after(now + AFTER)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def write(directory, file, content):
    descriptor = os.open(os.path.join(directory, file), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)


def main(directory):
    authority_key = ec.generate_private_key(ec.SECP256R1())
    server_key = ec.generate_private_key(ec.SECP256R1())
    # Names differ from run to run: a store that holds another run's authority does not mistake it for this one.
    authority_name = name(f"data-pipeline-labs {os.path.basename(os.path.abspath(directory))}"[:64])
    authority = certificate(
        authority_name,
        authority_key,
        authority_name,
        authority_key,
        [
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (usage(key_cert_sign=True, crl_sign=True), True),
        ],
    )
    server = certificate(
        name("localhost"),
        server_key,
        authority_name,
        authority_key,
        [
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (usage(digital_signature=True), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            (x509.SubjectAlternativeName(NAMES), False),
        ],
    )
    write(directory, "authority.pem", authority)
    write(directory, "server.pem", server + authority)
    write(
        directory,
        "server.key",
        server_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_certificate.py DIRECTORY")
    main(sys.argv[1])
