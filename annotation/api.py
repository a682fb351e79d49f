"""The API's doors of annotation: prompts and demonstrations come in, questions are chosen, judgments go out."""

from __future__ import annotations

import tempfile
from typing import IO, TYPE_CHECKING, Any, cast

from django.conf import settings
from django.http import Http404
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.http import parse_etags
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import api_view, parser_classes, permission_classes
from rest_framework.exceptions import PermissionDenied
from rest_framework.response import Response

from annotation import queries
from annotation.actions import (
    BadLines,
    ChangedMeanwhile,
    Imported,
    change_asking,
    import_demonstrations,
    import_prompts,
)
from annotation.importers.lines import BLOCK, lines_of
from annotation.kinds import FLAGS, QUALITY_WORDS, Asks, BadAsks
from annotation.models import Batch
from raters.api_pages import PAGING, page_of, paged
from raters.api_parsers import Jsonl, NdJson
from raters.authentication import project_of, scope, token_of
from raters.models import Role
from raters.problems import Problem, problems
from raters.queries import roles_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from rest_framework.request import Request

    from annotation.queries import Questions

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


class QualitySchema(serializers.Serializer[Any]):
    """One quality on which two responses are compared."""

    name = serializers.CharField(max_length=30, help_text="Of small letters, digits and _; names it in every export.")
    label = serializers.CharField(max_length=40)  # type: ignore[assignment]  # a field here, not the serializer's label
    hint = serializers.CharField(max_length=200, required=False)


class AsksSchema(serializers.Serializer[Any]):
    """What a rater is asked about two responses. What is not named is as usual."""

    steps = serializers.IntegerField(required=False, help_text="3, 5 or 7.")
    qualities = QualitySchema(many=True, required=False)
    qualities_required = serializers.BooleanField(required=False)
    rule_required = serializers.BooleanField(required=False)
    rationale_one_in = serializers.IntegerField(
        required=False, min_value=0, max_value=1000, help_text="On how many items a reason is asked: 0 never, 1 always."
    )
    rationale_required = serializers.BooleanField(required=False)
    flags = serializers.ListField(child=serializers.CharField(), required=False)
    show_words = serializers.BooleanField(required=False)
    read_to_end = serializers.BooleanField(required=False)


class MeaningSchema(serializers.Serializer[Any]):
    """What a stored value means."""

    value = serializers.IntegerField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field here, not the serializer's label


class QuestionsSchema(AsksSchema):
    """The questions, with what the stored values mean. May be sent back as it is."""

    scale = MeaningSchema(many=True, read_only=True)
    quality_values = MeaningSchema(many=True, read_only=True)
    flag_labels = serializers.DictField(child=serializers.CharField(), read_only=True)
    changed_at = serializers.DateTimeField(allow_null=True, read_only=True)


ONLY_READ = ("scale", "quality_values", "flag_labels", "changed_at")
ETAG = OpenApiParameter("ETag", str, OpenApiParameter.HEADER, response=[200], description="The questions' version.")
IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, required=True, description="The ETag of the questions that you read."
)


@extend_schema(
    methods=["GET"],
    operation_id="questions_retrieve",
    parameters=[ETAG],
    responses={200: QuestionsSchema, **problems(406)},
)
@extend_schema(
    methods=["PUT"],
    operation_id="questions_update",
    description="Holds for batches that open from now on. For tokens of leads and owners.",
    parameters=[IF_MATCH, ETAG],
    request=AsksSchema,
    responses={200: QuestionsSchema, **problems(406, 412, 413, 415, 422, 428, 503)},
)
@api_view(["GET", "PUT"])
@permission_classes([scope(get="questions:read", put="questions:write")])
def questions(request: Request) -> Response:
    """What raters are asked: read it, or ask something else from the next batch on."""
    there = queries.questions_of(project_of(request))
    return _questions(_changed(request, there) if request.method == "PUT" else there)


def _questions(there: Questions) -> Response:
    asks = there.asks
    meaning = {
        "scale": [{"value": step.value, "label": step.label} for step in asks.scale],
        "quality_values": [{"value": value, "label": label} for value, label in QUALITY_WORDS.items()],
        "flag_labels": {flag: FLAGS[flag] for flag in asks.flags},
        "changed_at": there.changed_at,
    }
    return Response({**asks.write(), **meaning}, headers={"ETag": f'"{there.version}"'})


