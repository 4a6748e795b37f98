"""All tables, gathered where Django looks for them; each theme has its own file."""

from arbitrage.models_arming import ArmChange, DryRunRecord, PreflightRecord, RiskAcceptance
from arbitrage.models_control import Control, ControlChange, Emergency, EmergencyStep
from arbitrage.models_desk import Counter, DailyCount, DeskView, Heartbeat, Report, StageLatency
from arbitrage.models_incidents import Alert, CheckItem, CheckList, Improvement, Incident, IncidentEvent, KeyRecord
from arbitrage.models_ledger import Account, Balance, LedgerEntry, RecorderPlace, TraderRun
from arbitrage.models_params import ParamChange, ParamEpoch, ParamSet
from arbitrage.models_reconciliation import Adjustment, BookCheck, Break, ReconciliationPlace, ReconciliationRun
from arbitrage.models_trading import Arb, ArbStep, Fill, Order
from arbitrage.models_wire import ShapeDrift, WireChange, WireEpoch, WireSet

__all__ = [
    "Account",
    "Adjustment",
    "Alert",
    "Arb",
    "ArbStep",
    "ArmChange",
    "Balance",
    "BookCheck",
    "Break",
    "CheckItem",
    "CheckList",
    "Control",
    "ControlChange",
    "Counter",
    "DailyCount",
    "DeskView",
    "DryRunRecord",
    "Emergency",
    "EmergencyStep",
    "Fill",
    "Heartbeat",
    "Improvement",
    "Incident",
    "IncidentEvent",
    "KeyRecord",
    "LedgerEntry",
    "Order",
    "ParamChange",
    "ParamEpoch",
    "ParamSet",
    "PreflightRecord",
    "ReconciliationPlace",
    "ReconciliationRun",
    "RecorderPlace",
    "Report",
    "RiskAcceptance",
    "ShapeDrift",
    "StageLatency",
    "TraderRun",
    "WireChange",
    "WireEpoch",
    "WireSet",
]
