"""How the API pages its lists: by key, so that page 10 000 costs what page 1 costs."""

from rest_framework.pagination import CursorPagination


class NewestFirst(CursorPagination):
    """Fifty rows a page, newest first, two hundred at most."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 200
