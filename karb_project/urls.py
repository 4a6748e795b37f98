"""Addresses: the operator's room, and a health page for the supervisor."""

from django.contrib import admin
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.generic import RedirectView

from arbitrage import admin_arming, admin_dashboard, admin_pnl


def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 `ok` when the database answers, else 503 with the kind of the error."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return HttpResponse(f"database: {type(error).__name__}\n", status=503, content_type="text/plain")
    return HttpResponse("ok\n", content_type="text/plain")


desk_patterns = [
    path("fragment", admin_dashboard.guarded(admin_dashboard.fragment), name="fragment"),
    path("pnl", admin_dashboard.guarded(admin_pnl.pnl_page), name="pnl"),
    path("stop", admin_dashboard.guarded(admin_dashboard.stop), name="stop"),
    path("reduce", admin_dashboard.guarded(admin_dashboard.reduce), name="reduce"),
    path("resume", admin_dashboard.guarded(admin_dashboard.resume), name="resume"),
    path("confirm", admin_dashboard.guarded(admin_dashboard.confirm_step), name="confirm"),
    path("arm", admin_dashboard.guarded(admin_arming.arm), name="arm"),
    path("disarm", admin_dashboard.guarded(admin_arming.disarm), name="disarm"),
    path("accept-risks", admin_dashboard.guarded(admin_arming.accept_risks), name="accept_risks"),
    path("level", admin_dashboard.guarded(admin_dashboard.set_level), name="level"),
    path("params/<int:param_set_id>/<slug:step>", admin_dashboard.guarded(admin_dashboard.param_step), name="params"),
    path("wire/<int:wire_set_id>/<slug:step>", admin_dashboard.guarded(admin_dashboard.wire_step), name="wire"),
    path(
        "adjustment/<int:adjustment_id>/<slug:step>",
        admin_dashboard.guarded(admin_dashboard.adjustment_step),
        name="adjustment",
    ),
    path("drift/<int:drift_id>", admin_dashboard.guarded(admin_dashboard.acknowledge_drift), name="drift"),
]

urlpatterns = [
    path("healthz", healthz),
    path("admin/desk/", include((desk_patterns, "desk"))),
    path("admin/", admin.site.urls),
    path("", RedirectView.as_view(url="/admin/", permanent=False)),
]
