"""Beat tasks, users and groups in the same clothes as the rest: their own admins come unstyled."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django_celery_beat.admin import (
    ClockedScheduleAdmin,
    CrontabScheduleAdmin,
    PeriodicTaskAdmin,
    PeriodicTaskForm,
    TaskSelectWidget,
)
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

for _model in (PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule, User, Group):
    admin.site.unregister(_model)


class TaskSelect(UnfoldAdminSelectWidget, TaskSelectWidget):
    """The list of registered tasks, styled."""


class BeatTaskForm(PeriodicTaskForm):
    """A beat task."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskSelect()


@admin.register(PeriodicTask)
class BeatTaskAdmin(PeriodicTaskAdmin, ModelAdmin):
    """Beat tasks: an operator's changes stand, seeding never touches them."""

    form = BeatTaskForm
    list_display = ("name", "task", "enabled", "scheduler", "queue", "last_run_at", "total_run_count")
    date_hierarchy = None


@admin.register(IntervalSchedule)
class IntervalAdmin(ModelAdmin):
    """Every so often."""


@admin.register(CrontabSchedule)
class CrontabAdmin(CrontabScheduleAdmin, ModelAdmin):
    """At these times."""


@admin.register(SolarSchedule)
class SolarAdmin(ModelAdmin):
    """By the sun."""


@admin.register(ClockedSchedule)
class ClockedAdmin(ClockedScheduleAdmin, ModelAdmin):
    """Once, then."""


@admin.register(User)
class PersonAdmin(UserAdmin, ModelAdmin):
    """Who may log in."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class PersonGroupAdmin(GroupAdmin, ModelAdmin):
    """Rights together."""
