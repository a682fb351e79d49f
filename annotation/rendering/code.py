"""Code, coloured by class names alone: a small fixed set that the style sheet knows.

tk keyword · ts string · tc comment · tm number · tn name of a function, class, tag or attribute
"""

from __future__ import annotations

from functools import cache
from html import escape

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Number, String, _TokenType

from annotation.rendering.marks import is_marked

MOST_CHARACTERS = 20_000
"""Of one block: a lexer's time can grow faster than its input. A longer one is shown without colours."""

# Only these are loaded, by their own name and no stranger's: what a fence may call them, and what we call them.
LANGUAGES = {
    "python": ("python", "Python"),
    "py": ("python", "Python"),
    "python3": ("python", "Python"),
    "javascript": ("javascript", "JavaScript"),
    "js": ("javascript", "JavaScript"),
    "jsx": ("javascript", "JavaScript"),
    "typescript": ("typescript", "TypeScript"),
    "ts": ("typescript", "TypeScript"),
    "tsx": ("typescript", "TypeScript"),
    "json": ("json", "JSON"),
    "html": ("html", "HTML"),
    "xml": ("xml", "XML"),
    "css": ("css", "CSS"),
    "sql": ("sql", "SQL"),
    "bash": ("bash", "shell"),
    "sh": ("bash", "shell"),
    "shell": ("bash", "shell"),
    "zsh": ("bash", "shell"),
    "console": ("console", "shell session"),
    "powershell": ("powershell", "PowerShell"),
    "c": ("c", "C"),
    "cpp": ("cpp", "C++"),
    "c++": ("cpp", "C++"),
    "csharp": ("csharp", "C#"),
    "cs": ("csharp", "C#"),
    "java": ("java", "Java"),
    "kotlin": ("kotlin", "Kotlin"),
    "scala": ("scala", "Scala"),
    "swift": ("swift", "Swift"),
    "go": ("go", "Go"),
    "rust": ("rust", "Rust"),
    "rs": ("rust", "Rust"),
    "ruby": ("ruby", "Ruby"),
    "rb": ("ruby", "Ruby"),
    "php": ("php", "PHP"),
    "r": ("r", "R"),
    "julia": ("julia", "Julia"),
    "haskell": ("haskell", "Haskell"),
    "lua": ("lua", "Lua"),
    "perl": ("perl", "Perl"),
    "yaml": ("yaml", "YAML"),
    "yml": ("yaml", "YAML"),
    "toml": ("toml", "TOML"),
    "ini": ("ini", "INI"),
    "dockerfile": ("docker", "Dockerfile"),
    "makefile": ("make", "Makefile"),
    "diff": ("diff", "diff"),
    "latex": ("latex", "LaTeX"),
    "tex": ("latex", "LaTeX"),
    "markdown": ("markdown", "Markdown"),
    "md": ("markdown", "Markdown"),
}

_CLASSES: tuple[tuple[_TokenType, str], ...] = (
    (Keyword, "tk"),
    (String, "ts"),
    (Comment, "tc"),
    (Number, "tm"),
    *((kind, "tn") for kind in (Name.Function, Name.Class, Name.Decorator, Name.Tag, Name.Attribute, Name.Exception)),
)


def language(info: str) -> str:
    """What to call the language of a fence; empty when it is none we know."""
    return LANGUAGES.get(_word(info), ("", ""))[1]


def coloured(code: str, info: str) -> str:
    """The code as HTML, exactly as it is but for the colours.

    Code that holds marks is left alone: a mark is no part of any language, and would be torn in two.
    """
    lexer, _ = LANGUAGES.get(_word(info), ("", ""))
    if not lexer or len(code) > MOST_CHARACTERS or is_marked(code):
        return escape(code, quote=False)
    pieces: list[list[str]] = []
    for kind, text in _lexer(lexer).get_tokens(code):
        css = _class(kind)
        # white space has no colour, so it belongs to whatever it is next to
        if pieces and (pieces[-1][0] == css or not text.strip()):
            pieces[-1][1] += text
        else:
            pieces.append([css, text])
    if "".join(text for _, text in pieces) != code:
        return escape(code, quote=False)
    return "".join(_span(css, text) for css, text in pieces)


def _word(info: str) -> str:
    words = info.split(maxsplit=1)
    return words[0].lower().strip("{}.") if words else ""


@cache
def _lexer(name: str) -> Lexer:
    return get_lexer_by_name(name, stripnl=False, ensurenl=False)


@cache
def _class(kind: _TokenType) -> str:
    return next((css for known, css in _CLASSES if kind in known), "")


def _span(css: str, text: str) -> str:
    escaped = escape(text, quote=False)
    return f'<span class="{css}">{escaped}</span>' if css else escaped
