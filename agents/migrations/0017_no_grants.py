"""The latest grant of an agent is a row of its own in `tickets`, so that a claim does not write the agent."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("agents", "0016_journal_followers")]
    operations = [migrations.RemoveField(model_name="agent", name="grants")]
