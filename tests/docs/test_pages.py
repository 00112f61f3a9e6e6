"""Documentation tells the truth: every code block of every page runs, in order, in a folder of its own."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, RUN, SHOWN, Block, blocks, pages
from tests.warm import Warm

MOST_SKIPS = 8
BLOCK_SECONDS = 600


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def run(warm: Warm, block: Block, folder: Path, language: str) -> subprocess.CompletedProcess[str]:
    """Run one block; blocks of a page share the folder and its workspace."""
    command = ["bash", "-e", "-o", "pipefail", "-c"] if block.language == "bash" else [warm.python, "-c"]
    environment = {
        **warm.environment(),
        "TUNEWORKS_WORKSPACE": str(folder / ".tuneworks"),
        "TUNEWORKS_LANG": language,
    }
    return subprocess.run(
        [*command, block.code], cwd=folder, env=environment, capture_output=True, text=True, timeout=BLOCK_SECONDS
    )


def runnable() -> list[Path]:
    """The pages that hold a block to run."""
    return [page for page in pages() if any(b.language in RUN for b in blocks(page.read_text(encoding="utf-8")))]


@pytest.mark.parametrize("page", runnable(), ids=named)
def test_every_block_runs(page: Path, warm: Warm, tmp_path: Path) -> None:
    language = "zh" if page.name.endswith(".zh.md") else "en"
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.language not in RUN or block.skipped:
            continue
        done = run(warm, block, tmp_path, language)
        place = f"{named(page)}:{block.line}"
        assert done.returncode == 0, f"{place} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"


def test_every_block_is_of_a_known_kind() -> None:
    unknown = [
        f"{named(page)}:{block.line}: {block.language or 'no language'}"
        for page in pages()
        for block in blocks(page.read_text(encoding="utf-8"))
        if block.language not in (*RUN, *SHOWN)
    ]
    assert unknown == []


def test_few_blocks_are_skipped() -> None:
    skipped = [
        f"{named(page)}:{block.line}: {block.skipped}"
        for page in pages()
        for block in blocks(page.read_text(encoding="utf-8"))
        if block.skipped
    ]
    print(f"{len(skipped)} blocks are not run", *skipped, sep="\n")
    assert len(skipped) <= MOST_SKIPS


def test_every_page_exists_in_both_languages() -> None:
    alone = [named(p) for p in pages() if "decisions" not in p.parts and not other_language(p).is_file()]
    assert alone == []


def test_every_link_to_a_page_leads_somewhere() -> None:
    broken = [
        f"{named(page)}: {target}"
        for page in pages()
        for target in links(page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert broken == []


@pytest.mark.parametrize(("language", "code"), [("bash", "false\ntrue"), ("bash", "false | true"), ("python", "1 / 0")])
def test_a_failing_block_is_seen(language: str, code: str, warm: Warm, tmp_path: Path) -> None:
    assert run(warm, Block(language, 1, code), tmp_path, "en").returncode != 0


def test_blocks_and_their_skips_are_found() -> None:
    page = "# a\n```bash\necho 1\n```\n<!-- skip: needs a network -->\n```python\nx = 1\n```\n"
    assert list(blocks(page)) == [Block("bash", 3, "echo 1\n"), Block("python", 7, "x = 1\n", "needs a network")]


def other_language(page: Path) -> Path:
    """The same page in the other language."""
    if page.name.endswith(".zh.md"):
        return page.with_name(page.name.removesuffix(".zh.md") + ".md")
    return page.with_name(f"{page.stem}.zh.md")


def links(text: str) -> list[str]:
    """Targets of links to files, without anchors; links to the web and images of badges are left out."""
    targets = re.findall(r"\]\(([^)#\s]+)", text)
    return [target for target in targets if "://" not in target and not target.startswith("mailto:")]
