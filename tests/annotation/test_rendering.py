"""The renderer draws what a stranger wrote, and nothing that a stranger wrote does anything."""

from __future__ import annotations

import sys
import unicodedata
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.rendering import RENDERER_VERSION, digest, guideline_html, marks, markup, plain_html, visible
from annotation.rendering.clean import TAGS, clean
from annotation.rendering.markup import NotRendered, render
from annotation.rendering.maths import ATTRIBUTES as MATHS
from annotation.rendering.maths import NotConvertible, mathml
from guidelines.text import INVISIBLE_BESIDES
from tests.annotation.hostile import UNSTORABLE, hostile_texts

WRITTEN = {"span", "div"} | TAGS
OURS = {"dir", "class", "tabindex", "role", "aria-label", "start"}
CLASSES = {"tk", "ts", "tc", "tm", "tn", "addr", "img", "mw", "tw", "cb", "num", "mid", "mark", "plain"}
NAMES = {"Table", "Formula", "Code"}
VOID = {"br", "hr"}


class Look(HTMLParser):
    """What an HTML parser finds: anything that is not on the list, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.tags: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in WRITTEN:
            self.wrong.append(f"<{tag}>")
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name not in (MATHS.get(tag) or OURS):
                self.wrong.append(f"{tag} {name}")
            if name == "class" and value not in CLASSES | {""}:
                self.wrong.append(f"class {value}")
            if name == "aria-label" and (value or "").partition(",")[0] not in NAMES:
                self.wrong.append(f"name {value}")
            if ":" in (value or "") or "//" in (value or "") or "(" in (value or ""):
                self.wrong.append(f"{name}={value}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.wrong.append("comment")

    def handle_decl(self, decl: str) -> None:
        self.wrong.append("declaration")

    def handle_pi(self, data: str) -> None:
        self.wrong.append("instruction")


def shown(text: str) -> str:
    """What a page gets for the text."""
    try:
        return render(text)
    except NotRendered:
        return plain_html(text)


def faults(html: str) -> list[str]:
    """What is in the HTML that must never be."""
    look = Look(html)
    hidden = [f"U+{ord(c):04X}" for c in look.text if c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cs")]
    return look.wrong + look.open + hidden


def test_there_are_five_hundred_hostile_texts() -> None:
    texts = hostile_texts()
    assert len(texts) >= 500
    assert all("\x00" not in text and text.encode() for text in texts)


def test_no_hostile_text_does_anything() -> None:
    guilty = {text[:80]: found for text in [*hostile_texts(), *UNSTORABLE] if (found := faults(shown(text)))}
    assert guilty == {}


def test_no_hostile_text_does_anything_as_it_is() -> None:
    assert {text[:80] for text in [*hostile_texts(), *UNSTORABLE] if faults(plain_html(text))} == set()


def test_the_look_notices_what_it_is_for() -> None:
    """A parser that found nothing would make every test above pass."""
    for html in ("<a>", "<p onclick=x></p>", "<p>", "</p>", "<math href=x></math>", '<p class="btn"></p>', "<!--x-->"):
        assert faults(html), html
    assert faults("<p>a\x1bb</p>") == ["U+001B"]


def test_the_sanitiser_alone_would_do() -> None:
    """The steps before it escape everything; were one of them wrong, the last wall still stands."""
    guilty = {text[:80]: found for text in hostile_texts() if (found := faults(marks.draw(clean(marks.carry(text)))))}
    assert guilty == {}


def test_the_steps_before_the_sanitiser_would_do_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markup, "clean", lambda html: html)
    guilty = {text[:80]: found for text in [*hostile_texts(), *UNSTORABLE] if (found := faults(shown(text)))}
    assert guilty == {}


PIECES = st.sampled_from(
    ["<", ">", '"', "'", "&", "[", "](", ")", "![", "$", "$$", "\\(", "\\)", "\\[", "\\]", "`", "```", "\n", "\n\n"]
    + [
        "> ",
        "- ",
        "1. ",
        "# ",
        "|",
        "|--|--|",
        "**",
        "_",
        "~~",
        "    ",
        "[a]: ",
        "javascript:",
        "onload=",
        "script",
        "math",
    ]
    + [
        "\\text{",
        "}",
        "{",
        "\\frac",
        "^",
        "\\left(",
        "\\begin{matrix}",
        "&#x202E;",
        "\u202e",
        "\u200d",
        "\ufdd0",
        "\ufdd1",
    ]
    + ["\x00", "\ud800", "202E", "\r", "א", "👩", "\ufe0f", "x", " ", "```html\n", "<!--", "-->", "</", "=="]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=80))
def test_whatever_is_written_only_what_is_allowed_comes_out(text: str) -> None:
    assert faults(shown(text)) == []


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.sampled_from("\\{}^_&$%abfrctextlhimsqd 1<>'\"()[]|~#!."), max_size=60))
def test_a_formula_is_drawn_or_refused(latex: str) -> None:
    try:
        drawn = mathml(latex, block=True)
    except NotConvertible:
        return
    assert faults(drawn) == []


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_as_it_is_nothing_is_lost_but_what_is_drawn_as_a_mark(text: str) -> None:
    told = Look(plain_html(text)).text
    rest = iter(told)
    drawn = [c for c in text if unicodedata.category(c)[0] in "LNPS" and ord(c) not in INVISIBLE_BESIDES]
    assert all(letter in rest for letter in drawn)


def test_no_character_hides_itself() -> None:
    """Looked at one by one, among letters: all that Unicode calls control, format or surrogate."""
    silent = []
    for code in set(range(sys.maxunicode + 1)) - marks.DRAWN - {9, 10}:
        hides = unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs")
        if hides and f"[U+{code:04X}]" not in plain_html(f"a{chr(code)}b"):
            silent.append(f"U+{code:04X}")
    assert silent == []


@pytest.mark.parametrize("text", ["👩\u200d💻", "❤\ufe0f", "1\ufe0f\u20e3", "می\u200cخواهم", "क्\u200dष", "\u06dd"])
def test_how_people_write_is_left_alone(text: str) -> None:
    assert text in plain_html(text)
    assert text in render(text)


@pytest.mark.parametrize("text", ["a\u200db", "👩\u200d\u200d💻", "a\ufe0f", "👩\ufe0f\ufe0e", "1\ufe0f", "a\u200cb"])
def test_the_same_characters_elsewhere_are_marks(text: str) -> None:
    assert "[U+" in plain_html(text)
    assert "[U+" in render(text)


def test_a_mark_stands_where_the_character_stood() -> None:
    mark = '<span class="mark" dir="ltr">[U+202E]</span>'
    assert render("a\u202eb") == f'<p dir="auto">a{mark}b</p>\n'
    assert render("&#x202E;") == f'<p dir="auto">{mark}</p>\n'
    assert mark in render("```python\nx = '\u202e'\n```")
    assert plain_html("a\n\u202e") == f'<div class="plain" dir="auto">a\n{mark}</div>'
    assert mark not in render("[U+202E]")


def test_a_link_is_its_text_and_its_address() -> None:
    address = '<span class="addr" dir="ltr">https://e.example/</span>'
    assert render("[here](https://e.example/)") == f'<p dir="auto">here {address}</p>\n'
    assert render("<https://e.example/>") == '<p dir="auto">https://e.example/</p>\n'
    assert "javascript:alert(1)" in render("[a](javascript:alert(1))")
    assert len(render(f"[a](https://e.example/{'x' * 5000})")) < 500


def test_an_image_is_a_box_with_its_words_and_its_address() -> None:
    html = render("![a *cat*](https://e.example/cat.png)")
    assert html == (
        '<p dir="auto"><span class="img">Image: a cat '
        '<span class="addr" dir="ltr">https://e.example/cat.png</span></span></p>\n'
    )


def test_headings_start_below_the_pages_own_and_skip_no_level() -> None:
    tags = [tag for tag in Look(render("### a\n\n# b\n\n###### c\n\n## d\n\n# e\n")).tags if tag[0] == "h"]
    assert tags == ["h3", "h3", "h4", "h4", "h3"]


def test_what_is_wide_scrolls_in_a_box_with_a_name() -> None:
    html = render("```py\nx = 1\n```\n\n|a|\n|-|\n|b|\n\n$$x$$\n")
    for name, css in (("Code, Python", "cb"), ("Table", "tw"), ("Formula", "mw")):
        assert f'<div class="{css}" tabindex="0" role="group" aria-label="{name}">' in html


def test_code_has_colours_by_class() -> None:
    html = render('```python\ndef f(): return "5min", 4  # c\n```')
    for css, text in (("tk", "def "), ("tn", "f"), ("ts", '"5min"'), ("tm", "4  "), ("tc", "# c\n")):
        assert f'<span class="{css}">{text}</span>' in html


def test_unknown_languages_are_not_guessed() -> None:
    assert render("```evil\n<b>\n```") == (
        '<div class="cb" tabindex="0" role="group" aria-label="Code">'
        '<pre dir="ltr"><code dir="ltr">&lt;b&gt;\n</code></pre></div>\n'
    )


@pytest.mark.parametrize("text", ["$x^2$", "\\(x^2\\)", "$$x^2$$", "\\[x^2\\]", "\\[\nx^2\n- y\n\\]", "$$\nx^2\n$$"])
def test_formulas_are_mathml(text: str) -> None:
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in render(text)


@pytest.mark.parametrize("text", ["It costs $5 to $10.", "US$5-$10", "$ a $", "`$x$`", "a \\$x\\$ b"])
def test_money_is_no_formula(text: str) -> None:
    assert "<math" not in render(text)


@pytest.mark.parametrize("latex", ["\\frac", "\\nosuchthing", "\\href{x}{y}", "\\phantom{x}", "\\def\\a{}", "{" * 20])
def test_a_formula_that_cannot_be_drawn_is_shown_as_it_was_written(latex: str) -> None:
    assert f'<code dir="ltr">${latex}$</code>' in render(f"a ${latex}$")


def test_letters_of_other_alphabets_are_their_own_characters() -> None:
    assert "ℝ" in mathml("\\mathbb{R}", block=False)
    assert "ℒ" in mathml("\\mathcal{L}", block=False)
    assert "𝐱" in mathml("\\mathbf{x}", block=False)


def test_a_formula_cannot_reach_over_its_neighbours() -> None:
    assert "width" not in mathml("\\hspace{-99em}x\\hspace{99em}", block=False)


def test_a_list_runs_as_its_words_do() -> None:
    html = render("- مرحبا\n- hello `x`\n\n> שלום\n")
    assert '<li dir="rtl">' in html
    assert '<li dir="ltr">' in html
    assert '<blockquote dir="rtl">' in html
    assert '<code dir="ltr">x</code>' in html


def test_line_ends_and_task_lists_are_kept() -> None:
    assert render("roses\nviolets") == '<p dir="auto">roses<br>\nviolets</p>\n'
    assert "☑ done" in render("- [x] done\n- [ ] todo")
    assert "<input" not in render("- [x] done")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x" * (markup.MOST_CHARACTERS + 1), "longer than 64,000 characters"),
        ("> " * 30 + "x", "nested too deep"),
        ("- " * 500 + "x", "nested too deep"),
        ("$x$ " * 400, "too many pieces"),
        ("[a]: " + "x" * 9000 + "\n\n" + "[a]" * 4000, "when rendered"),
        ("[//]: # (a comment)", "nothing would be shown"),
    ],
)
def test_too_much_is_refused_in_words(text: str, reason: str) -> None:
    with pytest.raises(NotRendered, match=reason):
        render(text)


def test_nothing_is_left_out_without_a_word() -> None:
    """Beyond its limit of nesting the parser drops what it reads; the text is refused before that."""
    for depth in range(1, 120):
        assert "within" in shown("> " * depth + "within")
        assert "within" in shown("- " * depth + "within")


def test_the_bench_and_the_guidelines_share_one_renderer() -> None:
    assert visible("a\u202eb") == "a[U+202E]b"
    assert guideline_html("*a*") == "<p><em>a</em></p>\n"


def test_the_renderer_has_a_version_to_store() -> None:
    assert RENDERER_VERSION
    assert len(digest("a\ud800")) == 64
