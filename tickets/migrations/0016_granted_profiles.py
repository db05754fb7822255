"""Projects that exist are granted the profiles their tasks use, and those the workflows of their tickets add
tasks with.
"""

from django.db import migrations

GRANT = """
UPDATE agents_project p
SET profiles = used.names
FROM (
  SELECT project_id, array_agg(DISTINCT name ORDER BY name) AS names
  FROM (
    SELECT project_id, profile AS name
    FROM tickets_task
    WHERE profile <> ''
    UNION
    SELECT k.project_id, found #>> '{}'
    FROM tickets_ticket k
    JOIN tickets_workflow w ON w.id = k.workflow_id
    CROSS JOIN LATERAL jsonb_path_query(w.document, 'strict $.**.profile') found
    WHERE jsonb_typeof(found) = 'string'
  ) each
  WHERE name <> ''
  GROUP BY project_id
) used
WHERE used.project_id = p.id
"""


class Migration(migrations.Migration):
    dependencies = [("tickets", "0015_limits"), ("agents", "0014_project_profiles")]
    operations = [migrations.RunSQL(GRANT)]
