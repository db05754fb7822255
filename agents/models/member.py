"""Member: a person's role in a project."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models

from agents.models import rights
from agents.models.actor import Actor
from agents.models.project import Project
from agents.models.scopes import Role
from omoi_site.database import sql
from omoi_site.errors import Invalid, VersionConflict


class MemberQuerySet(models.QuerySet["Member"]):
    @sql.atomic
    def set(self, project: Project, user: Any, role: str, *, by: Actor, seen: str | None = None) -> Member:
        """Give a person a role in the project, or another one. `by` needs `admin` in the project.

        seen: the role that they were shown with (empty: none); raises VersionConflict if it is another one.
        """
        rights.require(by, "admin", project)
        if role not in Member.Role.values:
            raise Invalid(f"one of {', '.join(Member.Role.values)}", field="role")
        before = self.filter(project=project, user=user).select_for_update().first()
        if before and before.role == role:
            return before
        _expect_seen(user, before, seen)
        member, _ = self.update_or_create(project=project, user=user, defaults={"role": role})
        project.record(
            "member.set",
            by=by,
            data={"user": user.get_username(), "before": before and before.role, "after": role},
        )
        return member

    @sql.atomic
    def remove(self, project: Project, user: Any, *, by: Actor, seen: str | None = None) -> bool:
        """Take the person's role away. Returns whether there was one. `by` needs `admin` in the project.

        seen: as in `set`.
        """
        rights.require(by, "admin", project)
        member = self.filter(project=project, user=user).select_for_update().first()
        if member is None:
            return False
        _expect_seen(user, member, seen)
        member.delete()
        project.record("member.removed", by=by, data={"user": user.get_username(), "before": member.role})
        return True


def _expect_seen(user: Any, member: Member | None, seen: str | None) -> None:
    role = member.role if member else ""
    if seen is not None and seen != role:
        name = user.get_username()
        now = f"the role of {name} is {role} now" if role else f"there is no member {name} any more"
        raise VersionConflict(
            f"{now}, which is not what your page showed",
            next_action="Nothing was done. Look at the members again.",
        )


class Member(models.Model):
    Role = Role  # as Django has it: `Member.Role`

    project = models.ForeignKey(Project, models.CASCADE, related_name="members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role)
    since = models.DateTimeField(auto_now_add=True)

    objects = MemberQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "user"], name="member_once"),
            models.CheckConstraint(
                condition=models.Q(role__in=["viewer", "operator", "approver", "admin"]), name="member_role"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.project}"
