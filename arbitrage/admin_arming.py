"""Arming in the operator's room: every lock with what keeps it closed, the disclosure, and the doors that change it."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST
from unfold.decorators import display

from arbitrage.admin_dashboard import acted
from arbitrage.admin_evidence import EvidenceAdmin
from arbitrage.domain.arming import Lock
from arbitrage.domain.risk_disclosure import RISKS, RISKS_VERSION
from arbitrage.models import ArmChange, DryRunRecord, PreflightRecord, RiskAcceptance
from arbitrage.services import arming

ARM_RIGHT = "arbitrage.change_control"
HOURS = (1, 2, 4, 8, 12, 24)
LOCK_WORDS = {
    Lock.ADDRESSES: "Mode and transport agree",
    Lock.MODE: "The desk is asked to trade live",
    Lock.SIGNATURE: "The parameter set is signed",
    Lock.DRY_RUN: "Its dry run passed and is young",
    Lock.KEY_RIGHTS: "The keys see assets and orders, and reach no withdrawals",
    Lock.PREFLIGHT: "A preflight of the last hour passed",
    Lock.RISKS: "The risk disclosure is accepted",
    Lock.ARMED: "A person armed the desk, and its time is not over",
    Lock.ARMED_FOR_THIS: "It was armed for this set, these keys and markets",
    Lock.LEVEL: "The trading state is ACTIVE",
    Lock.GATE_MODE: "The parameter set trades",
}


def arming_context(by: str) -> dict[str, Any]:
    """Return what the arming page shows: mode, locks, grounds, disclosure."""
    mode = arming.mode_word()
    accepted = arming.accepted_by(by)
    states = arming.lock_states(by)
    locks = [(words, states[lock].word, states[lock].detail) for lock, words in LOCK_WORDS.items() if lock in states]
    return {
        "mode": mode,
        "armed_line": arming.armed_line(),
        "locks": locks,
        "locks_open": sum(state == "open" for _, state, _ in locks),
        "locks_all": len(LOCK_WORDS),
        "risks": RISKS,
        "risks_version": RISKS_VERSION,
        "accepted": accepted,
        "hours": HOURS,
    }


@require_POST
def arm(request: HttpRequest) -> HttpResponse:
    """Arm the desk for some hours; every closed lock is told."""

    def act(reason: str, by: str) -> str:
        hours = int(request.POST.get("hours", "0"))
        try:
            arming.arm(hours * 3600, by, reason)
        except arming.ArmRefused as error:
            for line in str(error).splitlines():
                messages.error(request, f"Not armed — {line}")
            return ""
        return f"Armed for {hours} h: real orders may leave"

    return acted(request, act, ARM_RIGHT)


@require_POST
def disarm(request: HttpRequest) -> HttpResponse:
    """Disarm the desk: every person who may enter may."""

    def act(reason: str, by: str) -> str:
        missed = arming.disarm(by, reason)
        return f"Disarmed: nothing new opens, open arbs are evened out{f'; {missed}' if missed else ''}"

    return acted(request, act)


@require_POST
def accept_risks(request: HttpRequest) -> HttpResponse:
    """Keep that this person accepts the disclosure as it was shown."""

    def act(reason: str, by: str) -> str:
        version = request.POST.get("version", "")
        arming.accept_risks(by, version)
        return f"Risk disclosure {version} accepted"

    return acted(request, act, ARM_RIGHT)


@admin.register(ArmChange)
class ArmChangeAdmin(EvidenceAdmin):
    """Who armed and disarmed; above the list the locks, and the doors that open them."""

    list_display = ("at", "on_label", "mode", "until_at", "by", "reason", "preflight")
    list_filter = ("on", ("at", admin.DateFieldListFilter))
    list_select_related = ("preflight",)
    list_before_template = "arbitrage/arm_panel.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show the list with the locks above it."""
        context = arming_context(request.user.get_username())
        return super().changelist_view(request, {**(extra_context or {}), **context})

    @display(description="what", label={"armed": "danger", "disarmed": "success"}, ordering="on")
    def on_label(self, row: ArmChange) -> tuple[str, str]:
        """Return what was done."""
        return row.on, row.get_on_display()


class SignedAdmin(EvidenceAdmin):
    """Rows this desk vouches for."""

    @admin.display(description="signed", boolean=True)
    def is_signed(self, row: Any) -> bool:
        """Return whether the row stands as this desk signed it."""
        return arming.is_row_signed(row)


@admin.register(DryRunRecord)
class DryRunRecordAdmin(SignedAdmin):
    """Dry runs on record."""

    list_display = (
        "__str__",
        "has_passed",
        "is_signed",
        "params_mark",
        "to_at",
        "frames",
        "arbs_seen",
        "by",
    )
    list_filter = ("has_passed",)
    search_fields = ("params_sha256",)

    @admin.display(description="set's SHA-256", ordering="params_sha256")
    def params_mark(self, row: DryRunRecord) -> str:
        """Return the first digits."""
        return f"{row.params_sha256[:16]}…"


@admin.register(PreflightRecord)
class PreflightRecordAdmin(SignedAdmin):
    """Looks at both exchanges before real money is risked."""

    list_display = ("__str__", "has_passed", "is_signed", "found", "by", "at")
    list_filter = ("has_passed",)

    @admin.display(description="problems")
    def found(self, row: PreflightRecord) -> str:
        """Return the checks that had a problem."""
        return ", ".join(name for name, _, problem in row.checks if problem) or "none"


@admin.register(RiskAcceptance)
class RiskAcceptanceAdmin(SignedAdmin):
    """Who accepted the disclosure."""

    list_display = ("version", "by", "at", "is_signed")
