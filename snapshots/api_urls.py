"""The API's doors of this room."""

from django.urls import path

from snapshots import api

urlpatterns = [
    path("snapshots/", api.snapshots, name="api-snapshots"),
    path("snapshots/<int:snapshot_id>/", api.snapshot, name="api-snapshot"),
    path("snapshots/<int:snapshot_id>/files/<str:name>", api.snapshot_file, name="api-snapshot-file"),
]
