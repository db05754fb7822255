"""What may block a ticket."""

from django.db import models


class BlockedClass(models.TextChoices):
    DEPENDENCY = "dependency"
    CLARIFICATION = "clarification"
    FAILING_CHECKS = "failing_checks"
    ENVIRONMENT = "environment"
