"""How rows of every collection come about.

A sample says what a create is given; `fills` is for what only carriers, jobs and operators set.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import scg_contacts as contacts
import scg_messages as messages
import scg_senders as senders
from scg_world import Body, Sample, World


async def nothing(_: World, n: int) -> Body:
    return {}


LIVELY: Mapping[str, Callable[[World], Awaitable[str]]] = {
    "/messaging/messages/{}/attachments": messages.message_with_attachments,
    "/messaging/message_requests/{}/messages": messages.request_with_messages,
    "/contact_groups/{}/contacts": contacts.group_of_two,
}
"""Collections below something that is made for them."""

SAMPLES: Mapping[str, Sample] = {
    "/messaging/sender_id_classes": Sample(
        nothing, make=senders.shelf("/messaging/sender_id_classes")
    ),
    "/messaging/sender_id_types": Sample(nothing, make=senders.shelf("/messaging/sender_id_types")),
    "/messaging/message_templates": Sample(senders.a_template),
    "/messaging/sender_ids": Sample(
        senders.a_sender, fills=senders.FILLS, masked=frozenset({"credentials"})
    ),
    "/messaging/sender_ids/purchase": Sample(nothing),
    "/messaging/channels": Sample(senders.a_channel),
    "/messaging/channels/{}/sender_ids": Sample(senders.a_member, make=senders.members),
    "/messaging/messages": Sample(
        messages.a_state, fills=messages.MESSAGE_FILLS, make=messages.messages
    ),
    "/messaging/messages/{}/attachments": Sample(nothing, make=messages.same_attachments),
    "/messaging/message_requests": Sample(messages.a_request, fills=messages.REQUEST_FILLS),
    "/messaging/message_requests/{}/messages": Sample(
        nothing, fills=messages.MESSAGE_FILLS, make=messages.messages_of_request
    ),
    "/messaging/attachments": Sample(messages.an_attachment, make=messages.attachments),
    "/messaging/attachments/{}/access_tokens": Sample(nothing),
    "/access_tokens": Sample(messages.a_token, hidden=frozenset({"resource", "resource_id"})),
    "/contacts": Sample(contacts.a_contact, make=contacts.contacts),
    "/contacts/{}/access_tokens": Sample(
        contacts.a_lifetime, hidden=frozenset({"duration"}), make=contacts.access_tokens
    ),
    "/contacts/{}/application_tokens": Sample(contacts.an_application_token),
    "/contacts/fast_access": Sample(contacts.a_rule),
    "/contact_groups": Sample(contacts.a_group, fills=contacts.GROUP_FILLS),
    "/contact_groups/{}/contacts": Sample(contacts.an_addition, make=contacts.group_members),
    "/contactimport": Sample(contacts.import_job, fills=contacts.JOB_FILLS),
    "/contactexport": Sample(contacts.export_job, fills=contacts.JOB_FILLS),
    "/consent/contact_address_statuses": Sample(contacts.a_status),
    "/consent/contact_address_history": Sample(
        nothing, fills=contacts.HISTORY_FILLS, make=contacts.history
    ),
    "/messaging/keywords": Sample(contacts.a_keyword, make=contacts.keywords),
}
