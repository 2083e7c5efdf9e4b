-- handset_after: What addresses have received and sent after a message, the oldest first.
select m.id, m.direction, m.state, m.sender_address, m.peer_address, m.sent_at, m.fragments,
    m.medium, m.subject, coalesce(m.body, r.body) as text,
    case when m.medium <> 'SMS' then coalesce(m.media, r.media) end as media,
    case when m.medium = 'MMS' and r.options ->> 'group_mms' = 'true' then r.id end as group_of
from message m
left join message_request r on r.company_id = m.company_id and r.id = m.request_id
where m.company_id = $1 and m.peer_address = any($2::text[]) and m.id > $3
    and (m.direction = 'MO' or (
        m.state in ('SENT', 'DELIVERED', 'READ', 'CONVERTED')
        and exists (
            select from fragment f
            where f.company_id = m.company_id and f.message_id = m.id and f.connector = any($4)
        )
    ))
order by m.id limit $5;

-- handset_latest: The last that addresses have received and sent, the newest first.
select m.id, m.direction, m.state, m.sender_address, m.peer_address, m.sent_at, m.fragments,
    m.medium, m.subject, coalesce(m.body, r.body) as text,
    case when m.medium <> 'SMS' then coalesce(m.media, r.media) end as media,
    case when m.medium = 'MMS' and r.options ->> 'group_mms' = 'true' then r.id end as group_of
from message m
left join message_request r on r.company_id = m.company_id and r.id = m.request_id
where m.company_id = $1 and m.peer_address = any($2::text[])
    and (m.direction = 'MO' or (
        m.state in ('SENT', 'DELIVERED', 'READ', 'CONVERTED')
        and exists (
            select from fragment f
            where f.company_id = m.company_id and f.message_id = m.id and f.connector = any($3)
        )
    ))
order by m.id desc limit $4;

-- arrivals: Messages of a company that arrived anywhere after a mark, in order of arrival.
select m.id, m.direction, m.state, m.sender_address, m.peer_address, m.sent_at, m.fragments,
    m.medium, m.subject, coalesce(m.body, r.body) as text,
    case when m.medium <> 'SMS' then coalesce(m.media, r.media) end as media,
    case when m.medium = 'MMS' and r.options ->> 'group_mms' = 'true' then r.id end as group_of
from message m
left join message_request r on r.company_id = m.company_id and r.id = m.request_id
where m.company_id = $1 and m.id >= $2 and m.direction = 'MT'
    and m.sent_at <= $5 and (m.sent_at, m.id) > ($3, $4)
    and m.state in ('SENT', 'DELIVERED', 'READ', 'CONVERTED')
    and exists (
        select from fragment f
        where f.company_id = m.company_id and f.message_id = m.id and f.connector = any($6)
    )
order by m.sent_at, m.id limit $7;

-- answer_of: The MO message that a handset sent to an address since a moment.
select id from message
where company_id = $1 and peer_address = $2 and id >= $3
    and direction = 'MO' and sender_address = $4
order by id desc limit 1;

-- owed_receipts: Ids under which a carrier has taken parts that still wait for their receipt.
select f.shown_id
from fragment f
join message m on m.company_id = f.company_id and m.id = f.message_id
where f.connector = $1 and f.message_id >= $2 and m.id >= $2
    and m.state = 'SENT' and coalesce(f.state, m.state) = 'SENT'
order by f.message_id limit $3;
