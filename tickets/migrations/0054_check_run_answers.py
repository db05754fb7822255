"""The answer of a run comes from the worker that took it, and has its event."""

from django.db import migrations

from omoi_site.database import triggers


class Migration(migrations.Migration):
    dependencies = [("tickets", "0053_lane_look")]

    operations = [
        triggers.install(
            __file__,
            "check_run_answers",
            pinned=["omoi_check_run_is_answered_once()", "omoi_answer_is_recorded()"],
        ),
    ]
