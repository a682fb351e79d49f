"""Rules found in guideline text, and hostile text that stays inert."""

from __future__ import annotations

import unicodedata
from html.parser import HTMLParser
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guidelines.text import MAX_CHARACTERS, BadGuideline, ParsedRule, guideline_html, parse_rules, visible

TEXT = """# Helpfulness

Read this first.

## 1 Does what was asked

Judge the answer, not the topic.

### 1.1 Answers every part

A part left out counts.

### 1.2 Keeps the form

## 2 Is honest

Says what it does not know.
"""


def test_rules_come_in_the_order_of_the_text() -> None:
    assert [rule.number for rule in parse_rules(TEXT)] == ["1.1", "1.2", "2"]


def test_a_rule_has_its_title_and_the_text_below_it() -> None:
    assert parse_rules(TEXT)[0] == ParsedRule("1.1", "Answers every part", "A part left out counts.")


def test_an_unnumbered_heading_ends_the_rule_above_it() -> None:
    assert parse_rules("## 1 First\n\nBody.\n\n## Notes\n\nNot the rule's.")[0].text == "Body."


def test_a_numbered_heading_inside_a_code_block_is_no_rule() -> None:
    assert len(parse_rules("## 1 First\n\n```\n## 2 Second\n```\n")) == 1


def test_windows_line_ends_make_no_difference() -> None:
    assert parse_rules(TEXT.replace("\n", "\r\n")) == parse_rules(TEXT)


def test_the_same_number_twice_is_refused_with_both_lines() -> None:
    with pytest.raises(BadGuideline, match="Line 3: rule 1 is already on line 1") as refused:
        parse_rules("## 1 First\n\n## 1 Again\n")
    assert refused.value.line == 3


def test_a_rule_under_another_chapter_is_refused() -> None:
    with pytest.raises(BadGuideline, match=r"Line 2: rule 2\.1 stands under chapter 1"):
        parse_rules("## 1 First\n### 2.1 Lost\n")


def test_a_text_without_rules_is_refused() -> None:
    with pytest.raises(BadGuideline, match="no numbered rule"):
        parse_rules("Be nice.")


def test_a_title_too_long_to_store_is_refused() -> None:
    with pytest.raises(BadGuideline, match="Line 1: the title of rule 1"):
        parse_rules("## 1 " + "x" * 161)


def test_a_text_too_long_to_render_is_refused_where_it_passes_the_limit() -> None:
    with pytest.raises(BadGuideline) as refused:
        parse_rules("## 1 First\n" + "y" * MAX_CHARACTERS)
    assert refused.value.line == 2


@given(st.text(alphabet=st.sampled_from("#123. \n`-ab\t>"), max_size=80))
@settings(deadline=None)
def test_any_text_has_rules_with_distinct_numbers_or_is_refused(text: str) -> None:
    try:
        rules = parse_rules(text)
    except BadGuideline as refused:
        assert refused.line >= 1
    else:
        assert len({rule.number for rule in rules}) == len(rules) > 0


# ---------------------------------------------------------------------------------------------------- visible


@given(st.text(alphabet=st.characters(codec=None)))
@settings(deadline=None)
def test_no_hidden_character_survives(text: str) -> None:
    left = {unicodedata.category(c) for c in visible(text) if c not in "\n\t"}
    assert not left & {"Cc", "Cf", "Cs"}


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S", "Zs"], include_characters="\n\t")))
@settings(deadline=None)
def test_ordinary_letters_of_any_script_stay_as_they_are(text: str) -> None:
    ordinary = "".join(c for c in text if ord(c) not in (0x115F, 0x1160, 0x3164, 0xFFA0))
    assert visible(ordinary) == ordinary


@pytest.mark.parametrize(
    ("hidden", "mark"),
    [
        ("\u202e", "[U+202E]"),
        ("\u200b", "[U+200B]"),
        ("\u00ad", "[U+00AD]"),
        ("\x1b", "[U+001B]"),
        ("\x85", "[U+0085]"),
        ("\u2028", "[U+2028]"),
        ("\U000e0041", "[U+E0041]"),
        ("\ufe01", "[U+FE01]"),
        ("\u3164", "[U+3164]"),
        ("\ud800", "[U+D800]"),
        ("\r", "[U+000D]"),
    ],
)
def test_a_hidden_character_is_shown_as_its_number(hidden: str, mark: str) -> None:
    assert visible(f"a{hidden}b") == f"a{mark}b"


