"""What an exchange announces, maintenance and stopped wallets first of all (upbit.md §3.8)."""

from collections.abc import Callable
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

import msgspec

CATEGORIES = (
    "notice",
    "trade",
    "wallet",
    "maintenance",
    "digital_asset",
    "nft",
    "service",
    "event",
    "note",
    "trading",
    "airdrop",
    "feature",
    "disclosure",
)
"""upbit.md §3.8 names the first five; the rest are those the official SDK types."""
KEPT = 200


class NoticeEvent(StrEnum):
    """Whether an announcement is new."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"


class Announcement(msgspec.Struct, frozen=True):
    """One announcement as it reads now."""

    announcement_id: str
    event: NoticeEvent
    category: str
    title: str
    body: str
    number: int
    first_listed_ns: int
    listed_ns: int


class Board:
    """The announcements of one exchange, newest last. `on_notice` hears of each post and each change."""

    def __init__(self, owner: str) -> None:
        self.notices: list[Announcement] = []
        self.on_notice: Callable[[Announcement], None] = lambda notice: None
        self._owner = owner
        self._count = 0

    def post(self, category: str, title: str, body: str, now: int) -> Announcement:
        """Announce something. ValueError for a category that does not exist."""
        if category not in CATEGORIES:
            raise ValueError(f"category was {category!r}, must be one of {', '.join(CATEGORIES)}")
        self._count += 1
        mark = sha256(f"{self._owner}/announcement/{self._count}/{now}".encode()).digest()[:16]
        notice_id = str(UUID(bytes=mark, version=4))
        notice = Announcement(notice_id, NoticeEvent.CREATED, category, title, body, self._count, now, now)
        self.notices.append(notice)
        del self.notices[:-KEPT]
        self.on_notice(notice)
        return notice

    def revise(self, announcement_id: str, title: str, body: str, now: int) -> Announcement:
        """Change an announcement. KeyError when there is none of this id."""
        index = next((i for i, notice in enumerate(self.notices) if notice.announcement_id == announcement_id), None)
        if index is None:
            raise KeyError(announcement_id)
        changed = msgspec.structs.replace(
            self.notices[index], event=NoticeEvent.UPDATED, title=title, body=body, listed_ns=now
        )
        self.notices[index] = changed
        self.on_notice(changed)
        return changed
