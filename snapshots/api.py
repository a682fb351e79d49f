"""The API's doors to datasets: ask for a snapshot, follow it, download its files in part or whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import api_view, permission_classes
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.response import Response

from raters.api_pages import PAGING, page_of, paged
from raters.authentication import project_of, scope, token_of
from raters.problems import Problem, problems
from snapshots import queries
from snapshots.actions import BadFilters, BadName, NameTaken, request_snapshot
from snapshots.downloads import NoSuchRange, piece_of
from snapshots.models import Export, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rest_framework.parsers import BaseParser
    from rest_framework.renderers import BaseRenderer
    from rest_framework.request import Request

KINDS = {"parquet": "application/vnd.apache.parquet", "jsonl": "application/x-ndjson"}


class FiltersSchema(serializers.Serializer[Any]):
    """Which judgments go in; nothing given means everything."""

    batches = serializers.ListField(child=serializers.IntegerField(min_value=1), required=False)
    guideline_versions = serializers.ListField(child=serializers.IntegerField(min_value=1), required=False)
    min_certainty = serializers.FloatField(min_value=0, max_value=1, required=False)


class NewSnapshot(serializers.Serializer[Any]):
    """What a snapshot is asked for with. `filters` are checked by the action that uses them."""

    name = serializers.CharField(max_length=64, help_text="Such as prefs@r7.2")
    filters = serializers.DictField(required=False, default=dict)


class NewSnapshotSchema(NewSnapshot):
    """As the document shows it."""

    filters = FiltersSchema(required=False)  # type: ignore[assignment]  # said more closely than it is read


class ExportRow(serializers.ModelSerializer[Export]):
    """One file."""

    url = serializers.SerializerMethodField()

    class Meta:
        model = Export
        fields = ("name", "config", "split", "format", "rows", "bytes", "sha256", "url")

    @extend_schema_field(OpenApiTypes.URI_REF)
    def get_url(self, export: Export) -> str:
        """Where it can be had."""
        return reverse("api-snapshot-file", args=[export.snapshot_id, export.name])


class SnapshotRow(serializers.ModelSerializer[Snapshot]):
    """A snapshot in a list."""

    class Meta:
        model = Snapshot
        fields = ("id", "name", "state", "filters", "sha256", "reason", "created_at", "ready_at")


class SnapshotPage(SnapshotRow):
    """A snapshot with all that is known of it."""

    files = ExportRow(source="exports", many=True)
    manifest = serializers.DictField(help_text="Counts, what was left out and why, guideline texts, rules.")

    class Meta(SnapshotRow.Meta):
        fields = (*SnapshotRow.Meta.fields, "manifest", "files")  # type: ignore[assignment]  # longer than the list's


@extend_schema(
    methods=["GET"],
    operation_id="snapshots_list",
    parameters=PAGING,
    responses={200: SnapshotRow(many=True), **problems(406)},
)
@extend_schema(
    methods=["POST"],
    operation_id="snapshots_create",
    description="Asking again with the same name and filters gives the snapshot that is there.",
    request=NewSnapshotSchema,
    responses={200: SnapshotPage, 202: SnapshotPage, **problems(406, 409, 413, 415, 503)},
)
@paged
@api_view(["GET", "POST"])
@permission_classes([scope(get="snapshots:read", post="snapshots:write")])
def snapshots(request: Request) -> Response:
    """List the snapshots, or ask for one."""
    if request.method == "POST":
        return _requested(request)
    return page_of(request, queries.snapshots_of(project_of(request)), SnapshotRow)


def _requested(request: Request) -> Response:
    form = NewSnapshot(data=request.data)
    form.is_valid(raise_exception=True)
    try:
        snapshot = request_snapshot(project_of(request), **form.validated_data, by=token_of(request).user)
    except BadName as refusal:
        raise serializers.ValidationError({"name": str(refusal)}) from refusal
    except BadFilters as refusal:
        raise serializers.ValidationError({"filters": str(refusal)}) from refusal
    except NameTaken as refusal:
        raise Problem(409, "name-taken", str(refusal)) from refusal
    ready = snapshot.state == Snapshot.State.READY
    place = reverse("api-snapshot", args=[snapshot.pk])
    return Response(SnapshotPage(snapshot).data, status=200 if ready else 202, headers={"Location": place})


@extend_schema(operation_id="snapshots_retrieve", responses={200: SnapshotPage, **problems(404, 406)})
@api_view(["GET"])
@permission_classes([scope(get="snapshots:read")])
def snapshot(request: Request, snapshot_id: int) -> Response:
    """One snapshot: how far it is, and when it is ready its manifest and files."""
    return Response(SnapshotPage(_found(request, snapshot_id)).data)


def _found(request: Request, snapshot_id: int) -> Snapshot:
    found = queries.snapshots_of(project_of(request)).filter(pk=snapshot_id).first()
    if found is None:
        raise Http404
    return found


class Whatever(BaseContentNegotiation):
    """A file is of one kind, whatever the client would rather have; only problems are rendered."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        """The first: nothing is read here."""
        return next(iter(parsers))

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """JSON."""
        json = next(iter(renderers))
        return json, str(json.media_type)


def _as_it_is(view: Any) -> Any:
    view.cls.content_negotiation_class = Whatever
    return view


@extend_schema(
    operation_id="snapshots_file",
    description="Understands Range and If-None-Match; the ETag is the file's SHA-256.",
    responses={
        (200, KINDS["parquet"]): OpenApiTypes.BINARY,
        (200, KINDS["jsonl"]): OpenApiTypes.STR,
        (206, KINDS["parquet"]): OpenApiTypes.BINARY,
        (304, KINDS["parquet"]): None,
        **problems(404, 416),
    },
)
@_as_it_is
@api_view(["GET", "HEAD"])
@permission_classes([scope(get="snapshots:read")])
def snapshot_file(request: Request, snapshot_id: int, name: str) -> HttpResponseBase:
    """One file of a snapshot."""
    part = queries.part_of(_found(request, snapshot_id), name)
    if part is None:
        raise Http404
    export, etag = part.export, f'"{part.export.sha256}"'
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f'attachment; filename="snapshot-{export.snapshot_id}-{export.name}"',
    }
    if etag in request.headers.get("If-None-Match", ""):
        return HttpResponse(status=304, headers=headers)
    try:
        piece = piece_of(request.headers.get("Range", ""), request.headers.get("If-Range", etag), etag, export.bytes)
    except NoSuchRange as refusal:
        whole = {"Content-Range": f"bytes */{export.bytes}"}
        raise Problem(416, "range-not-satisfiable", str(refusal), headers=whole) from refusal
    if piece.is_part:
        headers["Content-Range"] = f"bytes {piece.start}-{piece.start + piece.length - 1}/{export.bytes}"
    response = FileResponse(piece.open(part.path), content_type=KINDS[export.format], headers=headers)
    response.status_code = 206 if piece.is_part else 200
    response.headers["Content-Length"] = str(piece.length)
    return response
