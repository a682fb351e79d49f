"""What every page needs to know of the person who looks at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.functional import SimpleLazyObject

from raters import queries
from raters.models import Preferences

if TYPE_CHECKING:
    from django.http import HttpRequest


def look(request: HttpRequest) -> dict[str, Any]:
    """`look`: text size, typeface and theme of who asks. Costs one row, and only on a page that draws itself whole.

    `csrf_cookie`: the name under which a script finds its token, which a page kept for hours would have lost.
    """

    def of_this_person() -> Preferences:
        user = getattr(request, "user", None)  # a request that was refused at the gate has none
        return queries.preferences_of(user) if user is not None and user.is_authenticated else Preferences()

    return {"look": SimpleLazyObject(of_this_person), "csrf_cookie": settings.CSRF_COOKIE_NAME}
