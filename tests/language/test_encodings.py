"""Encodings: a text that was written comes back, and what fits no encoding is refused rather than guessed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworks.core.errors import UnreadableFile
from tuneworks.language.encodings import decode, place_of_byte

HERE = Path("a.csv")
PROSE = "商务大床房，房间很大，床有２M宽，整体感觉经济实惠不错！早餐太差，无论去多少人，那边也不加食品的。"
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"]), max_size=60)


@given(TEXTS)
def test_utf_8_comes_back_with_and_without_a_mark(text: str) -> None:
    assert decode(text.encode(), HERE).text == text.removeprefix("\ufeff")
    assert decode(b"\xef\xbb\xbf" + text.encode(), HERE).text == text


@given(TEXTS, st.sampled_from([("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")]))
def test_utf_16_with_a_mark_comes_back(text: str, kind: tuple[str, bytes]) -> None:
    assert decode(kind[1] + ("x" + text).encode(kind[0]), HERE).text == "x" + text


@given(st.text(PROSE + "abc一丁", min_size=1, max_size=60), st.sampled_from(["utf-16-le", "utf-16-be"]))
def test_utf_16_without_a_mark_comes_back(text: str, codec: str) -> None:
    table = f"text,label\r\n{text},good\r\n"
    assert decode(table.encode(codec), HERE).text == table


@given(st.text(PROSE, min_size=2, max_size=60))
def test_chinese_in_gb18030_comes_back(text: str) -> None:
    table = f"文本,标签\n{text},好评\n"
    decoded = decode(table.encode("gb18030"), HERE)
    assert (decoded.text, decoded.encoding) == (table, "GB18030")


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        ("latin-1", "naïve café à Zürich, größe"),
        ("cp1252", "“quoted” – dash, it’s"),
        ("big5", "這個產品的質量還不錯，服務態度很差，不會再買了"),
        ("shift-jis", "この商品はとても良いです。また買います"),
        ("koi8-r", "это очень хороший товар"),
        ("euc-jp", "この商品はとても良いです。また買います"),
        (
            "euc-kr",
            "이제품은정말좋아요배송도빨랐습니다서비스가너무나빠요다시는안사요가격이비싸지만품질이좋습니다",
        ),
    ],
)
def test_another_encoding_is_refused_with_its_first_place(codec: str, text: str) -> None:
    with pytest.raises(UnreadableFile) as caught:
        decode(f"text\n{text}\n".encode(codec), HERE)
    assert "a.csv, line 2, column" in caught.value.problem.en
    assert "iconv" in caught.value.fix.en


def test_the_place_of_a_bad_byte_counts_characters() -> None:
    data = "文本,标签\n好\n差评".encode() + b"\xff"
    assert place_of_byte(data, len(data) - 1) == (3, 3)


@given(st.binary(max_size=300))
def test_no_bytes_at_all_lead_to_another_error(data: bytes) -> None:
    try:
        assert isinstance(decode(data, HERE).text, str)
    except UnreadableFile as error:
        assert "a.csv" in error.problem.zh  # noqa: PT017
