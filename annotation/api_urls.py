"""The API's doors of this room."""

from django.urls import path

from annotation import api

urlpatterns = [
    path("questions", api.questions, name="api-questions"),
    path("judgments", api.judgments, name="api-judgments"),
    path("prompts/import", api.prompts_import, name="api-prompts-import"),
    path("demonstrations/import", api.demonstrations_import, name="api-demonstrations-import"),
]
