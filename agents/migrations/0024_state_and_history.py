"""Why and since when an agent is in its state, and an index of what each agent has done."""

import django.core.validators
from django.db import migrations, models

# Those out of work, as the journal has it.
FROM_THE_JOURNAL = """
UPDATE agents_agent a
SET
  state_reason = left(e.reason, 2000),
  state_at = e.at
FROM (
  SELECT DISTINCT ON (e.topic)
    e.topic,
    e.reason,
    e.at
  FROM agents_event e
  WHERE e.topic = ANY (ARRAY(SELECT 'agent:' || name FROM agents_agent WHERE state <> 'available'))
    AND e.kind IN ('agent.made_unavailable', 'agent.drained', 'agent.quarantined', 'agent.retired')
  ORDER BY
    e.topic,
    e.xid DESC,
    e.id DESC
) e
WHERE e.topic = 'agent:' || a.name
  AND a.state <> 'available'
"""

# What an agent has done: the events that end its claims have `held_s`, and `holder` where the actor is
# another. They are few beside all events, so a claim pays nothing for it.
OF_HOLDER = """
CREATE INDEX event_of_holder
ON agents_event ((coalesce('agent:' || (data ->> 'holder'), actor)), xid, id)
WHERE data ? 'held_s'
"""


class Migration(migrations.Migration):
    dependencies = [("agents", "0023_shared_names")]
    operations = [
        migrations.AddField(
            model_name="agent",
            name="state_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="agent",
            name="state_reason",
            field=models.TextField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                max_length=2000,
                validators=[django.core.validators.MaxLengthValidator(2000)],
            ),
        ),
        migrations.RunSQL(FROM_THE_JOURNAL, migrations.RunSQL.noop),
        migrations.RunSQL(OF_HOLDER, "DROP INDEX event_of_holder"),
    ]
