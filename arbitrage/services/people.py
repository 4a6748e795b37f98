"""The first person who may log in."""

import secrets

import msgspec
from django.contrib.auth import get_user_model
from django.db import transaction


class FirstAdmin(msgspec.Struct, frozen=True):
    """Name and generated password, known only here and now."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"FirstAdmin(username={self.username!r})"


def seed_first_admin(username: str = "admin") -> FirstAdmin | None:
    """Return the first superuser, made now with a generated password, or None when there is one already."""
    people = get_user_model()
    with transaction.atomic():
        if people.objects.filter(is_superuser=True).exists():
            return None
        password = secrets.token_urlsafe(15)
        people.objects.create_superuser(username=username, password=password)
    return FirstAdmin(username, password)
