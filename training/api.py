"""The API's doors to what was learnt: runs, and models with all that they came from. Reading only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import api_view, permission_classes
from rest_framework.response import Response

from raters.api_pages import PAGING, page_of, paged
from raters.authentication import project_of, scope
from raters.problems import problems
from training import queries
from training.models import ModelVersion, Run

if TYPE_CHECKING:
    from rest_framework.request import Request


class RunRow(serializers.ModelSerializer[Run]):
    """A run in a list."""

    class Meta:
        model = Run
        fields = (
            "id",
            "name",
            "kind",
            "state",
            "reason",
            "step",
            "total_steps",
            "snapshot",
            "start_from",
            "created_at",
            "started_at",
            "finished_at",
        )


class RunPage(RunRow):
    """A run with its recipe and results."""

    recipe = serializers.DictField()
    inputs = serializers.DictField()
    results = serializers.DictField()
    model = serializers.SerializerMethodField(help_text="The model it made.")

    class Meta(RunRow.Meta):
        fields = (*RunRow.Meta.fields, "recipe", "inputs", "results", "model")  # type: ignore[assignment]  # longer

    def get_model(self, run: Run) -> int | None:
        """The id, once there is one."""
        made = ModelVersion.objects.filter(run=run).first()
        return None if made is None else made.pk


class ModelRow(serializers.ModelSerializer[ModelVersion]):
    """A model in a list."""

    class Meta:
        model = ModelVersion
        fields = ("id", "name", "kind", "digest", "parent", "run", "created_at")


class AncestorRow(serializers.Serializer[Any]):
    """A model on the way here."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    kind = serializers.CharField()
    digest = serializers.CharField()
    parent = serializers.IntegerField(allow_null=True)  # type: ignore[assignment]  # a field here, not the serializer's
    run = serializers.IntegerField(allow_null=True)


class StepRow(serializers.Serializer[Any]):
    """A run on the way here."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    kind = serializers.CharField()
    recipe = serializers.DictField()
    snapshot = serializers.IntegerField(allow_null=True)


class SnapshotFact(serializers.Serializer[Any]):
    """A frozen dataset on the way here."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    sha256 = serializers.CharField()
    judgments = serializers.IntegerField()
    raters = serializers.IntegerField()


class LineageTree(serializers.Serializer[Any]):
    """Where a model comes from; `parents` is the chain it was started from, nearest first."""

    model = serializers.IntegerField()
    digest = serializers.CharField()
    parents = AncestorRow(many=True)
    models = AncestorRow(many=True)
    runs = StepRow(many=True)
    snapshots = SnapshotFact(many=True)
    guideline_versions = serializers.ListField(child=serializers.CharField())
    judgments = serializers.IntegerField()
    raters = serializers.IntegerField()


class ModelPage(ModelRow):
    """A model with its results and its lineage."""

    results = serializers.DictField()
    lineage = serializers.SerializerMethodField()

    class Meta(ModelRow.Meta):
        fields = (*ModelRow.Meta.fields, "results", "lineage")  # type: ignore[assignment]  # longer than the list's

    @extend_schema_field(LineageTree)
    def get_lineage(self, model: ModelVersion) -> dict[str, Any]:
        """Its ancestors, their runs, the snapshots they learnt from and the guidelines behind those."""
        return dict(LineageTree(queries.lineage_of(model)).data)


@extend_schema(operation_id="runs_list", parameters=PAGING, responses={200: RunRow(many=True), **problems(406)})
@paged
@api_view(["GET"])
@permission_classes([scope(get="runs:read")])
def runs(request: Request) -> Response:
    """List the runs."""
    return page_of(request, queries.runs_in(project_of(request)), RunRow)


@extend_schema(operation_id="runs_retrieve", responses={200: RunPage, **problems(404, 406)})
@api_view(["GET"])
@permission_classes([scope(get="runs:read")])
def run(request: Request, run_id: int) -> Response:
    """One run."""
    found = queries.runs_in(project_of(request)).filter(pk=run_id).first()
    if found is None:
        raise Http404
    return Response(RunPage(found).data)


@extend_schema(operation_id="models_list", parameters=PAGING, responses={200: ModelRow(many=True), **problems(406)})
@paged
@api_view(["GET"])
@permission_classes([scope(get="models:read")])
def models(request: Request) -> Response:
    """List the models."""
    return page_of(request, queries.models_in(project_of(request)), ModelRow)


@extend_schema(operation_id="models_retrieve", responses={200: ModelPage, **problems(404, 406)})
@api_view(["GET"])
@permission_classes([scope(get="models:read")])
def model(request: Request, model_id: int) -> Response:
    """One model, and where it comes from."""
    found = queries.models_in(project_of(request)).filter(pk=model_id).first()
    if found is None:
        raise Http404
    return Response(ModelPage(found).data)
