"""Reads for jobs and commands, over `requests`. There is no order call in here, and no gateway behind it."""

from exchanges.account_reads import AccountReads
from exchanges.market_reads import MarketReads
from exchanges.order_reads import OrderReads


class SyncReader(MarketReads, AccountReads, OrderReads):
    """Public and private reads of one exchange. Raises ReadFailed, NotSent or AuthRefused."""
