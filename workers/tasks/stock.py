"""Whether a side runs short (R3.3): alerts to top up or to move stock by hand, never an act. Safe to run twice."""

from celery import shared_task

from arbitrage.services import stock


@shared_task(name="workers.tasks.stock.check_stock", ignore_result=True)
def check_stock() -> list[str]:
    """Look at every asset on both exchanges once; return what runs short."""
    return stock.check()
