"""Texts are in both languages; the words of the glossary and of the code are the same."""

from __future__ import annotations

import ast
import dataclasses
import re
from pathlib import Path

from tests.house.source import PACKAGE, files, none_of, tree_of
from tuneworks.core import access, answers, served, types

CHINESE = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")
WORDS = Path(__file__).parents[2] / "docs" / "explanation" / "words.md"
WORDS_IN_CHINESE = WORDS.with_suffix(".zh.md")


def literal(node: ast.expr) -> str:
    """The written part of a string, also of an f-string and of several joined by +."""
    constants = (n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str))
    return "".join(constants)


def english_only(tree: ast.AST) -> list[int]:
    """Lines of ``Text(en, zh)`` whose first argument has words and whose second has no Chinese."""
    return [
        call.lineno
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "Text"
        and not isinstance(call.args[0], ast.Starred)
        and (len(call.args) != 2 or _untranslated(*call.args))
    ]


def _untranslated(en: ast.expr, zh: ast.expr) -> bool:
    written = isinstance(zh, (ast.Constant, ast.JoinedStr, ast.BinOp)) or isinstance(en, (ast.Constant, ast.JoinedStr))
    has_words = bool(re.search(r"[A-Za-z]{2}", _outside_braces(en)))
    return written and has_words and not CHINESE.search(literal(zh))


def _outside_braces(node: ast.expr) -> str:
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "".join(str(part.value) for part in parts if isinstance(part, ast.Constant))


def test_every_text_exists_in_chinese() -> None:
    none_of(f"{path.relative_to(PACKAGE)}:{line}" for path in files() for line in english_only(tree_of(path)))


def test_a_text_without_chinese_is_seen() -> None:
    assert english_only(ast.parse('Text("rows read", "rows read")')) == [1]
    assert english_only(ast.parse('Text(f"{n} rows read", f"{n} rows")')) == [1]
    assert english_only(ast.parse('Text("rows read")')) == [1]
    assert english_only(ast.parse('Text(f"{n} rows read", f"已读取 {n} 行")')) == []


def words(page: Path) -> list[str]:
    """The glossary's terms: each entry begins with ``**term**``."""
    return re.findall(r"^\*\*(.+?)\*\*", page.read_text(encoding="utf-8"), flags=re.MULTILINE)


def named_in_code(page: Path) -> set[str]:
    """The names of code the glossary gives for its terms: ``(`Dataset`)`` after the term."""
    entries = re.findall(
        r"^\*\*.+?\*\*[^(\n]*[(（]`([^`]+)`[)）]", page.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    return set(entries)


def test_the_glossary_explains_every_noun_and_verb_of_the_code() -> None:
    nouns = {
        name
        for module in (types, served, answers, access)
        for name, member in vars(module).items()
        if _defined_here(member)
    }
    verbs = {path.stem.replace("_", "-") for path in (PACKAGE / "cli").glob("*.py") if _is_verb(path)}
    assert nouns | verbs == named_in_code(WORDS)


def test_both_glossaries_have_the_same_entries() -> None:
    assert named_in_code(WORDS_IN_CHINESE) == named_in_code(WORDS)
    assert len(words(WORDS_IN_CHINESE)) == len(words(WORDS))


def test_no_word_is_explained_twice() -> None:
    assert len(set(words(WORDS))) == len(words(WORDS))


def _defined_here(member: object) -> bool:
    return dataclasses.is_dataclass(member) and getattr(member, "__module__", "") in (
        types.__name__,
        served.__name__,
        answers.__name__,
        access.__name__,
    )


def _is_verb(path: Path) -> bool:
    return any(isinstance(node, ast.FunctionDef) and node.name == "command" for node in tree_of(path).body)
