"""A ticket keeps why it came back, and is not BLOCKED without saying what it waits for."""

from django.db import migrations, models

CLASSES = ["dependency", "clarification", "failing_checks", "environment"]


class Migration(migrations.Migration):
    dependencies = [("tickets", "0035_evidence_of_commits")]

    operations = [
        migrations.AddField(
            model_name="ticket",
            name="feedback",
            field=models.JSONField(
                db_default=models.Value([], models.JSONField()),
                default=list,
                editable=False,
                help_text="why it came back to an earlier phase, newest first; made by `feedback.attach`",
            ),
        ),
        migrations.AddConstraint(
            model_name="ticket",
            constraint=models.CheckConstraint(
                condition=~models.Q(phase="BLOCKED")
                | models.Q(blocked_class__in=CLASSES) & ~models.Q(blocked_reason=""),
                name="ticket_blocked_says_why",
            ),
        ),
    ]
