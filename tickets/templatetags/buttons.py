"""The buttons of actions. A page has some hundred of them, so they are put together here and not in a
template of their own.
"""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from omoi_site.templatetags.omoi import icon, words

register = template.Library()

LINK = '<a class="{}" href="{}" data-action id="{}"{}>{}{}</a>'
DENIED = '<button class="{}" id="{}" type="button" aria-disabled="true" title="{}"{}>{}{}</button>'
FORM = """<form method="post" action="{}" data-action>
<input type="hidden" name="csrfmiddlewaretoken" value="{}">
<input type="hidden" name="version" value="{}">{}
<button class="{}" type="submit" id="{}">{}{}</button></form>"""
HIDDEN = '<input type="hidden" name="{}" value="{}">'


@register.simple_tag(takes_context=True)
def action_button(
    context: dict[str, Any], action: Any, look: str, place: str, to: str = "", back: str = ""
) -> SafeString:
    """The button of an action.

    look: CSS classes beside btn (item: an entry of a menu). place: makes its id unique. back: the page to
    which it leads back, if that is not the ticket's.
    """
    ticket, subject = context["ticket"], action.subject
    label = f"{action.label} to {words(to)}" if to else action.label
    classes = "item" if look == "item" else f"btn {look}".strip()
    name = f"{place}-{action.name}{'' if subject is ticket else f'-{subject.pk}'}"
    bare = "icon-only" in look
    mark = icon(action.icon, "sm")
    if denied := action.denied:
        aria_label = format_html(' aria-label="{}: {}"', label, denied) if bare else ""
        text = "" if bare else _denied_text(label, denied, look)
        return format_html(DENIED, classes, name, denied, aria_label, mark, text)
    if action.direct:
        state = action.state
        return format_html(
            FORM,
            action.address,
            context.get("csrf_token"),
            ticket.version,
            format_html(HIDDEN, "state", state) if state else "",
            classes,
            name,
            mark,
            label,
        )
    aria_label = format_html(' aria-label="{} {}" title="{}"', label, subject.key, label) if bare else ""
    address = f"{action.address}?moves={ticket.moves}{f'&back={back}' if back else ''}"
    return format_html(LINK, classes, address, name, aria_label, mark, "" if bare else label)


@register.simple_tag(takes_context=True)
def agent_button(context: dict[str, Any], action: Any, look: str, back: str = "") -> SafeString:
    """The button of an action on an agent. back: `list`, if it stands there, where each agent has its own."""
    agent = action.subject
    classes = "item" if look == "item" else f"btn {look}".strip()
    name = f"{action.name}-{agent.pk}" if back else f"act-{action.name}"
    mark = icon(action.icon, "sm")
    if denied := action.denied:
        return format_html(DENIED, classes, name, denied, "", mark, _denied_text(action.label, denied, look))
    text = format_html('<span>{}<span class="sr-only"> {}</span></span>', action.label, agent.name)
    if action.direct:
        return format_html(
            FORM,
            action.address,
            context.get("csrf_token"),
            agent.version,
            format_html(HIDDEN, "back", back) if back else "",
            classes,
            name,
            mark,
            text,
        )
    address = f"{action.address}?back={back}" if back else action.address
    return format_html(LINK, classes, address, name, "", mark, text)


def _denied_text(label: str, denied: str, look: str) -> SafeString:
    if look == "item":
        return format_html("<span>{}<small>{}</small></span>", label, denied)
    return format_html('<span>{}<span class="sr-only">: {}</span></span>', label, denied)
