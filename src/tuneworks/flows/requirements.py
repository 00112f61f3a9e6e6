"""Which of a package's requirements are not met, by extra.

>>> missing_parts(["numpy>=2.0", "torch>=2.8; extra == 'text'"], {"numpy": "1.26"}.get)
{'': ['numpy>=2.0'], 'text': ['torch>=2.8']}
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[^\]]*\])?\s*(?P<limits>[^;]*)(;\s*(?P<marker>.*))?")
EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")
LIMIT = re.compile(r"(>=|==|<|>|<=)\s*([0-9][0-9.]*)")
HOLDS: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    ">=": lambda have, limit: have >= limit,
    "==": lambda have, limit: have[: len(limit)] == limit,
    "<": lambda have, limit: have < limit,
    ">": lambda have, limit: have > limit,
    "<=": lambda have, limit: have <= limit,
}


def missing_parts(
    requirements: Sequence[str], installed: Callable[[str], str | None], own: str = "tuneworks"
) -> dict[str, list[str]]:
    """Extra ("" is the package itself) -> what is missing or of another version; extras of its own are followed."""
    parts: dict[str, list[str]] = {"": []}
    for requirement in requirements:
        found = REQUIREMENT.match(requirement)
        if found is None:
            continue
        extra = EXTRA.search(found["marker"] or "")
        missing = parts.setdefault(extra[1] if extra else "", [])
        limits = found["limits"].strip(" ()")
        if found["name"] != own and not _met(installed(found["name"]), limits):
            missing.append(f"{found['name']}{limits}")
    return parts


def name_in(requirement: str) -> str:
    """The package that a requirement names."""
    found = REQUIREMENT.match(requirement)
    return found["name"] if found else requirement


def _met(have: str | None, limits: str) -> bool:
    if have is None:
        return False
    return all(HOLDS[sign](_numbers(have), _numbers(limit)) for sign, limit in LIMIT.findall(limits))


def _numbers(said: str) -> tuple[int, ...]:
    """The leading numbers of a version; its local part says nothing here."""
    return tuple(int(part) for part in re.findall(r"\d+", re.split(r"[+a-z]", said, maxsplit=1)[0]))
