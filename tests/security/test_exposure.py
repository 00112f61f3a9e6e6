"""Who may speak to a server: by which name, from which page, over which network, in which words of its own."""

from __future__ import annotations

import ipaddress
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.security.conftest import Guarded
from tests.security.wire import exchanged
from tuneworks.core.access import token_in
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.workspace import Workspace
from tuneworks.server.app import create_app
from tuneworks.server.exposure import Exposure


def certificate(folder: Path) -> Exposure:
    """A certificate of its own for 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    moment = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - timedelta(days=1))
        .not_valid_after(moment + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "cert.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return Exposure(*files)


@pytest.fixture
def encrypted(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """``tuneworks serve`` with TLS on every address of this machine: its URL, and its folder."""
    files = certificate(tmp_path)
    command = [sys.executable, "-m", "tuneworks", "--workspace", str(tmp_path / "ws"), "serve", "--host", "0.0.0.0"]
    command += ["--port", "0", "--tls-cert", str(files.certificate), "--tls-key", str(files.key)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert "https://0.0.0.0:" in said
        yield f"https://127.0.0.1:{said.split('0.0.0.0:')[1].split()[0]}", tmp_path
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=30)
    token = token_in(tmp_path / "ws")
    assert token
    assert "First start" in errors
    assert token not in errors, "a token goes to a terminal, never into a log"


def test_beyond_this_machine_it_speaks_tls(encrypted: tuple[str, Path]) -> None:
    url, folder = encrypted
    context = ssl.create_default_context(cafile=str(folder / "cert.pem"))
    headers = {"authorization": f"Bearer {token_in(folder / 'ws')}"}
    with httpx.Client(base_url=url, verify=context, headers=headers, trust_env=False) as http:
        answered = http.get("/v1/deployments")
        assert answered.status_code == 200
        assert "max-age" in answered.headers["strict-transport-security"]
        assert http.get("/v1/deployments", headers={"authorization": ""}).status_code == 401
    clear = exchanged(url.replace("https", "http"), b"GET /v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", seconds=0.5)
    assert b"status" not in clear
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/v1/health", verify=old, trust_env=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.5", "example.com"])
def test_in_clear_text_it_does_not_listen_beyond_this_machine(host: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="clear text"):
        Exposure().checked(host)
    assert Exposure(proxies=["10.0.0.5"]).checked(host).proxies == ("10.0.0.5",)
    assert certificate(tmp_path).checked(host).tls() is not None


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_on_this_machine_clear_text_will_do(host: str) -> None:
    assert host in Exposure().checked(host).hosts


def test_a_certificate_that_cannot_be_used_is_said_so(tmp_path: Path) -> None:
    files = certificate(tmp_path)
    (tmp_path / "other").mkdir()
    other = certificate(tmp_path / "other")
    with pytest.raises(InvalidConfig, match="both"):
        Exposure(files.certificate).checked("127.0.0.1")
    for wrong in (Exposure(files.certificate, other.key), Exposure(files.key, files.certificate)):
        with pytest.raises(InvalidConfig, match="TLS cannot use"):
            wrong.tls()
    with pytest.raises(InvalidConfig, match="proxy"):
        Exposure(proxies=["proxy.example.com"]).checked("0.0.0.0")


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "169.254.169.254", "0.0.0.0", "[::2]"]
)
def test_another_name_for_the_server_is_refused(guarded: Guarded, host: str) -> None:
    for path in ("/v1/keys", "/v1/health"):
        answered = guarded.ask("GET", path, guarded.token("administrator"), headers={"host": host})
        assert answered.status_code == 421, path
        assert host in answered.json()["hint"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8765", "127.0.0.1:1", "[::1]:8765", "localhost."])
def test_its_own_names_are_answered(guarded: Guarded, host: str) -> None:
    headers = {"host": host}
    assert guarded.ask("GET", "/v1/keys", guarded.token("administrator"), headers=headers).status_code == 200


def test_a_name_that_is_allowed_is_answered(guarded: Guarded) -> None:
    app = create_app(guarded.workspace, hosts=["models.example.com"])
    asked = Guarded(app, guarded.workspace, guarded.keys)
    assert asked.ask("GET", "/v1/health", headers={"host": "models.example.com"}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example", "file://", "http://localhost.evil:1"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_pages_of_other_sites_may_ask_nothing(guarded: Guarded, origin: str, method: str) -> None:
    answered = guarded.ask(method, "/v1/keys", guarded.token("administrator"), headers={"origin": origin})
    assert answered.status_code == 403
    assert "access-control-allow-origin" not in answered.headers


def test_every_answer_says_how_a_browser_must_take_it(guarded: Guarded) -> None:
    for path, token in (("/v1/health", None), ("/v1/keys", None), ("/v1/keys", guarded.token("administrator"))):
        headers = guarded.ask("GET", path, token).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"


def test_behind_a_proxy_only_the_proxy_is_answered_in_clear(guarded: Guarded) -> None:
    app = create_app(guarded.workspace, proxies=["10.0.0.5"])

    def status(peer: str) -> int:
        import asyncio

        async def asked() -> int:
            transport = httpx.ASGITransport(app, client=(peer, 4711))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return (await client.get("/v1/health", headers={"x-forwarded-for": "127.0.0.1"})).status_code

        return asyncio.run(asked())

    assert {peer: status(peer) for peer in ("10.0.0.5", "127.0.0.1", "10.0.0.6", "192.168.1.9")} == {
        "10.0.0.5": 200,
        "127.0.0.1": 200,
        "10.0.0.6": 403,
        "192.168.1.9": 403,
    }


def test_a_workspace_is_as_it_was_after_a_refused_start(tmp_path: Path) -> None:
    from tuneworks.server.run import serve

    with Workspace.open(tmp_path) as workspace, pytest.raises(InvalidConfig):
        serve(host="0.0.0.0", workspace=workspace)
    assert token_in(tmp_path) is None
