"""The books of the message pipeline: counters against facts, and nothing left behind.

Used at the end of every test that moves messages, whatever happened in it.
"""

from __future__ import annotations

from clarion.storage.database import Database

WRONG_COUNTERS = """
with facts as (
    select r.id,
        count(distinct coalesce(m.contact_id::text, m.peer_address)) as recipient_count,
        count(m.id) filter (where m.state in ('CREATED', 'SCHEDULED', 'PAUSED')
            or m.fails_over and m.state not in ('DELIVERED', 'READ', 'CONVERTED'))
            as pending_count,
        count(m.sent_at) as sent_count,
        count(m.delivered_at) as delivered_count,
        count(m.read_at) as read_count,
        count(m.clicked_at) as click_thru_count,
        count(m.converted_at) as converted_count,
        count(m.id) filter (where m.state = 'CANCELED') as canceled_count,
        count(m.id) filter (where m.state in ('FAILED', 'EXPIRED')) as failed_count,
        count(m.language) as translated, count(m.failed_translation) as untranslated,
        trim_scale(coalesce(sum(m.price), 0)) as price
    from message_request r
    left join message m on m.company_id = r.company_id and m.request_id = r.id
    where r.company_id = $1 group by r.id
)
select r.id, r.state::text, to_jsonb(f) - 'id' as facts, jsonb_build_object(
    'recipient_count', r.recipient_count, 'pending_count', r.pending_count,
    'sent_count', r.sent_count, 'delivered_count', r.delivered_count,
    'read_count', r.read_count, 'click_thru_count', r.click_thru_count,
    'converted_count', r.converted_count,
    'canceled_count', r.canceled_count, 'failed_count', r.failed_count,
    'translated', coalesce(r.translations[1], 0), 'untranslated', coalesce(r.translations[2], 0),
    'price', trim_scale(coalesce(r.price, 0))) as counters
from message_request_now r join facts f on f.id = r.id
where r.company_id = $1
"""

WRONG_STATES = """
select r.id, r.state::text, r.pending_count from message_request_now r
left join expansion e on e.company_id = r.company_id and e.request_id = r.id
where r.company_id = $1 and not case r.state
    when 'PREPARING' then e.request_id is not null
    when 'TRANSMITTING' then r.pending_count > 0 and e.request_id is null
    when 'PAUSED' then r.pending_count > 0
    else r.pending_count = 0 and e.request_id is null end
"""

MISPLACED = """
with held as (
    select message_id, true as queued from outbound where company_id = $1
    union all
    select unnest(messages), false from claim where company_id = $1
), places as (
    select message_id, count(*) as places, count(*) filter (where queued) as queued
    from held group by message_id
)
select m.id, m.state::text, p.places, p.queued from message m
left join places p on p.message_id = m.id
where m.company_id = $1 and m.direction = 'MT' and case
    when m.state in ('CREATED', 'SCHEDULED') then p.places is distinct from 1
    when m.state = 'PAUSED' then p.places is not null
    else p.queued > 1 end
"""

LEFT_BEHIND = "select id, connector, messages from claim where company_id = $1"


async def recount(db: Database, *companies: int, in_hand: bool = False) -> None:
    """Every request's counters and state are what its messages say; every message that may still
    leave is in the queue or in a claim, once. `in_hand`: claims may be open."""
    for company_id in companies:
        requests = await db.fetch(WRONG_COUNTERS, company_id)
        wrong = [dict(row) for row in requests if row["facts"] != row["counters"]]
        assert wrong == []
        for query in (WRONG_STATES, MISPLACED):
            assert [dict(row) for row in await db.fetch(query, company_id)] == []
        if not in_hand:
            assert [dict(row) for row in await db.fetch(LEFT_BEHIND, company_id)] == []
