"""The beat table is seeded once; what an operator changed stays."""

import pytest
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from karb_project.celery import FIRST_TASKS, app
from workers.tasks.schedule import JOBS, seed_beat

pytestmark = [pytest.mark.django_db]


def test_a_new_desk_gets_every_job_once():
    assert seed_beat() == f"{len(JOBS)} scheduled jobs made"
    assert seed_beat() == ""
    rows = {row.name: row for row in PeriodicTask.objects.all()}
    assert set(rows) == {job.name for job in JOBS}
    assert rows["Check books against REST"].interval.every == 300
    daily = rows["Daily report"].crontab
    assert (daily.hour, daily.minute, str(daily.timezone)) == ("0", "5", "Asia/Seoul")


def test_an_operators_changes_stay():
    seed_beat()
    row = PeriodicTask.objects.get(name="Reconcile orders and balances")
    row.enabled = False
    row.interval = IntervalSchedule.objects.create(every=7, period=IntervalSchedule.HOURS)
    row.save()
    assert seed_beat() == ""
    row.refresh_from_db()
    assert (row.enabled, row.interval.every, row.interval.period) == (False, 7, "hours")


def test_schedules_that_are_there_are_shared():
    IntervalSchedule.objects.create(every=60, period=IntervalSchedule.SECONDS)
    IntervalSchedule.objects.create(every=60, period=IntervalSchedule.SECONDS)
    CrontabSchedule.objects.create(minute="5", hour="0", timezone="Asia/Seoul")
    seed_beat()
    assert IntervalSchedule.objects.filter(every=60).count() == 2
    assert CrontabSchedule.objects.filter(minute="5", hour="0").count() == 1


def test_every_scheduled_and_first_task_exists_and_has_a_queue():
    app.loader.import_default_modules()
    queues = {queue.name for queue in app.conf.task_queues}
    for name in {job.task for job in JOBS} | set(FIRST_TASKS):
        assert name in app.tasks
        assert app.amqp.router.route({}, name)["queue"].name in queues
    assert app.amqp.router.route({}, "workers.tasks.resync.check_books")["queue"].name == "resync"
    assert app.amqp.router.route({}, "workers.tasks.health.check_health")["queue"].name == "ops"
