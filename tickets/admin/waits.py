"""Who everything waits on, as it is stored for lists."""

from __future__ import annotations

from django.contrib import admin

from omoi_site.admin_base import ReadOnlyModelAdmin, UnscopedModelAdmin, since
from omoi_site.admin_lists import RecentValuesFilter
from tickets.models import LaneWait, TaskWait, TicketWait, WaitSweep


class WaitAdmin(ReadOnlyModelAdmin, UnscopedModelAdmin):
    internal = True
    list_display = ["id", "who", "lane_id", "variant", since("at")]
    list_filter = [("at", admin.DateFieldListFilter), ("variant", RecentValuesFilter)]
    search_fields = ["=id", "who"]


admin.site.register([TaskWait, TicketWait, LaneWait], WaitAdmin)


@admin.register(WaitSweep)
class WaitSweepAdmin(ReadOnlyModelAdmin, UnscopedModelAdmin):
    large = False
    internal = True
    list_display = ["__str__", "filled", since("repaired_at")]
    list_filter = [("repaired_at", admin.DateFieldListFilter)]
    search_fields = ["=id"]
