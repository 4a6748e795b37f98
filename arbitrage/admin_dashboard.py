"""The dashboard's doors: the page's context, its refreshing part, and the buttons that change the desk."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from arbitrage.dashboard import desk_context, flow_context
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.errors import KArbError
from arbitrage.models_control import EmergencyState
from arbitrage.services import adjustments, arming, controls, drift, params, wire

RESUME_RIGHT = "arbitrage.change_control"
PARAMS_RIGHT = "arbitrage.change_paramset"
WIRE_RIGHT = "arbitrage.change_wireset"
ADJUSTMENT_RIGHT = "arbitrage.change_adjustment"
DRIFT_RIGHT = "arbitrage.change_shapedrift"


def environment_badge(request: HttpRequest) -> tuple[str, str]:
    """Return the word beside the title: whether this is real money."""
    said, line = arming.mode_word(), arming.armed_line()
    word = f"{said}: {line}" if line else said
    return word, "info" if said == "simulated" else "warning" if said == "OBSERVE" else "danger"


def title_prefix(request: HttpRequest) -> str:
    """Return the word before every page's title, so that a tab says it too."""
    return f"[{arming.mode_word()}]"


def dashboard_context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the desk to the index page."""
    return {**context, **desk_context(), **flow_context()}


@require_GET
def fragment(request: HttpRequest) -> HttpResponse:
    """Answer with the dashboard's refreshing part."""
    return render(request, "arbitrage/desk.html", desk_context())


@require_POST
def stop(request: HttpRequest) -> HttpResponse:
    """Stop the desk: every person who may enter may stop."""

    def act(reason: str, by: str) -> str:
        stopped = controls.emergency_stop(reason, by)
        told = f"incident {stopped.incident_id} is open" if stopped.is_recorded else stopped.detail
        return f"Halted: nothing new opens, open orders are cancelled; {told}"

    return acted(request, act)


@require_POST
def reduce(request: HttpRequest) -> HttpResponse:
    """Only finish and hedge what is open."""

    def act(reason: str, by: str) -> str:
        controls.request_level(TradingLevel.REDUCING, reason, by)
        return "Reducing: open arbs are finished, none is opened"

    return acted(request, act)


@require_POST
def resume(request: HttpRequest) -> HttpResponse:
    """Go one step back towards trading: the one the page showed, and no other."""

    def act(reason: str, by: str) -> str:
        to = TradingLevel(int(request.POST.get("to", "")))
        controls.resume(reason, by, acknowledged=request.POST.getlist("acknowledge"), to=to)
        if to is TradingLevel.ACTIVE:
            return "Active: trading again"
        return (
            "Reducing: open arbs are finished and hedged, none is opened. Step 1 of 2 is done: when they are even, "
            "resume once more, with a reason of its own, to open arbs again"
        )

    return acted(request, act, RESUME_RIGHT)


@require_POST
def confirm_step(request: HttpRequest) -> HttpResponse:
    """Confirm the next step of the emergency flow."""

    def act(reason: str, by: str) -> str:
        state = EmergencyState(request.POST.get("state", ""))
        controls.confirm_step(state, by, reason)
        return f"{state.label}: noted"

    return acted(request, act, RESUME_RIGHT)


@require_POST
def set_level(request: HttpRequest) -> HttpResponse:
    """Set the level of one exchange or one market."""

    def act(reason: str, by: str) -> str:
        level = TradingLevel(int(request.POST.get("level", "")))
        exchange, market = request.POST.get("exchange", ""), request.POST.get("market", "").strip()
        if bool(exchange) == bool(market):
            raise controls.ControlRefused("name either an exchange or a market")
        controls.request_level(level, reason, by, exchange=exchange, market=market)
        return f"{exchange or market}: {level.name}"

    return acted(request, act, RESUME_RIGHT)


@require_POST
def param_step(request: HttpRequest, param_set_id: int, step: str) -> HttpResponse:
    """Validate or activate a set, copy it to a new draft, or roll back to the one before."""

    def act(reason: str, by: str) -> str:
        match step:
            case "validate":
                found = params.validate(param_set_id, by)
                for finding in found:
                    messages.error(request, finding)
                return "" if found else "Valid: it can be activated"
            case "activate":
                return f"Active: epoch {params.activate(param_set_id, by, reason)} is in force"
            case "roll_back":
                return f"Rolled back: epoch {params.roll_back(by, reason)} is in force"
            case _:
                copy = params.copy_to_draft(param_set_id, by)
                return f"Draft {copy.pk} made of set {param_set_id}"

    return acted(request, act, PARAMS_RIGHT)


@require_POST
def wire_step(request: HttpRequest, wire_set_id: int, step: str) -> HttpResponse:
    """Validate or activate a wire set, copy it to a new draft, or roll back to the one before."""

    def act(reason: str, by: str) -> str:
        match step:
            case "validate":
                found = wire.validate(wire_set_id, by)
                for finding in found:
                    messages.error(request, finding)
                return "" if found else "Valid: it can be activated"
            case "activate":
                return f"Active: wire epoch {wire.activate(wire_set_id, by, reason)} is in force"
            case "roll_back":
                return f"Rolled back: wire epoch {wire.roll_back(by, reason)} is in force"
            case _:
                return f"Draft {wire.copy_to_draft(wire_set_id, by).pk} made of set {wire_set_id}"

    return acted(request, act, WIRE_RIGHT)


@require_POST
def acknowledge_drift(request: HttpRequest, drift_id: int) -> HttpResponse:
    """Note that a person has seen one kind of shape drift."""

    def act(reason: str, by: str) -> str:
        return "Noted" if drift.acknowledge(drift_id, by) else "It was acknowledged before"

    return acted(request, act, DRIFT_RIGHT)


@require_POST
def adjustment_step(request: HttpRequest, adjustment_id: int, step: str) -> HttpResponse:
    """Book what reconciliation proposed, or leave it unbooked."""

    def act(reason: str, by: str) -> str:
        if step == "confirm":
            row = adjustments.confirm(adjustment_id, by, reason)
            return f"Booked: {row.exchange} {row.kind}"
        adjustments.dismiss(adjustment_id, by, reason)
        return "Dismissed: the break stays open"

    return acted(request, act, ADJUSTMENT_RIGHT)


def acted(request: HttpRequest, act: Callable[[str, str], str], right: str = "") -> HttpResponse:
    """Let a person who has the right act, with their reason and name; tell what came of it, and go where they were."""
    if right and not request.user.has_perm(right):
        raise PermissionDenied
    reason = request.POST.get("reason", "").strip()
    try:
        told = act(reason, request.user.get_username())
        if told:
            messages.success(request, told)
    except (KArbError, OSError, ValueError) as error:
        messages.error(request, str(error))
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(target, allowed_hosts=None):
        target = reverse("admin:index")
    return HttpResponseRedirect(target)


def guarded(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Return the view behind the admin's own login."""
    wrapped: Callable[..., HttpResponse] = admin.site.admin_view(view)
    return wrapped
