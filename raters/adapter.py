"""How django-allauth treats people here."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """People come by invitation: the sign-up page stays shut, for everyone, always."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
