"""What the API reads as a request body: strict JSON in memory, and JSON lines as a stream."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser
from rest_framework.utils.mediatypes import _MediaType

from raters import strict_json
from raters.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_JSON_BYTES = 1_000_000


class StrictJson(BaseParser):
    """JSON objects of at most a megabyte. What the database cannot keep is refused here, with a sentence."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The object in the body. Raises ParseError, UnsupportedMediaType, Problem (413)."""
        _refuse_other_charsets(media_type or "")
        data = stream.read(MAX_JSON_BYTES + 1)
        if len(data) > MAX_JSON_BYTES:
            raise Problem(413, "too-large", f"The body has more than {MAX_JSON_BYTES} bytes.")
        try:
            value = strict_json.loads(data)
        except strict_json.BadJson as refusal:
            raise ParseError(str(refusal)) from refusal
        if not isinstance(value, dict):
            raise ParseError("Send a JSON object.")
        return value


class NdJson(BaseParser):
    """JSON lines, handed over as the stream they come in: never whole in memory."""

    media_type = "application/x-ndjson"

    def parse(  # type: ignore[override]  # the stubs know only parsers that read to the end
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> IO[bytes]:
        """The stream itself."""
        _refuse_other_charsets(media_type or "")
        return stream


class Jsonl(NdJson):
    """The same under its other name."""

    media_type = "application/jsonl"


def _refuse_other_charsets(media_type: str) -> None:
    charset = _MediaType(media_type).params.get("charset", "utf-8")
    if str(charset).strip('"').lower() not in ("utf-8", "utf8"):
        raise UnsupportedMediaType(media_type, detail="Send UTF-8.")
