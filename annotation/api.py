"""The API's doors for what comes in: prompts and demonstrations, as JSON lines."""

from __future__ import annotations

import tempfile
from typing import IO, TYPE_CHECKING, Any, cast

from django.conf import settings
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view, parser_classes, permission_classes
from rest_framework.response import Response

from annotation.actions import BadLines, Imported, import_demonstrations, import_prompts
from annotation.importers.lines import BLOCK, lines_of
from raters.api_parsers import Jsonl, NdJson
from raters.authentication import project_of, scope, token_of
from raters.problems import Problem, problems

if TYPE_CHECKING:
    from collections.abc import Callable

    from rest_framework.request import Request

MAX_IMPORT_BYTES: int = getattr(settings, "IMPORT_MAX_BYTES", 256 * 1024 * 1024)
IN_MEMORY = 1_000_000


class ImportedSchema(serializers.Serializer[Any]):
    """What an import did."""

    created = serializers.IntegerField(help_text="Rows that are new.")
    duplicates = serializers.IntegerField(help_text="Lines whose content was there before, or came twice.")


PROMPT = OpenApiExample("A prompt", value={"prompt": "How tall is Everest?", "tags": ["facts"]}, request_only=True)
DEMONSTRATION = OpenApiExample(
    "A demonstration", value={"prompt": "How tall is Everest?", "completion": "8,849 metres."}, request_only=True
)
LINES = {"application/x-ndjson": OpenApiTypes.STR, "application/jsonl": OpenApiTypes.STR}


@extend_schema(
    operation_id="prompts_import",
    description="One JSON object a line, with `prompt` or `messages`. All lines come in, or none.",
    request=LINES,
    examples=[PROMPT],
    responses={201: ImportedSchema, **problems(409, 411, 413, 415, 422, 503)},
)
@api_view(["POST"])
@parser_classes([NdJson, Jsonl])
@permission_classes([scope(post="prompts:write")])
def prompts_import(request: Request) -> Response:
    """Import prompts."""
    return _imported(request, import_prompts)


@extend_schema(
    operation_id="demonstrations_import",
    description="One JSON object a line, with `prompt` or `messages`, and `completion`. All lines come in, or none.",
    request=LINES,
    examples=[DEMONSTRATION],
    responses={201: ImportedSchema, **problems(409, 411, 413, 415, 422, 503)},
)
@api_view(["POST"])
@parser_classes([NdJson, Jsonl])
@permission_classes([scope(post="prompts:write")])
def demonstrations_import(request: Request) -> Response:
    """Import demonstrations."""
    return _imported(request, import_demonstrations)


def _imported(request: Request, verb: Callable[..., Imported]) -> Response:
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as spool:
        _receive(request, spool)
        try:
            done = verb(
                project_of(request), lines=lines_of(spool), source="api", now=timezone.now(), by=token_of(request).user
            )
        except BadLines as refusal:
            errors = [{"line": error.line, "reason": error.reason} for error in refusal.errors]
            raise Problem(422, "bad-lines", str(refusal), errors=errors, count=refusal.count) from refusal
    return Response({"created": done.created, "duplicates": done.duplicates}, status=201)


def _receive(request: Request, spool: IO[bytes]) -> None:
    """Put the body aside, on disk when it is large: a slow client must not hold a transaction open.

    Raises Problem when the body has no length, is too large, or ends early.
    """
    if request.headers.get("Transfer-Encoding"):
        raise Problem(411, "length-required", "Send the body with a Content-Length, not in chunks.")
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if not (announced.isascii() and announced.isdecimal()):
        raise Problem(400, "bad-request", "The Content-Length is not a number.")
    length = int(announced[:18])
    if length > MAX_IMPORT_BYTES:
        raise Problem(413, "too-large", f"The body has more than {MAX_IMPORT_BYTES:,} bytes. Send it in parts.")
    stream = cast("IO[bytes] | None", request.data if length else None)
    received = 0
    while stream is not None and (block := stream.read(BLOCK)):
        received += len(block)
        spool.write(block)
    if received != length:
        raise Problem(400, "incomplete-body", f"The body ended after {received:,} of {length:,} bytes.")
    spool.seek(0)
