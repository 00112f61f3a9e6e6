"""How far a server may be heard: this machine alone, or beyond it by TLS or behind a proxy that is named."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tuneworks.core.errors import InvalidConfig
from tuneworks.core.text import Text

EVERYWHERE = ("", "0.0.0.0", "::")


@dataclass(frozen=True)
class Exposure:
    """What stands between a server and a network.

    ``certificate`` and ``key``: PEM files for TLS. ``proxies``: addresses of proxies, the only ones that may speak to
    it in clear text from beyond this machine. ``hosts``: names it is called by, beside this machine's own.
    """

    certificate: Path | None = None
    key: Path | None = None
    proxies: Sequence[str] = ()
    hosts: Sequence[str] = ()

    def checked(self, host: str) -> Exposure:
        """With all that is needed to listen on ``host``; raises ``InvalidConfig`` where others could listen in."""
        if (self.certificate is None) != (self.key is None):
            raise InvalidConfig(
                Text("TLS needs a certificate and its key.", "TLS 需要证书及其私钥。"),
                Text("Give both: --tls-cert FILE --tls-key FILE", "请同时提供：--tls-cert 文件 --tls-key 文件"),
            )
        for proxy in self.proxies:
            _must_be_address(proxy)
        if not is_loopback(host) and self.certificate is None and not self.proxies:
            raise _open_to_listeners(host)
        own = [] if host in EVERYWHERE else [host]
        return Exposure(self.certificate, self.key, tuple(self.proxies), (*self.hosts, *own))

    def tls(self) -> ssl.SSLContext | None:
        """TLS 1.2 and later by the certificate; raises ``InvalidConfig`` where it or its key cannot be used."""
        if self.certificate is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self.certificate, self.key, password=_no_password)
        except (OSError, ValueError) as error:
            raise InvalidConfig(
                Text(
                    f"TLS cannot use {self.certificate} with {self.key}: {error}.",
                    f"TLS 无法使用 {self.certificate} 与 {self.key}：{error}。",
                ),
                Text(
                    "Both must be PEM files that belong together, the key without a password.",
                    "两者应为相互匹配的 PEM 文件，且私钥不带密码。",
                ),
            ) from error
        return context


LOOPBACK_ALONE = Exposure()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _no_password() -> str:
    """Instead of asking at the terminal, which a service has not."""
    raise ValueError("the key has a password")


def _must_be_address(proxy: str) -> None:
    try:
        ipaddress.ip_address(proxy)
    except ValueError as error:
        raise InvalidConfig(
            Text(f"{proxy!r} is not the address of a proxy.", f"{proxy!r} 不是有效的代理地址。"),
            Text("Give its IP address: --proxy 10.0.0.5", "请提供其 IP 地址：--proxy 10.0.0.5"),
        ) from error


def _open_to_listeners(host: str) -> InvalidConfig:
    return InvalidConfig(
        Text(
            f"The server does not listen on {host!r} in clear text: tokens and rows could be read on the network.",
            f"服务不会以明文监听 {host!r}：网络中的他人可能读取令牌和数据。",
        ),
        Text(
            "Give a certificate (--tls-cert FILE --tls-key FILE), or name the proxy that speaks TLS in front of it "
            "(--proxy ADDRESS), or use --host 127.0.0.1.",
            "请提供证书（--tls-cert 文件 --tls-key 文件），或指明其前置的 TLS 代理（--proxy 地址），"
            "或使用 --host 127.0.0.1。",
        ),
    )