def test_a_heart_keeps_its_colour() -> None:
    assert visible("❤\ufe0f") == "❤\ufe0f"


# ----------------------------------------------------------------------------------------------- guideline_html

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](https://evil.example/pixel.png)",
    "![x](javascript:alert(1))",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&colon;alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "[x](//evil.example)",
    "[x](/logout)",
    "[x](http://evil.example)",
    '[x](https://ok.example "onmouseover=alert(1)")',
    '[x](https://ok.example"onmouseover="alert(1))',
    "<javascript:alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<iframe src=https://evil.example></iframe>",
    "<svg><script>alert(1)</script></svg>",
    "<style>*{display:none}</style>",
    "<form action=https://evil.example><input name=password></form>",
    "<meta http-equiv=refresh content=0;url=https://evil.example>",
    "<base href=https://evil.example>",
    '<div id="csrf" name="csrfmiddlewaretoken">',
    "```html\n<script>alert(1)</script>\n```",
    "    <script>alert(1)</script>",
    "`<img src=x onerror=alert(1)>`",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#x3C;script&#x3E;alert(1)",
    '``` " onmouseover=alert(1)\ncode\n```',
    "<!--><script>alert(1)</script>-->",
    "<math><mi//xlink:href=javascript:alert(1)>",
    "[a]: javascript:alert(1)\n\n[a]",
    "| a |\n|---|\n| <script>alert(1)</script> |",
    "{{ settings.SECRET_KEY }} {% include 'x' %}",
    "hidden \u202e text &#x202E; &#8203; \U000e0041 \ud800 \x00",
]


class Reader(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


INERT = {"h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "ul", "ol", "li", "blockquote", "pre", "code"}


def assert_inert(html: str) -> None:
    reader = Reader()
    reader.feed(html)
    for tag, attributes in reader.found:
        if tag == "a":
            assert set(attributes) <= {"href", "rel"}
            assert (attributes.get("href") or "https://").lower().startswith("https://")
            assert attributes["rel"] == "noopener noreferrer nofollow"
        else:
            assert tag in INERT | {"em", "strong"}
            assert attributes == {}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_markdown_is_inert(hostile: str) -> None:
    assert_inert(guideline_html(f"## 1 Rule\n\n{hostile}\n\nafter"))


@given(
    st.lists(st.sampled_from([*HOSTILE, "<", ">", "[", "](", ")", '"', "'", "*", "`", "\n", "> ", "- "]), max_size=8)
)
@settings(deadline=None)
def test_hostile_pieces_in_any_order_are_inert(pieces: list[str]) -> None:
    assert_inert(guideline_html("".join(pieces)))


@given(st.text(alphabet=st.characters(codec=None), max_size=200))
@settings(deadline=None)
def test_html_hides_nothing(text: str) -> None:
    left = {unicodedata.category(c) for c in guideline_html(text) if c not in "\n\t"}
    assert not left & {"Cc", "Cf", "Cs"}


def test_a_character_reference_does_not_smuggle_a_bidi_override() -> None:
    assert "[U+202E]" in guideline_html("a &#x202E; b")


def test_an_https_link_keeps_its_target() -> None:
    assert guideline_html("[x](https://ok.example/)") == (
        '<p><a href="https://ok.example/" rel="noopener noreferrer nofollow">x</a></p>\n'
    )


def test_headings_lists_and_emphasis_become_html() -> None:
    html = guideline_html("## 1 Rule\n\n- *one*\n- **two**")
    assert all(tag in html for tag in ("<h2>", "<li>", "<em>", "<strong>"))


def test_the_worst_markdown_of_full_length_renders_in_seconds() -> None:
    start = process_time()
    guideline_html("[a](" * (MAX_CHARACTERS // 4))
    assert process_time() - start < 10
