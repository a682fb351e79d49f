"""A browser small enough to read: what a simulated rater uses to walk through the same doors as a person.

It keeps cookies, follows redirects, reads forms, and knows nothing of the site but its HTML.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

SIDES = ("a", "b")
FORM = "application/x-www-form-urlencoded"


@dataclass(slots=True)
class Form:
    """A form on a page: where it goes and what it sends if nothing is changed."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)


@dataclass(slots=True)
class Page:
    """One answer of the site."""

    status: int
    path: str
    html: str
    forms: list[Form]
    texts: dict[str, str]

    def form_to(self, ending: str) -> Form | None:
        """The form whose address ends like this."""
        return next((form for form in self.forms if form.action.endswith(ending)), None)


class _Reader(HTMLParser):
    """Collects forms, the text of elements marked data-prompt, and the exact responses in those marked data-raw."""

    VOID = frozenset({"input", "br", "img", "meta", "link", "hr", "use", "path", "rect", "circle", "line"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self.texts: dict[str, str] = {}
        self._form: Form | None = None
        self._reading: str | None = None
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if self._reading and tag not in self.VOID:
            self._depth += 1
        elif "data-prompt" in found or "data-raw" in found:
            self._reading, self._depth = found.get("data-raw", "prompt"), 1
            self.texts[self._reading] = ""
        if tag == "form":
            self._form = Form(found.get("action", ""))
            self.forms.append(self._form)
        if self._form is not None and found.get("name"):
            self._field(self._form, tag, found)

    @staticmethod
    def _field(form: Form, tag: str, found: dict[str, str]) -> None:
        name, value = found["name"], found.get("value", "")
        if found.get("type") in ("radio", "checkbox"):
            form.choices.setdefault(name, []).append(value)
        elif tag in ("input", "textarea"):
            form.fields[name] = value

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        if self._reading and tag not in self.VOID:
            self._depth -= 1
            if not self._depth:
                self._reading = None

    def handle_data(self, data: str) -> None:
        if self._reading:
            self.texts[self._reading] += data


class Browser:
    """One person's browser on one site. Not for sharing between threads."""

    def __init__(self, site: str, *, timeout: float = 60.0) -> None:
        address = urlsplit(site)
        assert address.hostname  # a site without a host is a mistake in the caller  # noqa: S101
        self._connection = HTTPConnection(address.hostname, address.port, timeout=timeout)
        self._cookies: SimpleCookie = SimpleCookie()

    def get(self, path: str, *, headers: Mapping[str, str] | None = None) -> Page:
        """Open an address, following redirects."""
        return self._follow("GET", path, None, dict(headers or {}))

    def send(
        self, form: Form, answers: Mapping[str, str | list[str]], *, headers: Mapping[str, str] | None = None
    ) -> Page:
        """Send a form with these answers; `headers` as the page's own script would add them."""
        body = urlencode({**form.fields, **answers}, doseq=True)
        token = self._cookies["csrftoken"].value if "csrftoken" in self._cookies else ""
        return self._follow("POST", form.action, body, {"X-CSRFToken": token, **(headers or {})})

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _follow(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Page:
        for _ in range(6):
            status, location, html = self._ask(method, path, body, headers)
            if location is None:
                reader = _Reader()
                reader.feed(html)
                texts = {name: json.loads(text) if name in SIDES else text for name, text in reader.texts.items()}
                return Page(status, path, html, reader.forms, texts)
            method, path, body = "GET", location, None
        raise ConnectionError(f"{path} sends in circles.")

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> tuple[int, str | None, str]:
        cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in self._cookies.items())
        sent = {"Cookie": cookie, "Accept": "text/html", **headers}
        if body is not None:
            sent["Content-Type"] = FORM
        self._connection.request(method, path, body, sent)
        answer = self._connection.getresponse()
        html = answer.read().decode()
        for line in answer.headers.get_all("Set-Cookie") or []:
            self._cookies.load(line)
        location = answer.headers.get("Location") or answer.headers.get("HX-Redirect")
        return answer.status, location, html
