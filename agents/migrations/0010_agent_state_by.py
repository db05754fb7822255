"""Who put an agent into its state, for agents out of work as the journal has it."""

from django.db import migrations, models

FROM_THE_JOURNAL = """
UPDATE agents_agent a
SET state_by = coalesce((
  SELECT e.actor
  FROM agents_event e
  WHERE e.topic = 'agent:' || a.name
    AND e.kind IN (
      'agent.made_available',
      'agent.made_unavailable',
      'agent.drained',
      'agent.quarantined',
      'agent.retired'
    )
  ORDER BY e.xid DESC, e.id DESC
  LIMIT 1
), '')
WHERE a.state <> 'available'
"""


class Migration(migrations.Migration):
    dependencies = [("agents", "0009_key_parent")]
    operations = [
        migrations.AddField(
            model_name="agent",
            name="state_by",
            field=models.CharField(
                blank=True, default="", editable=False, help_text="who put it into its state", max_length=170
            ),
        ),
        migrations.RunSQL(FROM_THE_JOURNAL),
    ]
