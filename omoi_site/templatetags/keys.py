"""The keys of the pages. The help lists them, the palette shows them, and `page.js` obeys them; each reads
them from here.
"""

from __future__ import annotations

from dataclasses import dataclass

from django import template

from omoi_site.templatetags.navigation import address_of

register = template.Library()


@dataclass(frozen=True)
class Key:
    """keys: what is pressed, one after the other. url_name: where it goes. click: a selector of what it
    presses, where the page has it. act: what it does otherwise, for scripts. native: the browser does it.
    """

    keys: str
    label: str
    url_name: str = ""
    click: str = ""
    act: str = ""
    native: bool = False

    @property
    def pressed(self) -> list[str]:
        return self.keys.split(" ")

    @property
    def address(self) -> str:
        return address_of(self.url_name) if self.url_name else ""


# In this order. One whose page does not exist is left out.
KEYS = (
    Key("Ctrl K", "Search, or run a command", act="palette"),
    Key("/", "Filter the page", act="filter"),
    Key("j", "Next card or item", act="next"),
    Key("k", "Previous card or item", act="previous"),
    Key("h", "Column to the left", act="left"),
    Key("l", "Column to the right", act="right"),
    Key("Enter", "Open", native=True),
    Key("x", "Select the task", act="select"),
    Key("[", "Previous ticket of the view", click="#previous-ticket"),
    Key("]", "Next ticket of the view", click="#next-ticket"),
    Key("a", "Move the ticket on, or act on the chosen item", click="[id^=main-]", act="act"),
    Key("r", "Retry what failed", click="#head-retry-failed"),
    Key("c", "New ticket", url_name="new_ticket", click="#new-ticket"),
    Key("g o", "Go to the overview", url_name="overview"),
    Key("g n", "Go to what needs attention", url_name="attention"),
    Key("g b", "Go to the board", url_name="board"),
    Key("g t", "Go to the tasks", url_name="tasks:list"),
    Key("g a", "Go to the agents", url_name="agents:list"),
    Key("g s", "Go to the schedules", url_name="schedules"),
    Key("g p", "Go to the projects", url_name="projects"),
    Key("g w", "Go to the workflows", url_name="workflows"),
    Key("?", "This list", act="help"),
    Key("Esc", "Close", native=True),
)


@register.simple_tag
def keys() -> list[Key]:
    return [key for key in KEYS if not key.url_name or key.address]
