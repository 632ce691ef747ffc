"""Certificates that cannot be used, each told in a sentence."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from apistar.exceptions import ConfigurationError
from apistar.server.tls import check_certificate

PASSWORD = "secret"

pytestmark = [pytest.mark.requires("openssl")]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate with its key, the same key encrypted, and a key that belongs to nobody."""
    folder = tmp_path_factory.mktemp("keys")
    for command in (
        "ecparam -name prime256v1 -genkey -noout -out key.pem",
        "req -x509 -new -key key.pem -out cert.pem -subj /CN=localhost",
        f"ec -in key.pem -aes256 -out encrypted.pem -passout pass:{PASSWORD}",
        "ecparam -name prime256v1 -genkey -noout -out other.pem",
    ):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
    (folder / "both.pem").write_text((folder / "key.pem").read_text() + (folder / "cert.pem").read_text())
    (folder / "words.pem").write_text("words\n")
    return folder


@pytest.mark.parametrize(
    ("certificate", "key", "password"),
    [
        (None, None, None),
        ("cert.pem", "key.pem", None),
        ("both.pem", None, None),
        ("cert.pem", "encrypted.pem", PASSWORD),
    ],
)
def test_certificate_is_accepted(keys: Path, certificate: str | None, key: str | None, password: str | None) -> None:
    check_certificate(certificate and str(keys / certificate), key and str(keys / key), password)


@pytest.mark.parametrize(
    ("certificate", "key", "password", "sentence"),
    [
        (None, "key.pem", None, "there is a private key (ssl_keyfile), but no certificate: ssl_certfile is missing"),
        ("absent.pem", "key.pem", None, "the certificate {0}/absent.pem cannot be read: No such file or directory"),
        ("cert.pem", "absent.pem", None, "the private key {0}/absent.pem cannot be read: No such file or directory"),
        (
            "cert.pem",
            "other.pem",
            None,
            "the private key {0}/other.pem does not belong to the certificate {0}/cert.pem",
        ),
        (
            "cert.pem",
            "encrypted.pem",
            None,
            "the private key {0}/encrypted.pem is encrypted; give its password (ssl_keyfile_password)",
        ),
        (
            "cert.pem",
            "encrypted.pem",
            "wrong",
            "the password (ssl_keyfile_password) does not open the private key {0}/encrypted.pem",
        ),
        (
            "cert.pem",
            None,
            None,
            "{0}/cert.pem does not hold a certificate and its private key in PEM; name the file of the key, too "
            "(ssl_keyfile)",
        ),
    ],
)
def test_certificate_is_refused(
    keys: Path, certificate: str | None, key: str | None, password: str | None, sentence: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        check_certificate(certificate and str(keys / certificate), key and str(keys / key), password)
    assert refused.value.detail == sentence.format(keys)


def test_what_is_no_certificate_is_refused(keys: Path) -> None:
    words = str(keys / "words.pem")
    with pytest.raises(ConfigurationError, match="do not hold a certificate and its private key in PEM"):
        check_certificate(words, str(keys / "key.pem"), None)
