"""Tuneworks: adapt pretrained models to a company's own data, measure them honestly, serve, watch, learn on.

>>> import tuneworks
>>> tuneworks.RunConfig().recipe.seed
0
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # a variable of our own: importing typing would take half the start-up
    from typing import Any

_NOUNS = ("core.types", "core.workspace", "core.errors", "core.text", "core.evaluation")


def __getattr__(name: str) -> Any:
    """Verbs from their flow and nouns from ``core``, imported when first asked for."""
    if name == "__version__":
        from importlib.metadata import version

        return version("tuneworks")
    member = None if name.startswith("_") else _find(name)
    if member is None:
        raise AttributeError(f"module 'tuneworks' has no attribute {name!r}")
    return member


def __dir__() -> list[str]:
    """The verbs: one for each flow file."""
    from pathlib import Path

    flows = Path(__file__).parent / "flows"
    return sorted({"Workspace", "__version__", "serve", *(path.stem for path in flows.glob("[a-z]*.py"))})


def _find(name: str) -> Any:
    from importlib import import_module
    from pathlib import Path

    here = Path(__file__).parent
    if (here / name).is_dir():
        return None
    if (here / "flows" / f"{name}.py").is_file():
        modules: tuple[str, ...] = (f"flows.{name}",)
    elif name == "serve":
        modules = ("server.run",)
    else:
        modules = _NOUNS if name[0].isupper() else ("flows.inspect", "core.text")
    found = (getattr(import_module(f"tuneworks.{module}"), name, None) for module in modules)
    return next((member for member in found if member is not None), None)
