"""The bench shows hostile text as text."""

from annotation.rendering import RENDERER_VERSION, guideline_html, visible


def test_the_bench_and_the_guidelines_share_one_renderer() -> None:
    assert visible("a\u202eb") == "a[U+202E]b"
    assert guideline_html("*a*") == "<p><em>a</em></p>\n"


def test_the_renderer_has_a_version_to_store() -> None:
    assert RENDERER_VERSION
