"""A ticket follows only a workflow its project allows, and does not move while it is archived.

Projects that exist allow what their tickets use.
"""

from django.db import migrations

from omoi_site.database import triggers


class Migration(migrations.Migration):
    dependencies = [("tickets", "0012_granted_with"), ("agents", "0008_project_workflows")]
    operations = [triggers.install(__file__, "allowed_workflows", pinned=["omoi_workflow_is_allowed()"])]
