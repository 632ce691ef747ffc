"""
Certificates are read once before the server starts, so that a wrong one is told in a sentence.
"""

from __future__ import annotations

import ssl

from ..exceptions import ConfigurationError


def check_certificate(certfile: str | None, keyfile: str | None, password: str | None) -> None:
    """
    Read a certificate and its key.

    Raises:
        ConfigurationError: If one of them cannot be read, or they do not belong together.
    """
    if certfile is None and keyfile is None:
        return
    if certfile is None:
        raise ConfigurationError("there is a private key (ssl_keyfile), but no certificate: ssl_certfile is missing")
    for path, what in ((certfile, "certificate"), (keyfile, "private key")):
        if path is None:
            continue
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            raise ConfigurationError(f"the {what} {path} cannot be read: {error.strerror}") from None
    asked: list[None] = []

    def given() -> str:
        asked.append(None)
        return password or ""

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certfile, keyfile, given)
    except ssl.SSLError as error:
        raise ConfigurationError(_reason(error, certfile, keyfile, bool(asked), bool(password))) from None


def _reason(error: ssl.SSLError, certfile: str, keyfile: str | None, encrypted: bool, password: bool) -> str:
    key = keyfile or certfile
    if encrypted and not password:
        return f"the private key {key} is encrypted; give its password (ssl_keyfile_password)"
    if encrypted:
        return f"the password (ssl_keyfile_password) does not open the private key {key}"
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"the private key {key} does not belong to the certificate {certfile}"
    if keyfile is None:
        return (
            f"{certfile} does not hold a certificate and its private key in PEM; "
            "name the file of the key, too (ssl_keyfile)"
        )
    return f"{certfile} and {keyfile} do not hold a certificate and its private key in PEM ({error.reason or error})"
