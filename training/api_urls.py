"""The API's doors of this room."""

from django.urls import path

from training import api

urlpatterns = [
    path("runs/", api.runs, name="api-runs"),
    path("runs/<int:run_id>/", api.run, name="api-run"),
    path("models/", api.models, name="api-models"),
    path("models/<int:model_id>/", api.model, name="api-model"),
]
