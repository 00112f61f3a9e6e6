"""The process that serves a deployment once, to tell which modules that takes: ``WORKSPACE DEPLOYMENT``."""

from __future__ import annotations

import json
import sys

from tuneworks.core.workspace import Workspace
from tuneworks.flows.references import deployment_of
from tuneworks.serving.engine import engine_of


def main(address: str, name: str) -> None:
    """Open the champion, its seal checked by answering, and print the top-level modules that are loaded then."""
    with Workspace.open(address) as workspace:
        engine_of(workspace).model(deployment_of(workspace, name).champion)
        print(json.dumps(sorted({module.partition(".")[0] for module in sys.modules})))


if __name__ == "__main__":
    main(*sys.argv[1:])
