"""How the API pages its lists: by key, newest first, so that page 10,000 costs what page 1 costs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.response import Response

from raters.problems import Problem

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet
    from rest_framework.request import Request
    from rest_framework.serializers import BaseSerializer

View = TypeVar("View", bound=Callable[..., Any])
UNKNOWN_CURSOR = "This cursor is not one that a list of this API gave."
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_KEY = re.compile(r"[0-9]{1,18}")


class NewestFirst(CursorPagination):
    """Fifty rows a page, two hundred at most (`limit`). A cursor or limit that cannot be read is a 400."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 200

    def decode_cursor(self, request: Request) -> Cursor | None:
        """The place to go on from. Raises Problem when the cursor is none of ours."""
        given = request.query_params.get(self.cursor_query_param)
        if given is None:
            return None
        try:
            cursor = super().decode_cursor(request)
        except NotFound:
            raise Problem(400, "invalid-cursor", UNKNOWN_CURSOR) from None
        # DRF overlooks strange characters, and would ask the database for whatever position stands there
        if cursor is None or not _BASE64.fullmatch(given) or not _KEY.fullmatch(str(cursor.position)):
            raise Problem(400, "invalid-cursor", UNKNOWN_CURSOR)
        return cursor

    def get_page_size(self, request: Request) -> int:
        """How many rows. Raises Problem when `limit` is not between 1 and 200."""
        given = request.query_params.get("limit")
        if given is None:
            return self.page_size
        if not (given.isascii() and given.isdecimal() and len(given) <= 3 and 1 <= int(given) <= self.max_page_size):
            raise Problem(400, "invalid-limit", f"Use a limit between 1 and {self.max_page_size}.")
        return int(given)

    def get_paginated_response(self, data: Any) -> Response:
        """The page, with its neighbours in the body and in the Link header."""
        links = {"next": self.get_next_link(), "prev": self.get_previous_link()}
        header = ", ".join(f'<{link}>; rel="{rel}"' for rel, link in links.items() if link)
        body = {"next": links["next"], "previous": links["prev"], "results": data}
        return Response(body, headers={"Link": header} if header else None)


PAGING = [
    OpenApiParameter("cursor", str, description="Where to go on: take it from `next` or `previous`."),
    OpenApiParameter(
        "limit", {"type": "integer", "minimum": 1, "maximum": 200}, description="Rows a page, 50 if unsaid."
    ),
]


def paged(view: View) -> View:
    """Tell the OpenAPI document that this function view answers with pages."""
    view.cls.pagination_class = NewestFirst  # type: ignore[attr-defined]  # api_view keeps its class there
    return view


def page_of(request: Request, rows: QuerySet[Any], serializer: type[BaseSerializer[Any]]) -> Response:
    """The page of `rows` that the request asks for."""
    paginator = NewestFirst()
    found: list[Model] = paginator.paginate_queryset(rows, request) or []
    return paginator.get_paginated_response(serializer(found, many=True).data)
