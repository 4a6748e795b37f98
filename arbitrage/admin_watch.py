"""What the desk says of itself: book checks, heartbeats, latency, reports."""

from decimal import Decimal

from django.contrib import admin
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from unfold.decorators import display

from arbitrage.admin_evidence import EvidenceAdmin
from arbitrage.admin_pnl import tables
from arbitrage.charts import bar_chart
from arbitrage.display import age, duration, exact, krw, signed
from arbitrage.models import (
    Alert,
    BookCheck,
    Break,
    Counter,
    Heartbeat,
    Incident,
    Report,
    StageLatency,
)

SEVERITY_COLOURS = {"critical": "danger", "high": "warning", "medium": "info", "low": "success"}


class SeverityColumn:
    """How bad a row is, in its colour."""

    @display(description="severity", label=SEVERITY_COLOURS, ordering="severity")
    def severity_label(self, row: Alert | Break | Incident) -> tuple[str, str]:
        """Return the severity."""
        return row.severity, row.get_severity_display()


@admin.register(BookCheck)
class BookCheckAdmin(EvidenceAdmin):
    """Comparisons of our books with REST."""

    list_display = ("at", "exchange", "market", "outcome_label", "did_resync", "detail")
    list_filter = ("outcome", "exchange", "market", "did_resync")

    @display(description="outcome", label={"same": "success", "different": "danger"}, ordering="outcome")
    def outcome_label(self, row: BookCheck) -> tuple[str, str]:
        """Return the outcome."""
        return row.outcome, row.get_outcome_display()


@admin.register(Heartbeat)
class HeartbeatAdmin(EvidenceAdmin):
    """Last signs of life."""

    list_display = ("process", "pid", "beat_at", "beat_age", "detail")

    @admin.display(description="age")
    def beat_age(self, row: Heartbeat) -> str:
        """Return how long ago it was."""
        return age(row.beat_at)


@admin.register(StageLatency)
class StageLatencyAdmin(EvidenceAdmin):
    """Quantiles per stage of the hot path."""

    list_display = ("stage", "count", "p50", "p90", "p99", "at")

    @admin.display(description="p50", ordering="p50_ns")
    def p50(self, row: StageLatency) -> str:
        """Return the median."""
        return duration(row.p50_ns)

    @admin.display(description="p90", ordering="p90_ns")
    def p90(self, row: StageLatency) -> str:
        """Return the 90th percentile."""
        return duration(row.p90_ns)

    @admin.display(description="p99", ordering="p99_ns")
    def p99(self, row: StageLatency) -> str:
        """Return the 99th percentile."""
        return duration(row.p99_ns)


@admin.register(Counter)
class CounterAdmin(EvidenceAdmin):
    """Counters of every process."""

    list_display = ("process", "name", "value", "at")
    list_filter = ("process",)
    search_fields = ("name",)


@admin.register(Report)
class ReportAdmin(EvidenceAdmin):
    """Reports, drawn."""

    list_display = ("__str__", "day", "arbs", "pnl", "fees", "made_at")
    list_filter = ("kind", ("day", admin.DateFieldListFilter))
    fields = ("kind", "day", "made_at", "page")
    readonly_fields = ("page",)

    @admin.display(description="arbs closed")
    def arbs(self, row: Report) -> int:
        """Return how many arbs ended."""
        return int(row.figures.get("arbs_closed", 0))

    @admin.display(description="P&L KRW")
    def pnl(self, row: Report) -> SafeString:
        """Return what was earned."""
        return signed(Decimal(row.figures.get("pnl_krw", "0")))

    @admin.display(description="fees KRW")
    def fees(self, row: Report) -> str:
        """Return the fees charged."""
        return krw(Decimal(row.figures.get("fees_krw", "0")))

    @admin.display(description="figures")
    def page(self, row: Report) -> SafeString:
        """Return the report with its chart."""
        figures = row.figures
        bars = [
            (
                str(each.get("day", each.get("hour")))[-5:],
                Decimal(each["pnl_krw"]),
                f"{each['arbs']} arbs, {each['pnl_krw']} KRW",
            )
            for each in figures.get("by_day") or figures.get("by_hour", [])
        ]
        plain = {
            name.removesuffix("_krw").replace("_", " ") + (", KRW" if name.endswith("_krw") else ""): exact(
                Decimal(value)
            )
            if name.endswith("_krw")
            else value
            for name, value in figures.items()
            if not isinstance(value, dict | list)
        }
        context = {"figures": figures, "plain": plain, "chart": bar_chart(bars)}
        if "earnings" in figures:
            # Reports made before parts were kept have none.
            context |= tables(figures["earnings"])
        return render_to_string("arbitrage/report.html", context)