def _changed(request: Request, there: Questions) -> Questions:
    project, by = project_of(request), token_of(request).user
    if not roles_in(project, by) & {Role.LEAD, Role.OWNER}:
        raise PermissionDenied("Only a lead or an owner may change what is asked.")
    if "If-Match" not in request.headers:
        raise Problem(428, "precondition-required", "Send If-Match with the ETag of the questions that you read.")
    if request.META.get("CONTENT_LENGTH") in (None, "", "0"):
        raise Problem(400, "bad-request", "Send the questions as a JSON object; {} stands for the usual ones.")
    seen = [etag.strip('"') for etag in parse_etags(request.headers["If-Match"]) if not etag.startswith("W/")]
    try:
        given = cast("dict[str, Any]", request.data)
        asks = Asks.read({name: value for name, value in given.items() if name not in ONLY_READ})
        version = there.version if "*" in seen or there.version in seen else ""
        return change_asking(project, asks=asks, seen=version, by=by, now=timezone.now())
    except BadAsks as refusal:
        pointer = "".join(f"/{step}" for step in refusal.at)
        errors = [{"pointer": pointer, "code": "invalid", "detail": str(refusal)}]
        raise Problem(422, "bad-questions", str(refusal), errors=errors) from refusal
    except ChangedMeanwhile as refusal:
        etag = {"ETag": f'"{refusal.there.version}"'}
        raise Problem(412, "changed-meanwhile", f"{refusal} Read them again.", headers=etag) from refusal


class QualityValueSchema(serializers.Serializer[Any]):
    """What was said of one quality."""

    name = serializers.CharField()
    value = serializers.IntegerField(help_text="-1 a is better, 0 the same, 1 b is better.")


class JudgmentRow(serializers.Serializer[Any]):
    """One judgment that counts."""

    id = serializers.IntegerField()
    batch = serializers.IntegerField()
    pair_id = serializers.CharField(help_text="As in a snapshot.")
    prompt = serializers.IntegerField()
    response_a = serializers.IntegerField()
    response_b = serializers.IntegerField()
    split = serializers.SerializerMethodField(help_text="test where the prompt is held out, else train.")
    rater = serializers.CharField(source="pseudonym", help_text="A pseudonym.")
    panel = serializers.IntegerField()
    preference = serializers.IntegerField(help_text="-3 a is much better to 3 b is much better.")
    swapped = serializers.BooleanField(help_text="b was shown on the left.")
    seconds = serializers.FloatField(help_text="Active time.")
    guideline = serializers.CharField()
    guideline_version = serializers.SerializerMethodField()
    qualities = serializers.SerializerMethodField()
    flags_a = serializers.ListField(child=serializers.CharField())
    flags_b = serializers.ListField(child=serializers.CharField())
    rules = serializers.ListField(child=serializers.CharField(), source="cited")
    no_rule = serializers.BooleanField(help_text="The rater said that no rule fits.")
    rationale = serializers.CharField()
    implied = serializers.SerializerMethodField(help_text="Follows from a ranking or an edit.")
    revision = serializers.IntegerField()
    created_at = serializers.DateTimeField()

    def get_split(self, row: dict[str, Any]) -> str:
        """As in a snapshot."""
        return "test" if row["held_out"] else "train"

    def get_guideline_version(self, row: dict[str, Any]) -> str:
        """The number as people say it."""
        return f"{row['major']}.{row['minor']}"

    @extend_schema_field(QualityValueSchema(many=True))
    def get_qualities(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        """As in a snapshot."""
        return [{"name": name, "value": value} for name, value in sorted(row["qualities"].items())]

    def get_implied(self, row: dict[str, Any]) -> bool:
        """Whether nobody was shown the two side by side."""
        return row["answer"] is not None


@extend_schema(
    operation_id="judgments_list",
    description="What a snapshot frozen now would hold, newest first: no gold items, nothing taken back or surplus.",
    parameters=[
        *PAGING,
        OpenApiParameter("batch", {"type": "integer", "minimum": 1}, description="The judgments of one batch alone."),
        OpenApiParameter("since", OpenApiTypes.DATETIME, description="Those given then or later; with a time zone."),
    ],
    responses={200: JudgmentRow(many=True), **problems(404, 406)},
)
@paged
@api_view(["GET"])
@permission_classes([scope(get="judgments:read")])
def judgments(request: Request) -> Response:
    """List the judgments that count."""
    rows = queries.listed_judgments(project_of(request), batch=_batch(request), since=_since(request))
    return page_of(request, rows, JudgmentRow)


def _batch(request: Request) -> int | None:
    """The id of a batch of the project. Raises Problem, Http404."""
    given = request.query_params.get("batch")
    if given is None:
        return None
    if not (given.isascii() and given.isdecimal() and len(given) < 19):
        raise Problem(400, "invalid-batch", "Use the id of a batch.")
    if not Batch.objects.filter(project=project_of(request), pk=int(given)).exists():
        raise Http404
    return int(given)


def _since(request: Request) -> datetime | None:
    """A moment. Raises Problem."""
    given = request.query_params.get("since")
    if given is None:
        return None
    try:
        moment = parse_datetime(given)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Problem(400, "invalid-since", "Use a time with its zone, such as 2026-11-23T09:00:00Z.")
    return moment
