"""How a pack is installed and kept running: a shell script, a systemd unit, a container file."""

from __future__ import annotations

INSTALL = """\
#!/bin/sh
# Installs Tuneworks and a model without a network: sh install.sh [FOLDER]
# 离线安装 Tuneworks 与模型：sh install.sh [文件夹]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${{1:-"$here/installed"}}
python=${{PYTHON:-python{python}}}
(cd "$here" && sha256sum --quiet --check {sums})
mkdir -p "$target"
"$python" -m venv "$target/venv"
"$target/venv/bin/python" -m pip install --quiet --no-index --no-deps "$here"/wheels/*.whl
"$target/venv/bin/tuneworks" --workspace "$target/workspace" restore "$here/{workspace}"
echo "Start it with: $target/venv/bin/tuneworks --workspace $target/workspace serve"
echo "启动服务：$target/venv/bin/tuneworks --workspace $target/workspace serve"
"""

SERVICE = """\
# systemd: install the pack into /opt/tuneworks, then
#   useradd --system --home-dir /opt/tuneworks tuneworks && chown -R tuneworks: /opt/tuneworks/workspace
#   cp tuneworks.service /etc/systemd/system/ && systemctl enable --now tuneworks
[Unit]
Description=Tuneworks serving {deployment}
After=network.target

[Service]
User=tuneworks
ExecStart=/opt/tuneworks/venv/bin/tuneworks --workspace /opt/tuneworks/workspace serve
Restart=on-failure
RestartSec=2
TimeoutStopSec=60
NoNewPrivileges=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ProtectHome=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
ReadWritePaths=/opt/tuneworks/workspace
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
LockPersonality=yes
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
"""

CONTAINERFILE = """\
# podman build --network none -t tuneworks . && podman run --network host tuneworks
# The base image must be on the machine already, or come from your own registry.
ARG BASE=python:{python}-slim
FROM ${{BASE}}
COPY . /pack
RUN sh /pack/install.sh /opt/tuneworks \\
    && rm -rf /pack \\
    && useradd --system --uid 10001 --home-dir /opt/tuneworks tuneworks \\
    && chown -R tuneworks: /opt/tuneworks/workspace
USER 10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/tuneworks/venv/bin/tuneworks", "--workspace", "/opt/tuneworks/workspace"]
CMD ["serve"]
"""
