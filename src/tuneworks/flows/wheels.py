"""Installed packages as wheels again, so that another machine installs the very same without a network."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution, packages_distributions
from pathlib import Path, PurePosixPath

from tuneworks.core.errors import Unavailable
from tuneworks.core.text import Text

OURS = "tuneworks"
LEFT_OUT = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")
REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
ALL_PLATFORMS = "py3-none-any"
DATE = (1980, 1, 1, 0, 0, 0)


def needed(modules: Iterable[str]) -> list[Distribution]:
    """Tuneworks, the packages of these top-level modules, and all that any of them requires, by name.

    What a package asks for on other platforms alone is not installed here, and so is not needed.
    """
    owners = packages_distributions()
    waiting = {OURS, *(owner for module in modules for owner in owners.get(module, ()))}
    found: dict[str, Distribution] = {}
    while waiting:
        name = normalised(waiting.pop())
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue
        waiting |= set(_required(found[name]))
    return [found[name] for name in sorted(found)]


def normalised(name: str) -> str:
    """A package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def write_wheel(package: Distribution, folder: Path) -> Path:
    """The package as a wheel (PEP 427) in the folder; raises ``Unavailable`` where nobody knows its files."""
    name, version = package.metadata["Name"], package.version
    stem = f"{normalised(name).replace('-', '_')}-{version}"
    tags = _tags(package)
    path = folder / f"{stem}-{_joined(tags)}.whl"
    records: list[tuple[str, str, int | str]] = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as wheel:
        for inside, data in _contents(package, stem, tags):
            wheel.writestr(_entry(inside), data)
            records.append((inside, f"sha256={_digest(data)}", len(data)))
        record = f"{stem}.dist-info/RECORD"
        wheel.writestr(_entry(record), _table([*records, (record, "", "")]))
    return path


def _required(package: Distribution) -> Iterator[str]:
    for line in package.requires or ():
        wanted, _, marker = line.partition(";")
        if "extra" not in marker and (name := REQUIREMENT.match(wanted)):
            yield name.group()


def _contents(package: Distribution, stem: str, tags: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Path inside the wheel and bytes of every file, but for what installing makes anew."""
    if _is_editable(package):
        yield from _own_files(package, stem)
    else:
        yield from _recorded_files(package, stem)
    pure = str(tags == [ALL_PLATFORMS]).lower()
    lines = ["Wheel-Version: 1.0", f"Generator: {OURS}", f"Root-Is-Purelib: {pure}", *(f"Tag: {tag}" for tag in tags)]
    yield f"{stem}.dist-info/WHEEL", ("\n".join(lines) + "\n").encode()


def _recorded_files(package: Distribution, stem: str) -> Iterator[tuple[str, bytes]]:
    if package.files is None:
        raise Unavailable(
            Text(
                f"Which files belong to {package.metadata['Name']} is not recorded on this machine.",
                f"本机没有记录 {package.metadata['Name']} 包含哪些文件。",
            ),
            Text(
                "Install Tuneworks by pip into a virtual environment, and pack there.",
                "请在虚拟环境中用 pip 安装 Tuneworks，再在其中打包。",
            ),
        )
    for file in package.files:
        inside = _inside(PurePosixPath(file.as_posix()), stem)
        if inside is not None:
            yield inside, Path(str(package.locate_file(file))).read_bytes()


def _inside(path: PurePosixPath, stem: str) -> str | None:
    """Where an installed file lies in a wheel; ``None`` for what is made when it is installed."""
    if "__pycache__" in path.parts or path.parts[0] == "..":
        return _shared(path, stem)
    if path.parts[0].endswith(".dist-info"):
        if path.name in (*LEFT_OUT, "WHEEL") and len(path.parts) == 2:
            return None
        return str(PurePosixPath(f"{stem}.dist-info", *path.parts[1:]))
    return str(path)


def _shared(path: PurePosixPath, stem: str) -> str | None:
    """Files beside the packages, such as ``share/...``; programs are made anew from entry points."""
    below = [part for part in path.parts if part != ".."]
    if "__pycache__" in path.parts or below[0] in ("bin", "Scripts"):
        return None
    return str(PurePosixPath(f"{stem}.data", "data", *below))


def _own_files(package: Distribution, stem: str) -> Iterator[tuple[str, bytes]]:
    """A package that is worked on: its folder as it is now, and what is known of it."""
    root = Path(str(sys.modules[OURS].__file__)).parent
    for path in sorted(root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield f"{OURS}/{path.relative_to(root).as_posix()}", path.read_bytes()
    for file in package.files or ():
        if ".dist-info" in file.parts[0] and file.name not in (*LEFT_OUT, "WHEEL"):
            inside = str(PurePosixPath(f"{stem}.dist-info", *file.parts[1:]))
            yield inside, Path(str(package.locate_file(file))).read_bytes()


def _is_editable(package: Distribution) -> bool:
    told = package.read_text("direct_url.json")
    editable = bool(told) and json.loads(told or "{}").get("dir_info", {}).get("editable", False)
    return bool(editable) and normalised(package.metadata["Name"]) == OURS


def _tags(package: Distribution) -> list[str]:
    told = [] if _is_editable(package) else (package.read_text("WHEEL") or "").splitlines()
    return [line.removeprefix("Tag:").strip() for line in told if line.startswith("Tag:")] or [ALL_PLATFORMS]


def _joined(tags: Sequence[str]) -> str:
    """All tags as one, each of its three parts a list (PEP 425, compressed tag sets)."""
    parts = zip(*(tag.split("-") for tag in tags), strict=True)
    return "-".join(".".join(dict.fromkeys(part)) for part in parts)


def _entry(name: str) -> zipfile.ZipInfo:
    """Dated alike, so that the same files give the same wheel."""
    made = zipfile.ZipInfo(name, DATE)
    made.compress_type, made.external_attr = zipfile.ZIP_DEFLATED, 0o100644 << 16
    return made


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _table(rows: Iterable[Sequence[object]]) -> str:
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows(rows)
    return lines.getvalue()
