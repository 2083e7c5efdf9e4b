-- claim_external_ids: Reserves each external id for its request; answers those that were free.
insert into external_id (company_id, application_id, external_id, request_id, fingerprint)
select * from unnest($1::integer[], $2::integer[], $3::text[], $4::uuid[], $5::bytea[])
on conflict do nothing
returning request_id;

-- read_external_id: The request that an external id belongs to, and what its body was.
select request_id, fingerprint from external_id
where company_id = $1 and application_id = $2 and external_id = $3;

-- accept_alone: Requests of one message each that leaves now, as most are. What they have in common comes once, as their kind: $1 to $12. A kind with a claim goes past the queue into that claim of node $31.
with r as (
    select * from unnest(
        $14::integer[], $15::uuid[], $16::uuid[], $17::text[], $18::text[], $19::text[], $20::text[],
        $21::text[], $22::text[], $23::text[], $24::text[], $25::text[], $26::uuid[],
        $27::timestamptz[], $28::text[], $29::timestamptz[], $30::jsonb[]
    ) as own (
        kind, id, message_id, peer_address, country, recipients, body, subject, external_id,
        conversation_id, campaign_id, program_id, reply_to, scheduled_at, scheduled_zone,
        expires_at, options
    ) join unnest(
        $1::integer[], $2::integer[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[],
        $8::smallint[], $9::smallint[], $10::smallint[], $11::integer[], $12::uuid[]
    ) as k (
        company_id, application_id, sender_id, consent_requirement, content_type, connector,
        sender_address, encoding, fragments, priority, number, claim_id
    ) on k.number = own.kind
), request as (
    insert into message_request (
        company_id, id, application_id, state, solo_message_id, sender_id, recipients, subject,
        external_id, conversation_id, campaign_id, program_id, reply_to, consent_requirement,
        content_type, scheduled_at, scheduled_zone, expires_at, options, recipient_count,
        pending_count, updated_at
    )
    select company_id, id, application_id, 'TRANSMITTING', message_id, sender_id,
        string_to_array(recipients, ';'), subject, external_id, conversation_id, campaign_id,
        program_id, reply_to, consent_requirement, content_type, scheduled_at, scheduled_zone,
        expires_at, options, 1, 1, $13::timestamptz
    from r
), made as (
    insert into message (
        company_id, id, request_id, application_id, direction, solo, state, sender_id,
        sender_address, peer_address, country, body, subject, external_request_id, conversation_id,
        campaign_id, reply_to, encoding, fragments, scheduled_at, expires_at, updated_at
    )
    select company_id, message_id, id, application_id, 'MT', true, 'CREATED', sender_id,
        sender_address, peer_address, country, body, subject, external_id, conversation_id,
        campaign_id, reply_to, encoding, fragments, scheduled_at, expires_at, $13
    from r
), claimed as (
    insert into claim (company_id, id, connector, priority, node_id, messages, attempts)
    select company_id, claim_id, connector, priority, $31::uuid, array_agg(message_id),
        array_agg(0::smallint)
    from r where claim_id is not null
    group by company_id, claim_id, connector, priority
)
insert into outbound (company_id, connector, sender_id, priority, due_at, message_id, expires_at)
select company_id, connector, sender_id, priority, coalesce(scheduled_at, $13), message_id,
    expires_at
from r where claim_id is null;

-- accept_requests: Requests with the messages that are ready at once, and their places in the queue. What many requests have in common comes once, as their kind: $1 to $19. A kind with a claim goes past the queue into that claim of node $44.
with r as (
    select * from unnest(
        $20::integer[], $21::uuid[], $22::uuid[], $23::text[], $24::text[], $25::text[],
        $26::text[], $27::text[], $28::text[], $29::text[], $30::uuid[], $31::timestamptz[],
        $32::timestamptz[], $33::text[], $34::timestamptz[], $35::jsonb[]
    ) as own (
        kind, id, solo_message_id, recipients, body, subject, external_id, conversation_id,
        campaign_id, program_id, reply_to, pause_expires_at, scheduled_at, scheduled_zone,
        expires_at, options
    ) join unnest(
        $1::integer[], $2::integer[], $3::text[], $4::uuid[], $5::text[], $6::text[],
        $7::boolean[], $8::boolean[], $9::integer[], $10::integer[], $11::integer[],
        $12::integer[], $13::text[], $14::text[], $15::smallint[], $16::smallint[],
        $17::smallint[], $18::integer[], $19::uuid[]
    ) as k (
        company_id, application_id, state, sender_id, consent_requirement, content_type, test,
        pause_before_transmit, recipient_count, duplicate_count, pending_count, failed_count,
        connector, sender_address, encoding, fragments, priority, number,
        claim_id
    ) on k.number = own.kind
), request as (
    insert into message_request (
        company_id, id, application_id, state, solo_message_id, sender_id, recipients, body,
        subject, external_id, conversation_id, campaign_id, program_id, reply_to,
        consent_requirement, content_type, test, pause_before_transmit, pause_expires_at,
        scheduled_at, scheduled_zone, expires_at, options, recipient_count, duplicate_count,
        pending_count, failed_count, updated_at
    )
    select company_id, id, application_id, state::request_state, solo_message_id, sender_id,
        string_to_array(recipients, ';'), case when solo_message_id is null then body end, subject,
        external_id, conversation_id, campaign_id, program_id, reply_to, consent_requirement,
        content_type, test, pause_before_transmit, pause_expires_at, scheduled_at, scheduled_zone,
        expires_at, options, recipient_count, duplicate_count, pending_count, failed_count, $36
    from r
), many as (
    insert into expansion (company_id, request_id)
    select company_id, id from r where state = 'PREPARING'
), m as (
    select * from unnest(
        $37::uuid[], $38::uuid[], $39::text[], $40::text[], $41::text[], $42::text[], $43::text[]
    ) as m (id, request_id, state, peer_address, country, failure_code, failure_details)
), made as (
    insert into message (
        company_id, id, request_id, application_id, direction, solo, state, sender_id,
        sender_address, peer_address, country, body, subject, external_request_id, conversation_id,
        campaign_id, reply_to, encoding, fragments, scheduled_at, expires_at, failure_code,
        failure_details, updated_at
    )
    select r.company_id, m.id, r.id, r.application_id, 'MT', r.solo_message_id is not null,
        m.state::message_state, r.sender_id, r.sender_address, m.peer_address, m.country,
        case when r.solo_message_id is not null then r.body end, r.subject, r.external_id,
        r.conversation_id, r.campaign_id, r.reply_to, r.encoding, r.fragments, r.scheduled_at, r.expires_at, m.failure_code, m.failure_details, $36
    from m join r on r.id = m.request_id
), claimed as (
    insert into claim (company_id, id, connector, priority, node_id, messages, attempts)
    select r.company_id, r.claim_id, r.connector, r.priority, $44, array_agg(m.id),
        array_agg(0::smallint)
    from m join r on r.id = m.request_id
    where r.claim_id is not null and m.state = 'CREATED'
    group by r.company_id, r.claim_id, r.connector, r.priority
)
insert into outbound (company_id, connector, sender_id, priority, due_at, message_id, expires_at)
select r.company_id, r.connector, r.sender_id, r.priority, coalesce(r.scheduled_at, $36), m.id,
    r.expires_at
from m join r on r.id = m.request_id
where m.state = 'SCHEDULED' or (m.state = 'CREATED' and r.claim_id is null);

-- announce_births: What was accepted in another state than most: messages that are not CREATED, requests that are done or paused.
with told as (
    insert into announcement (
        company_id, id, topic, type, at, subjects, befores, afters, codes, details
    )
    select m.company_id, $2, 'SCG-Message', 'message_state_change', $1, array_agg(m.id),
        array_agg('CREATED'::text), array_agg(m.state), array_agg(m.code), array_agg(m.details)
    from unnest($4::integer[], $5::uuid[], $6::text[], $7::text[], $8::text[])
        as m (company_id, id, state, code, details)
    group by m.company_id
    having exists (
        select from subscribed where company_id = m.company_id and type = 'message_state_change'
    )
)
insert into announcement (
    company_id, id, topic, type, at, subjects, befores, afters, codes, details
)
select r.company_id, $3, 'SCG-Message', 'message_request_state_change', $1, array_agg(r.id),
    array_agg('SUBMITTED'::text), array_agg(r.state), array_agg(r.code), array_agg(r.details)
from unnest($9::integer[], $10::uuid[], $11::text[], $12::text[], $13::text[])
    as r (company_id, id, state, code, details)
group by r.company_id
having exists (
    select from subscribed
    where company_id = r.company_id and type = 'message_request_state_change'
);

-- accept_planned: Requests whose messages are made after the answer, step by step.
with r as (
    select * from unnest(
        $1::integer[], $2::uuid[], $3::integer[], $4::uuid[], $5::uuid[], $6::text[], $7::text[],
        $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::uuid[], $14::text[],
        $15::text[], $16::boolean[], $17::boolean[], $18::timestamptz[], $19::timestamptz[],
        $20::text[], $21::timestamptz[], $22::jsonb[], $23::text[], $24::integer[]
    ) as r (
        company_id, id, application_id, sender_id, channel_id, recipients, body, subject,
        external_id, conversation_id, campaign_id, program_id, reply_to, consent_requirement,
        content_type, test, pause_before_transmit, pause_expires_at, scheduled_at, scheduled_zone,
        expires_at, options, media, size
    )
), many as (
    insert into expansion (company_id, request_id, size) select company_id, id, size from r
)
insert into message_request (
    company_id, id, application_id, state, sender_id, channel_id, recipients, body, subject,
    external_id, conversation_id, campaign_id, program_id, reply_to, consent_requirement,
    content_type, test, pause_before_transmit, pause_expires_at, scheduled_at, scheduled_zone,
    expires_at, options, media, updated_at
)
select company_id, id, application_id, 'PREPARING', sender_id, channel_id,
    string_to_array(recipients, ';'), body, subject, external_id, conversation_id, campaign_id,
    program_id, reply_to, consent_requirement, content_type, test, pause_before_transmit,
    pause_expires_at, scheduled_at, scheduled_zone, expires_at, options, media::jsonb, $25
from r;

-- stored_requests: Which of these requests are stored: asked after a commit whose outcome is unknown.
select r.id from message_request r
join unnest($1::integer[], $2::uuid[]) as i (company_id, id)
    on r.company_id = i.company_id and r.id = i.id;

-- take_expansions: Gives this node requests to expand that nobody works on: free ones, a dead node's, and its own that it does not know of, since the answer was lost. Companies take turns.
with recursive company as (
    (select company_id from expansion order by company_id limit 1)
    union all
    select (
        select e.company_id from expansion e where e.company_id > c.company_id
        order by e.company_id limit 1
    ) from company c where c.company_id is not null
), free as (
    select e.company_id, e.request_id
    from company c
    cross join lateral (
        select company_id, request_id from expansion
        where company_id = c.company_id and not request_id = any($4::uuid[])
            and coalesce(size <= $5::integer, false) = $6::boolean
            and (
                node_id is null or node_id = $1
                or node_id not in (select id from node where expires_at > $2)
            )
        order by request_id limit $3 for update skip locked
    ) e
), next as (
    select company_id, request_id from (
        select *, row_number() over (partition by company_id order by request_id) as turn from free
    ) f order by turn, request_id limit $3
)
update expansion e set node_id = $1
from next
where e.company_id = next.company_id and e.request_id = next.request_id
returning e.company_id, e.request_id, e.size, e.next, e.after, e.sequence;

-- read_expansions: What expanding requests needs to know of them.
select company_id, id, application_id, sender_id, channel_id, recipients, body, test,
    pause_before_transmit, scheduled_at, scheduled_zone, expires_at, consent_requirement, options,
    media
from message_request
where company_id = $1 and id = any($2::uuid[]) and id between $3 and $4;

-- addresses_had: The addresses that a request has had so far.
select peer_address from message
where company_id = $1 and id > $2 and id <= $3;

-- add_messages: Messages of one request, of a kind (one state), and their places in the queue.
with m as (
    select * from unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
        as m (id, state, peer_address, country, failure_code, failure_details)
), made as (
    insert into message (
        company_id, id, request_id, application_id, direction, state, sender_id, sender_address,
        peer_address, country, subject, external_request_id, conversation_id, campaign_id,
        reply_to, encoding, fragments, scheduled_at, expires_at, failure_code, failure_details,
        updated_at
    )
    select $1, m.id, r.id, r.application_id, 'MT', m.state::message_state, r.sender_id, $9,
        m.peer_address, m.country, r.subject, r.external_id, r.conversation_id, r.campaign_id,
        r.reply_to, $10, $11, r.scheduled_at, r.expires_at, m.failure_code, m.failure_details, $14
    from m join message_request r on r.company_id = $1 and r.id = $2
), announced as (
    insert into announcement (
        company_id, id, topic, type, at, subjects, befores, afters, codes, details
    )
    select $1, $15, 'SCG-Message', 'message_state_change', $14, array_agg(id),
        array_agg('CREATED'::text), array_agg(state), array_agg(coalesce(failure_code, '')),
        array_agg(coalesce(failure_details, ''))
    from m
    where state <> 'CREATED' and exists (
        select from subscribed where company_id = $1 and type = 'message_state_change'
    )
    having count(*) > 0
)
insert into outbound (company_id, connector, sender_id, priority, due_at, message_id, expires_at)
select $1, $12, r.sender_id, $13, coalesce(r.scheduled_at, $14), m.id, r.expires_at
from m join message_request r on r.company_id = $1 and r.id = $2
where m.state in ('CREATED', 'SCHEDULED');

-- add_personal: Messages of some requests, each with all that is its own, and their places in the queue.
with m as (
    select * from unnest(
        $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::text[], $8::text[],
        $9::text[], $10::uuid[], $11::text[], $12::smallint[], $13::smallint[], $14::timestamptz[],
        $15::text[], $16::text[], $17::numeric[], $18::text[], $19::text[], $20::text[],
        $21::smallint[], $22::boolean[], $23::text[]
    ) as m (
        id, request_id, state, medium, sender_id, sender_address, peer_address, country,
        contact_id, body, encoding, fragments, scheduled_at, language, failed_translation, price,
        failure_code, failure_details, connector, priority, fails_over, delivery_hours
    )
), r as materialized (
    select id, application_id, subject, external_id, conversation_id, campaign_id, reply_to,
        expires_at
    from message_request
    where company_id = $1 and id = any($24::uuid[]) and id between $25 and $26
), made as (
    insert into message (
        company_id, id, request_id, application_id, direction, state, medium, sender_id,
        sender_address, peer_address, country, contact_id, body, subject, external_request_id,
        conversation_id, campaign_id, reply_to, encoding, fragments, scheduled_at, expires_at,
        language, failed_translation, price, failure_code, failure_details, fails_over,
        delivery_hours, updated_at
    )
    select $1, m.id, r.id, r.application_id, 'MT', m.state::message_state,
        m.medium::message_medium, m.sender_id, m.sender_address, m.peer_address, m.country,
        m.contact_id, m.body, r.subject, r.external_id, r.conversation_id, r.campaign_id,
        r.reply_to, m.encoding, m.fragments, m.scheduled_at, r.expires_at, m.language,
        m.failed_translation, m.price, m.failure_code, m.failure_details, m.fails_over,
        m.delivery_hours, $27
    from m join r on r.id = m.request_id
), announced as (
    insert into announcement (
        company_id, id, topic, type, at, subjects, befores, afters, codes, details
    )
    select $1, $28, 'SCG-Message', 'message_state_change', $27, array_agg(id),
        array_agg('CREATED'::text), array_agg(state), array_agg(coalesce(failure_code, '')),
        array_agg(coalesce(failure_details, ''))
    from m
    where state <> 'CREATED' and exists (
        select from subscribed where company_id = $1 and type = 'message_state_change'
    )
    having count(*) > 0
)
insert into outbound (company_id, connector, sender_id, priority, due_at, message_id, expires_at)
select $1, m.connector, m.sender_id, m.priority, coalesce(m.scheduled_at, $27), m.id, r.expires_at
from m join r on r.id = m.request_id
where m.state in ('CREATED', 'SCHEDULED');

-- lock_expansions: How far requests have come, of those that this node still works on.
select request_id, next, after from expansion
where company_id = $1 and request_id = any($2::uuid[]) and node_id = $3
order by request_id for update;

-- lock_requests: Requests' own rows, held for a change.
select id, state::text from message_request
where company_id = $1 and id = any($2::uuid[]) and id between $3 and $4 and deleted_at is null
order by id for update;

-- advance_expansions: Records how far requests have come.
update expansion e set next = i.next, after = i.after, sequence = i.sequence
from unnest($2::uuid[], $3::integer[], $4::uuid[], $5::integer[])
    as i (request_id, next, after, sequence)
where e.company_id = $1 and e.request_id = i.request_id;

-- count_prepared: Adds prepared messages to requests' counters.
with counted as (update message_request r set
    recipient_count = r.recipient_count + i.recipients,
    duplicate_count = r.duplicate_count + i.duplicates,
    pending_count = r.pending_count + i.pending, failed_count = r.failed_count + i.failed,
    translations = case when i.translated + i.untranslated + i.performed = 0 then r.translations
        else array[
            coalesce(r.translations[1], 0) + i.translated,
            coalesce(r.translations[2], 0) + i.untranslated,
            coalesce(r.translations[3], 0) + i.performed
        ] end,
    price = coalesce(r.price + i.price, r.price, i.price),
    state = (case when r.pending_count + i.pending = 0 and r.state in ('TRANSMITTING', 'PAUSED')
        then 'COMPLETED' else r.state::text end)::request_state,
    updated_at = $11
from unnest(
    $2::uuid[], $3::integer[], $4::integer[], $5::integer[], $6::integer[], $7::integer[],
    $8::integer[], $9::integer[], $10::numeric[]
) as i (
    id, recipients, duplicates, pending, failed, translated, untranslated, performed, price
)
where r.company_id = $1 and r.id = i.id and r.id between $12 and $13
returning r.id, i.pending <> 0 and r.pending_count = 0 and r.state = 'COMPLETED' as ended
)
insert into announcement (company_id, id, topic, type, at, subjects, befores, afters)
select $1, $14, 'SCG-Message', 'message_request_state_change', $11, array_agg(c.id),
    array_agg(r.state::text), array_agg('COMPLETED'::text)
from counted c
join message_request r on r.company_id = $1 and r.id = c.id and r.id between $12 and $13
where c.ended and exists (
    select from subscribed where company_id = $1 and type = 'message_request_state_change'
)
having count(*) > 0;

-- finish_expansions: Requests are prepared: what state they go on in. One of which nothing is left to send is REJECTED, and its first message says why.
with gone as (
    delete from expansion where company_id = $1 and request_id = any($2::uuid[])
), fate as (
    select r.id, i.last, r.state::text as was, case
        when r.state <> 'PREPARING' then r.state::text
        when r.pause_before_transmit and r.pending_count > 0 then 'PAUSED'
        when r.pending_count > 0 then 'TRANSMITTING'
        when r.failed_count < r.recipient_count then 'COMPLETED'
        when exists (
            select from message m
            where m.company_id = $1 and m.id > i.id and m.id <= i.last
                and m.state not in ('FAILED', 'EXPIRED')
        ) then 'COMPLETED'
        else 'REJECTED' end as state
    from message_request r
    join unnest($2::uuid[], $6::uuid[]) as i (id, last) on i.id = r.id
    where r.company_id = $1 and r.id between $4 and $5
), reason as (
    select f.id, coalesce(m.failure_code, $7) as failure_code,
        coalesce(m.failure_details, $8) as failure_details
    from fate f
    left join lateral (
        select failure_code, failure_details from message
        where company_id = $1 and id > f.id and id <= f.last order by id limit 1
    ) m on true
    where f.state = 'REJECTED'
), finished as (
    update message_request r set
        state = f.state::request_state, failure_code = w.failure_code,
        failure_details = w.failure_details, updated_at = $3, version = r.version + 1
    from fate f left join reason w on w.id = f.id
    where r.company_id = $1 and r.id = f.id and r.id between $4 and $5
    returning r.id, f.was, f.state, coalesce(w.failure_code, '') as code,
        coalesce(w.failure_details, '') as details
)
insert into announcement (
    company_id, id, topic, type, at, subjects, befores, afters, codes, details
)
select $1, $9, 'SCG-Message', 'message_request_state_change', $3, array_agg(id), array_agg(was),
    array_agg(state), array_agg(code), array_agg(details)
from finished
where was <> state and exists (
    select from subscribed where company_id = $1 and type = 'message_request_state_change'
)
having count(*) > 0;

-- drop_expansions: Forgets requests that are not to be expanded any more.
delete from expansion where company_id = $1 and request_id = any($2::uuid[]);

-- find_lanes: Every lane (company, connector, sender, priority) with something waiting, by skipping from lane to lane in the key.
with recursive lane as (
    (
        select company_id, connector, sender_id, priority, due_at from outbound
        order by company_id, connector, sender_id, priority, due_at limit 1
    )
    union all
    select next.* from lane, lateral (
        select company_id, connector, sender_id, priority, due_at from outbound o
        where (o.company_id, o.connector, o.sender_id, o.priority)
            > (lane.company_id, lane.connector, lane.sender_id, lane.priority)
        order by company_id, connector, sender_id, priority, due_at limit 1
    ) next
)
select company_id, connector, sender_id, priority, due_at from lane;

-- describe_lane: What the fair turns need to know of a company and a sender.
select c.weight, case when k.country_peak_throughput is not null
        or k.country_peak_total_throughput is not null or k.country_daily_throughput is not null
    then k.id end as limited_by
from company c
left join sender_id s on s.company_id = c.id and s.id = $2
left join sender_id_class k on k.id = s.class_id
where c.id = $1;

-- claim_lane: Moves due messages of a lane from the queue into a claim.
with taken as (
    delete from outbound where ctid = any(array(
        select ctid from outbound
        where company_id = $1 and connector = $2 and sender_id = $3 and priority = $4
            and due_at <= $5
        order by due_at, message_id limit $6 for update skip locked
    ))
    returning message_id, attempts, parts_taken, due_at
), claimed as (
    insert into claim (company_id, id, connector, priority, node_id, messages, attempts)
    select $1, $7, $2, $4, $8, array_agg(message_id), array_agg(attempts)
    from taken having count(*) > 0
)
select message_id, attempts, parts_taken from taken order by due_at, message_id;

-- read_claimed: What to send of claimed messages; the range names the partition.
select id, request_id, state::text, sender_address, peer_address, country, body, encoding, fragments,
    scheduled_at, expires_at, deleted_at, nullif(medium, 'SMS')::text as medium, subject, media,
    delivery_hours
from message
where company_id = $1 and id = any($2::uuid[]) and id between $3 and $4;

-- read_bodies: The bodies that the messages of large requests share.
select id, body from message_request where company_id = $1 and id = any($2::uuid[]);

-- read_contents: What messages that are no SMS take from their requests beside the body; of a group MMS all its recipients.
select r.id, r.content_type, r.options -> 'options' as options, r.media,
    case when r.options ->> 'group_mms' = 'true' then (
        select array_agg(m.peer_address order by m.id) from message m
        where m.company_id = $1 and m.request_id = r.id and m.id between $3 and $4
            and m.medium = 'MMS'
            and (m.sent_at is not null or m.state in ('CREATED', 'SCHEDULED', 'PAUSED'))
    ) end as members
from message_request r
where r.company_id = $1 and r.id = any($2::uuid[]);

-- take_back_claim: Undoes a claim of which nothing was handed over.
delete from claim where company_id = $1 and id = $2
returning company_id, connector, priority, messages, attempts;

-- shrink_claim: What is still unrecorded of a claim.
update claim set messages = $3, attempts = $4 where company_id = $1 and id = $2 returning id;

-- drop_claims: Claims of which everything is recorded.
delete from claim where company_id = $1 and id = any($2::uuid[]) returning id;

-- read_claims: What claims still hold: asked only when a commit's own outcome is unknown.
select id, messages from claim where company_id = $1 and id = any($2::uuid[]);

-- advance_messages: One input for a batch of messages, by the table of states.py; the request's counters go with it.
with moved as (
    update message m set
        state = t.next::message_state,
        scheduled_at = case when $6 = 'scheduled' then i.at else m.scheduled_at end,
        sent_at = case when $6 = 'sent' then coalesce(m.sent_at, i.at) else m.sent_at end,
        delivered_at = case when $6 = 'delivered'
            then coalesce(m.delivered_at, greatest(i.at, m.sent_at))
            else m.delivered_at end,
        read_at = case when $6 = 'read' then coalesce(m.read_at, i.at) else m.read_at end,
        clicked_at = case when $6 = 'clicked' then coalesce(m.clicked_at, i.at)
            else m.clicked_at end,
        converted_at = case when $6 = 'converted' then coalesce(m.converted_at, i.at)
            else m.converted_at end,
        conversion_source = case when $6 = 'converted' then i.details
            else m.conversion_source end,
        failure_code = case when t.next in ('FAILED', 'EXPIRED') then i.code end,
        failure_details = case when t.next in ('FAILED', 'EXPIRED') then i.details end,
        updated_at = $7, version = m.version + 1
    from unnest($4::uuid[], $5::timestamptz[], $8::text[], $9::text[])
            as i (id, at, code, details),
        unnest(
            $10::text[], $11::boolean[], $12::text[], $13::integer[], $14::integer[],
            $15::integer[], $16::integer[], $19::integer[]
        ) with ordinality as t (state, stamped, next, pending, stamps, canceled, failed, held, move)
    where m.company_id = $1 and m.id = any($4::uuid[]) and m.id between $2 and $3
        and m.id::text = i.id::text -- as text: see below
        and m.state = t.state::message_state
        and t.stamped = (case $6 when 'sent' then m.sent_at is not null
            when 'delivered' then m.delivered_at is not null
            when 'converted' then m.converted_at is not null
            when 'read' then m.read_at is not null
            when 'clicked' then m.clicked_at is not null else false end)
    returning m.id, m.request_id, m.solo, case when m.fails_over then t.held else t.pending end
        as pending, t.stamps, t.canceled, t.failed, t.move
), tally as (
    select request_id, sum(pending) as pending, sum(stamps) as stamps, sum(canceled) as canceled,
        sum(failed) as failed
    from moved where not solo and request_id is not null
    group by request_id
), counted as (
    update message_request r set
        pending_count = r.pending_count + t.pending,
        sent_count = r.sent_count + case when $6 = 'sent' then t.stamps else 0 end,
        delivered_count = r.delivered_count + case when $6 = 'delivered' then t.stamps else 0 end,
        read_count = r.read_count + case when $6 = 'read' then t.stamps else 0 end,
        click_thru_count = r.click_thru_count + case when $6 = 'clicked' then t.stamps else 0 end,
        converted_count = r.converted_count + case when $6 = 'converted' then t.stamps else 0 end,
        canceled_count = r.canceled_count + t.canceled,
        failed_count = r.failed_count + t.failed,
        state = (case when r.pending_count + t.pending = 0 and r.state in ('TRANSMITTING', 'PAUSED')
            then 'COMPLETED' else r.state::text end)::request_state,
        updated_at = $7
    from tally t
    where r.company_id = $1 and r.id = any($18::uuid[]) and r.id between $17 and $3
        -- As text: joined by id, a kept plan would choose the partition while it runs, and then
        -- PostgreSQL 18 loses the update where it had to wait for another one of the row.
        and r.id::text = t.request_id::text
    returning r.id, t.pending <> 0 and r.pending_count = 0 and r.state = 'COMPLETED' as ended
), told as ( -- read only where somebody has subscribed: what it shows is not kept for nobody
    select moved.id, moved.request_id, moved.solo, t.state, t.next, t.was, t.becomes,
        case when t.next in ('FAILED', 'EXPIRED') then i.code end as code,
        case when t.next in ('FAILED', 'EXPIRED') then i.details end as details
    from moved
    join unnest($10::text[], $12::text[], $20::text[], $21::text[])
        with ordinality as t (state, next, was, becomes, move) on t.move = moved.move
    join unnest($4::uuid[], $8::text[], $9::text[]) as i (id, code, details) on i.id = moved.id
), announced as (
    insert into announcement (
        company_id, id, topic, type, at, subjects, befores, afters, codes, details
    )
    select $1, $22, 'SCG-Message', 'message_state_change', $7, array_agg(id), array_agg(state),
        array_agg(next), array_agg(coalesce(code, '')), array_agg(coalesce(details, ''))
    from told
    where state <> next and exists (
        select from subscribed where company_id = $1 and type = 'message_state_change'
    )
    having count(*) > 0
), requests_announced as (
    insert into announcement (
        company_id, id, topic, type, at, subjects, befores, afters, codes, details
    )
    select $1, $23, 'SCG-Message', 'message_request_state_change', $7, array_agg(id),
        array_agg(was), array_agg(becomes), array_agg(coalesce(code, '')),
        array_agg(coalesce(details, ''))
    from (
        select request_id as id, was, becomes, code, details
        from told where solo and was <> becomes
        union all
        select c.id, r.state::text, 'COMPLETED', null, null -- r: as it was before this statement
        from counted c
        join message_request r on r.company_id = $1 and r.id = c.id and r.id between $17 and $3
        where c.ended
    ) changed
    where exists (
        select from subscribed where company_id = $1 and type = 'message_request_state_change'
    )
    having count(*) > 0
)
select id, ($10::text[])[move] in ('CANCELED', 'EXPIRED', 'FAILED') as late from moved;

-- advance_usual: As advance_messages, for the one move that an input mostly makes, and for messages that make it: at half the cost.
with moved as (
    update message m set
        state = $8::message_state,
        sent_at = case when $6 = 'sent' then i.at else m.sent_at end,
        delivered_at = case when $6 = 'delivered' then greatest(i.at, m.sent_at)
            else m.delivered_at end,
        updated_at = $7, version = m.version + 1
    from unnest($4::uuid[], $5::timestamptz[]) as i (id, at)
    where m.company_id = $1 and m.id = any($4::uuid[]) and m.id between $2 and $3
        and m.id::text = i.id::text -- as text: see advance_messages
        and m.state = $9::message_state
        and case when $6 = 'sent' then m.sent_at else m.delivered_at end is null
    returning m.id, m.request_id, m.solo,
        case when m.fails_over then $11::integer else $10::integer end as pending
), tally as (
    select request_id, sum(pending) as pending, count(*) as stamps
    from moved where not solo and request_id is not null
    group by request_id
), counted as (
    update message_request r set
        pending_count = r.pending_count + t.pending,
        sent_count = r.sent_count + case when $6 = 'sent' then t.stamps else 0 end,
        delivered_count = r.delivered_count + case when $6 = 'delivered' then t.stamps else 0 end,
        state = (case when r.pending_count + t.pending = 0 and r.state in ('TRANSMITTING', 'PAUSED')
            then 'COMPLETED' else r.state::text end)::request_state,
        updated_at = $7
    from tally t
    where r.company_id = $1 and r.id = any($13::uuid[]) and r.id between $12 and $3
        and r.id::text = t.request_id::text -- as text: see advance_messages
    returning r.id, t.pending <> 0 and r.pending_count = 0 and r.state = 'COMPLETED' as ended
), announced as (
    insert into announcement (
        company_id, id, topic, type, at, subjects, befores, afters, codes, details
    )
    select $1, $16, 'SCG-Message', 'message_state_change', $7, array_agg(id),
        array_agg($9::text), array_agg($8::text), array_agg(''::text), array_agg(''::text)
    from moved
    where exists (
        select from subscribed where company_id = $1 and type = 'message_state_change'
    )
    having count(*) > 0
), requests_announced as (
    insert into announcement (
        company_id, id, topic, type, at, subjects, befores, afters, codes, details
    )
    select $1, $17, 'SCG-Message', 'message_request_state_change', $7, array_agg(id),
        array_agg(was), array_agg(becomes), array_agg(''::text), array_agg(''::text)
    from (
        select request_id as id, $14::text as was, $15::text as becomes
        from moved where solo and $14::text <> $15::text
        union all
        select c.id, r.state::text, 'COMPLETED' -- r: as it was before this statement
        from counted c
        join message_request r on r.company_id = $1 and r.id = c.id and r.id between $12 and $3
        where c.ended
    ) changed
    where exists (
        select from subscribed where company_id = $1 and type = 'message_request_state_change'
    )
    having count(*) > 0
)
select id from moved;

-- read_ends: Of messages that have ended, those that were charged or that an SMS may follow.
select m.id, m.price is not null and m.sent_at is null and not exists (
        select from fragment f
        where f.company_id = $1 and f.message_id = m.id and f.message_id between $3 and $4
    ) as owed, m.medium = 'PSH' as push, m.peer_address, m.failure_code
from message m
where m.company_id = $1 and m.id = any($2::uuid[]) and m.id between $3 and $4
    and (m.price is not null or m.medium = 'PSH');

-- drop_prices: Charges of messages that have come back: their price is nothing, and their requests' less.
with given as (
    select * from unnest($2::uuid[], $3::numeric[]) as g (id, amount)
), freed as (
    update message m set price = null
    from given g
    where m.company_id = $1 and m.id = any($2::uuid[]) and m.id between $5 and $6
        and m.id::text = g.id::text
    returning m.request_id, m.solo, g.amount
), tally as (
    select request_id, sum(amount) as amount from freed where not solo group by request_id
)
update message_request r set price = r.price - t.amount, updated_at = $4
from tally t
where r.company_id = $1 and r.id = any($8::uuid[]) and r.id between $7 and $6
    and r.id::text = t.request_id::text; -- as text: see advance_messages

-- add_prices: What messages have cost after all, on them and on their requests.
with given as (
    select * from unnest($2::uuid[], $3::numeric[]) as g (id, amount)
), charged as (
    update message m set price = g.amount
    from given g
    where m.company_id = $1 and m.id = any($2::uuid[]) and m.id between $5 and $6
        and m.id::text = g.id::text
    returning m.request_id, m.solo, g.amount
), tally as (
    select request_id, sum(amount) as amount from charged where not solo group by request_id
)
update message_request r set price = coalesce(r.price, 0) + t.amount, updated_at = $4
from tally t
where r.company_id = $1 and r.id = any($8::uuid[]) and r.id between $7 and $6
    and r.id::text = t.request_id::text; -- as text: see advance_messages

-- add_failovers: Pushes after whose failure an SMS is to go to the contact, and which of them have failed already.
insert into failover (company_id, message_id, due)
select $1, f.message_id, f.due from unnest($2::uuid[], $3::boolean[]) as f (message_id, due);

-- mark_failovers: Pushes that have failed.
update failover set due = true where company_id = $1 and message_id = any($2::uuid[]);

-- due_failovers: Of every company, pushes that have failed and that an SMS is to follow.
select f.company_id, f.message_id, m.request_id, m.contact_id
from (
    select company_id, message_id from failover where due order by company_id, message_id limit $1
) f
join message m on m.company_id = f.company_id and m.id = f.message_id;

-- take_failovers: Their SMS are being made: answers the pushes that have failed, and that nobody else has taken. Others have arrived after all, or may.
with freed as (
    update message set fails_over = false
    where company_id = $1 and id = any($2::uuid[]) and id between $3 and $4
        and fails_over and state in ('FAILED', 'EXPIRED')
    returning id
), gone as (
    delete from failover
    where company_id = $1 and message_id = any($2::uuid[])
        and message_id in (select id from freed)
), waiting as (
    update failover set due = false
    where company_id = $1 and message_id = any($2::uuid[])
        and message_id not in (select id from freed)
)
select id from freed;

-- settled_failovers: Of every company_id, pushes that have arrived, that will not be sent, or that were sent before $1 with no bad news since.
select f.company_id, f.message_id from failover f
join message m on m.company_id = f.company_id and m.id = f.message_id
where not f.due and (
    m.state in ('DELIVERED', 'READ', 'CONVERTED', 'CANCELED')
    or m.state = 'SENT' and m.sent_at < $1
)
order by f.company_id, f.message_id limit $2;

-- end_failovers: No SMS will follow these pushes, as far as they are in one of these states: their requests wait for them no more.
with held as (
    select id, request_id, state, fails_over from message
    where company_id = $1 and id = any($2::uuid[]) and id between $3 and $4
        and state = any($5::message_state[])
    order by id for update
), freed as (
    update message set fails_over = false
    where company_id = $1 and id = any($2::uuid[]) and id between $3 and $4
        and id in (select id from held where fails_over)
), gone as (
    delete from failover
    where company_id = $1 and message_id = any($2::uuid[])
        and message_id in (select id from held)
), tally as (
    select request_id, count(*) as pushes from held
    where fails_over and state not in ('DELIVERED', 'READ', 'CONVERTED') -- that was enough
    group by request_id
), counted as (
    update message_request r set
        pending_count = r.pending_count - t.pushes,
        state = (case when r.pending_count = t.pushes and r.state in ('TRANSMITTING', 'PAUSED')
            then 'COMPLETED' else r.state::text end)::request_state,
        updated_at = $6
    from tally t
    where r.company_id = $1 and r.id = any($7::uuid[]) and r.id between $8 and $4
        and r.id::text = t.request_id::text -- as text: see advance_messages
    returning r.id, t.pushes <> 0 and r.pending_count = 0 and r.state = 'COMPLETED' as ended
)
insert into announcement (company_id, id, topic, type, at, subjects, befores, afters)
select $1, $9, 'SCG-Message', 'message_request_state_change', $6, array_agg(c.id),
    array_agg(r.state::text), array_agg('COMPLETED'::text)
from counted c
join message_request r on r.company_id = $1 and r.id = c.id and r.id between $8 and $4
where c.ended and exists (
    select from subscribed where company_id = $1 and type = 'message_request_state_change'
)
having count(*) > 0;

-- forget_failovers: Of every company_id, pushes of which nothing more is heard.
delete from failover where message_id < $1;

-- paused_routes: The sender ids and media of a request's paused messages.
select distinct sender_id, medium::text from message
where company_id = $1 and id > $2 and id <= $3 and state = 'PAUSED';

-- add_fragments: The parts that a carrier has taken.
insert into fragment (company_id, message_id, number, total, connector, external_id, shown_id)
select $1, i.message_id, i.number, i.total, $2, i.external_id, i.shown_id
from unnest($3::uuid[], $4::smallint[], $5::smallint[], $6::text[], $7::text[])
    as i (message_id, number, total, external_id, shown_id)
on conflict (company_id, message_id, number) do nothing;

-- requeue: Messages that go back into the queue, each with its time.
insert into outbound (
    company_id, connector, sender_id, priority, due_at, message_id, attempts, parts_taken,
    expires_at
)
select $1, $2, m.sender_id, i.priority, i.due_at, m.id, i.attempts, i.parts_taken, m.expires_at
from unnest($5::uuid[], $6::smallint[], $7::timestamptz[], $8::smallint[], $9::integer[])
    as i (id, priority, due_at, attempts, parts_taken)
join message m on m.company_id = $1 and m.id = i.id and m.id between $3 and $4
where m.state in ('CREATED', 'SCHEDULED');

-- find_fragments: The parts that a connector's receipts speak of, not older than an id.
select external_id, company_id, message_id, number, total from fragment
where connector = $1 and external_id = any($2::text[]) and message_id >= $3;

-- lock_messages: Messages held while their parts' receipts are put together.
select from message
where company_id = $1 and id = any($4::uuid[]) and id between $2 and $3
order by id for no key update;

-- settle_fragments: What receipts said of parts of several; a later word never undoes DELIVERED.
update fragment f set state = i.state::message_state, failure_code = i.code
from unnest($4::uuid[], $5::smallint[], $6::text[], $7::text[]) as i (id, number, state, code)
where f.company_id = $1 and f.message_id = i.id and f.message_id between $2 and $3
    and f.number = i.number and f.state is distinct from 'DELIVERED';

-- read_fragment_states: The parts of messages, as their receipts left them.
select message_id, total, array_agg(state::text) as states
from fragment where company_id = $1 and message_id = any($4::uuid[])
    and message_id between $2 and $3
group by message_id, total;

-- keep_receipts: Receipts whose message is not known yet.
insert into unmatched_receipt (connector, id, external_id, state, error, at, next_try_at)
select $1, * from unnest(
    $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[]
);

-- due_receipts: Kept receipts whose next try has come.
select connector, id, external_id, state, error, at, tries from unmatched_receipt
where next_try_at <= $1
order by next_try_at limit $2 for update skip locked;

-- postpone_receipts: Kept receipts that still matched nothing.
update unmatched_receipt u set tries = u.tries + 1, next_try_at = i.next_try_at
from unnest($1::text[], $2::uuid[], $3::timestamptz[]) as i (connector, id, next_try_at)
where u.connector = i.connector and u.id = i.id;

-- drop_receipts: Kept receipts that have found their message.
delete from unmatched_receipt u
using unnest($1::text[], $2::uuid[]) as i (connector, id)
where u.connector = i.connector and u.id = i.id;

-- expire_queued: Takes messages out of the queue whose time has run out.
delete from outbound where ctid = any(array(
    select ctid from outbound
    where company_id = $1 and expires_at <= $2
    order by expires_at limit $3 for update skip locked
))
returning message_id;

-- companies_with_expiry: Companies that have queued messages past their time.
select distinct company_id from outbound where expires_at <= $1;

-- paused_past_time: Paused requests whose pause has run out, of every company.
select r.company_id, r.id from message_request r
left join message m on m.company_id = r.company_id and m.id = r.solo_message_id
where r.pause_expires_at <= $1 and r.pause_expires_at > $2 and r.deleted_at is null
    and 'PAUSED' = case when r.solo_message_id is null then r.state::text else m.state::text end
limit $3;

-- messages_in_state: Ids of a request's messages in given states, a slice at a time.
select id, scheduled_at from message
where company_id = $1 and id > $2 and id <= $3 and state = any($4::message_state[])
order by id limit $5;

-- lock_request: A request's own row, held for a change.
select id, solo_message_id, state::text, version, channel_id
from message_request
where company_id = $1 and id = $2 and deleted_at is null
for update;

-- read_request: A request as clients see it.
select id, solo_message_id, state::text, version, channel_id
from message_request_now
where company_id = $1 and id = $2 and deleted_at is null;

-- end_pause: A paused request goes on, or is done where nothing is left to send.
with ended as (
    update message_request set
        state = (case when pending_count = 0 then 'COMPLETED'
            else 'TRANSMITTING' end)::request_state,
        updated_at = $3, version = version + $5::integer
    where company_id = $1 and id = $2 and state = 'PAUSED' and solo_message_id is null
    returning id, state::text
)
insert into announcement (company_id, id, topic, type, at, subjects, befores, afters)
select $1, $4, 'SCG-Message', 'message_request_state_change', $3, array[id], '{PAUSED}',
    array[state]
from ended
where exists (
    select from subscribed where company_id = $1 and type = 'message_request_state_change'
);

-- reject_request: A request that cannot be expanded any further; what was made of it stays.
with gone as (
    delete from expansion where company_id = $1 and request_id = $2
), rejected as (
    update message_request r set
        state = (case when r.state <> 'PREPARING' then r.state::text
            when r.pending_count > 0 then 'TRANSMITTING'
            when exists (
                select from message m
                where m.company_id = $1 and m.id > $2 and m.id <= $6
                    and m.state not in ('FAILED', 'EXPIRED')
            ) then 'COMPLETED'
            else 'REJECTED' end)::request_state,
        failure_code = $5, failure_details = $4, updated_at = $3, version = r.version + 1
    where r.company_id = $1 and r.id = $2
    returning r.id, r.state::text
)
insert into announcement (
    company_id, id, topic, type, at, subjects, befores, afters, codes, details
)
select $1, $7, 'SCG-Message', 'message_request_state_change', $3, array[n.id], '{PREPARING}',
    array[n.state], array[$5::text], array[$4::text]
from rejected n
join message_request r on r.company_id = $1 and r.id = n.id and r.state = 'PREPARING'
where n.state <> 'CANCELED' and exists (
    select from subscribed where company_id = $1 and type = 'message_request_state_change'
);

-- set_request_state: Moves a request that keeps its own state, if it is still in the state it was.
with moved as (
    update message_request set state = $4::request_state, updated_at = $5, version = version + 1
    where company_id = $1 and id = $2 and state = $3::request_state
    returning id
)
insert into announcement (company_id, id, topic, type, at, subjects, befores, afters)
select $1, $6, 'SCG-Message', 'message_request_state_change', $5, array[id], array[$3::text],
    array[$4::text]
from moved
where exists (
    select from subscribed where company_id = $1 and type = 'message_request_state_change'
);

-- mark_canceled: A request of one recipient is canceled, and its message with it, whose version goes up.
update message_request set state = 'CANCELED' where company_id = $1 and id = $2;

-- delete_request: Marks a request DELETED.
with gone as (
    update message_request set deleted_at = $3, updated_at = $3, version = version + 1
    where company_id = $1 and id = $2 and deleted_at is null
    returning id
)
insert into announcement (company_id, id, topic, type, at, subjects, befores, afters)
select $1, $4, 'SCG-Message', 'message_request_state_change', $3, array[g.id],
    array[r.state::text], '{DELETED}'
from gone g
join message_request_now r on r.company_id = $1 and r.id = g.id
where exists (
    select from subscribed where company_id = $1 and type = 'message_request_state_change'
);

-- queue_resumed: Puts resumed messages into the queue.
insert into outbound (company_id, connector, sender_id, priority, due_at, message_id, expires_at)
select $1, r.connector, m.sender_id, r.priority, coalesce(m.scheduled_at, $2), m.id, m.expires_at
from message m
join unnest($4::uuid[], $5::text[], $6::text[], $7::smallint[])
    as r (sender_id, medium, connector, priority)
    on r.sender_id = m.sender_id and r.medium = m.medium::text
where m.company_id = $1 and m.id = any($3::uuid[]) and m.state in ('CREATED', 'SCHEDULED');

-- unqueue_scheduled: Takes canceled messages out of the queue that would wait there until their time.
delete from outbound o using message m
where m.company_id = $1 and m.id = any($2::uuid[]) and o.company_id = $1
    and o.sender_id = m.sender_id and o.due_at = m.scheduled_at and o.message_id = m.id;

-- lock_message: A message, held for a change by its client.
select id, direction::text, state::text, version from message
where company_id = $1 and id = $2 and deleted_at is null
for update;

-- message_exists: Whether the company has this message.
select exists (
    select from message where company_id = $1 and id = $2 and deleted_at is null
);

-- process_inbound: The client has dealt with an MO message.
with processed as (
    update message set state = 'PROCESSED', updated_at = $3, version = version + 1
    where company_id = $1 and id = $2
    returning id
)
insert into announcement (company_id, id, topic, type, at, subjects, befores, afters)
select $1, $4, 'SCG-Message', 'message_state_change', $3, array[id], '{RECEIVED}', '{PROCESSED}'
from processed
where exists (select from subscribed where company_id = $1 and type = 'message_state_change');

-- delete_message: Marks a message DELETED.
with gone as (
    update message set deleted_at = $3, updated_at = $3, version = version + 1
    where company_id = $1 and id = $2
    returning id, state::text
)
insert into announcement (company_id, id, topic, type, at, subjects, befores, afters)
select $1, $4, 'SCG-Message', 'message_state_change', $3, array[id], array[state], '{DELETED}'
from gone
where exists (select from subscribed where company_id = $1 and type = 'message_state_change');

-- add_inbound: One company's MO messages, each with the contact whose number it came from; answers whose are known.
with made as (insert into message (
    company_id, id, application_id, direction, state, sender_id, sender_address, peer_address,
    contact_id, country, body, conversation_id, reply_to, fragments, medium, subject, media, keyword,
    campaign_id, updated_at
)
select $1, i.id, i.application_id, 'MO', 'RECEIVED', i.sender_id, i.sender_address,
    i.peer_address, c.id, i.country, i.body, i.conversation_id, i.reply_to, i.fragments,
    coalesce(i.medium, 'SMS')::message_medium, i.subject, i.media::jsonb, i.keyword, i.campaign_id,
    $2
from unnest(
    $3::uuid[], $4::integer[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::text[], $11::uuid[], $12::smallint[], $13::text[], $14::text[], $15::text[], $16::text[],
    $17::text[]
) as i (
    id, application_id, sender_id, sender_address, peer_address, country, body,
    conversation_id, reply_to, fragments, medium, subject, media, keyword, campaign_id
)
left join contact c on c.company_id = $1 and c.primary_mdn = i.peer_address
    and c.deleted_at is null
returning id, contact_id), announced as (
    insert into announcement (company_id, id, topic, type, at, subjects)
    select $1, $18, 'SCG-Message', 'mo_message_received', $2, array_agg(id order by id)
    from made
    where exists (select from subscribed where company_id = $1 and type = 'mo_message_received')
    having count(*) > 0
)
select id, contact_id from made where contact_id is not null;

-- any_application: The oldest application of a company.
select min(id) from application where company_id = $1;

-- last_sent_to: For each sender and subscriber, the last message that went to them.
select i.position, m.company_id, m.id, m.application_id, m.sender_id, m.conversation_id
from unnest($2::uuid[], $3::text[], $4::integer[]) as i (sender_id, peer, position),
lateral (
    select company_id, id, application_id, sender_id, conversation_id from message
    where company_id = $1 and peer_address = i.peer and sender_id = i.sender_id
        and direction = 'MT' and id > $5
        and state not in ('TEST', 'PAUSED', 'SCHEDULED', 'CANCELED') -- these never left
    order by id desc limit 1
) m;

-- add_inbound_parts: Parts of long MO messages; a part that comes twice counts once.
insert into inbound_part (
    received_at, connector, source, destination, reference, total, number, text
)
select $1, i.* from unnest(
    $2::text[], $3::text[], $4::text[], $5::integer[], $6::smallint[], $7::smallint[], $8::text[]
) as i
on conflict (connector, source, destination, reference, total, number) do nothing;

-- whole_inbound: Destinations of long MO messages of which every part is there, or whose time is up.
select connector, source, destination, reference, total from inbound_part
group by connector, source, destination, reference, total
having count(*) >= total or min(received_at) <= $1
order by destination limit $2;

-- take_whole_inbound: Takes such messages, in the order of their parts.
with taken as (
    delete from inbound_part p
    using unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::smallint[])
        as r (connector, source, destination, reference, total)
    where p.connector = r.connector and p.source = r.source and p.destination = r.destination
        and p.reference = r.reference and p.total = r.total
    returning p.connector, p.source, p.destination, p.reference, p.total, p.number, p.text
)
select connector, source, destination, string_agg(text, '' order by number) as text, total
from taken group by connector, source, destination, reference, total;

-- add_strays: MO messages to an address that no sender has.
insert into stray_inbound (id, connector, source, destination, text)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[]);

-- queue_depth: Messages waiting for a sender, counted up to a limit, and recipients that are still to become messages.
select (
    select count(*) from (
        select from outbound where company_id = $1 and connector = $2 and sender_id = $3 limit $4
    ) waiting
) + (
    select coalesce(sum(cardinality(r.recipients) - e.next), 0)
    from expansion e join message_request r on r.company_id = $1 and r.id = e.request_id
    where e.company_id = $1 and r.sender_id = $3 and r.state = 'PREPARING'
);

-- queue_by_connector: How many messages wait for each connector and since when, for metrics.
select connector, count(*) as depth, min(due_at) as oldest from outbound
where due_at <= $1 group by connector;

-- claimed_by_connector: How many messages nodes have in hand for each connector, for metrics.
select connector, sum(cardinality(messages))::integer as messages from claim group by connector;

-- beat: This node is alive until then.
insert into node (id, name, roles, expires_at) values ($1, $2, $3, $4)
on conflict (id) do update set expires_at = excluded.expires_at, roles = excluded.roles;

-- live_nodes: Nodes that have a role and are alive.
select id from node where $1 = any(roles) and expires_at > $2 order by id;

-- remove_node: A node that has stopped in order, with all that it leased.
with leases as (delete from bind_lease where node_id = $1)
delete from node where id = $1;

-- forget_all_nodes: Nobody is alive: what earlier nodes leased and claimed is free at once.
with leases as (delete from bind_lease)
delete from node;

-- forget_nodes: Nodes that have been silent past their lease and hold no claims.
delete from node where expires_at <= $1 and id not in (select node_id from claim);

-- lease_binds: Takes or keeps up to $3 binds of a connector: free ones, lapsed ones, our own.
with wanted as (
    select s.slot from generate_series(0, $2::integer - 1) as s (slot)
    left join bind_lease l on l.connector = $1 and l.slot = s.slot
    where l.node_id is null or l.node_id = $4 or l.expires_at <= $5
    order by (l.node_id is not distinct from $4) desc, s.slot limit $3
)
insert into bind_lease (connector, slot, node_id, expires_at)
select $1, slot, $4, $6 from wanted
on conflict (connector, slot) do update set node_id = excluded.node_id,
    expires_at = excluded.expires_at
    where bind_lease.node_id = excluded.node_id or bind_lease.expires_at <= $5
returning slot;

-- bind_holders: How many nodes hold binds of a connector.
select count(distinct node_id) from bind_lease where connector = $1 and expires_at > $2;

-- release_binds: Gives back binds above our share.
delete from bind_lease where connector = $1 and node_id = $2 and not slot = any($3::smallint[]);

-- orphaned_claims: Takes over claims of nodes that are gone: their messages are uncertain.
delete from claim where ctid = any(array(
    select ctid from claim c
    where connector = any($1::text[])
        and not exists (select from node n where n.id = c.node_id and n.expires_at > $2)
    limit $3 for update skip locked
))
returning company_id, connector, priority, messages, attempts;

-- parts_taken: Which parts of messages a carrier has taken, as bits.
select message_id, bit_or(1 << (number - 1)) as parts from fragment
where company_id = $1 and message_id = any($2::uuid[])
group by message_id;

-- parts_of_messages: What carriers have taken of these messages, for showing.
select message_id, number, total, shown_id, state, failure_code from fragment
where company_id = $1 and message_id = any($4::uuid[]) and message_id between $2 and $3
order by message_id, number;

-- texts_of_requests: What messages leave to their requests.
select id, body, consent_requirement from message_request
where company_id = $1 and id = any($4::uuid[]) and id between $2 and $3;

-- messages_by_carrier_id: The messages whose parts a carrier took under these ids.
select distinct message_id from fragment
where company_id = $1 and connector = any($2::text[]) and external_id = any($3::text[])
    and shown_id = any($4::text[])
limit $5;

-- amend_request: Labels of a request that is held, and how much its version goes up by.
update message_request
set campaign_id = $3, program_id = $4, conversation_id = $5, version = version + $6::integer,
    updated_at = $7
where company_id = $1 and id = $2;

-- read_labels: The labels of a request that is held.
select campaign_id, program_id, conversation_id from message_request
where company_id = $1 and id = $2;

-- messages_for_events: What events tell of messages; the range names their partitions. What no application has asked for counts as the oldest one's.
select m.*, s.name as sender_name, coalesce(m.asked_by, o.id) as application_id, beside.*
from (select min(id) as id from application where company_id = $1) o
cross join unnest($2::uuid[]) as i (id)
cross join lateral (
    select id, request_id, direction::text, application_id as asked_by, sender_id, sender_address,
        peer_address, external_request_id, fragments, price,
        case when direction = 'MO' then left(body, $5 + 1) end as body, media, medium
    from message
    where company_id = $1 and id = i.id and id between $3 and $4 limit 1
) m
left join lateral (
    select coalesce(m.media, (
            select media from message_request where company_id = $1 and id = m.request_id
        )) as all_media,
        array(
            select attachment_id from message_request_attachment
            where company_id = $1 and request_id = coalesce(m.request_id, m.id)
            order by position
        ) as attachments
    where m.medium <> 'SMS'
) beside on true
left join sender_id s on s.company_id = $1 and s.id = m.sender_id;

-- requests_for_events: What events tell of requests.
select n.*
from unnest($2::uuid[]) as i (id)
cross join lateral (
    select r.id, r.application_id, r.external_id, coalesce(r.price, m.price) as price,
        r.state = 'CANCELED' as canceled
    from message_request r
    left join message m on m.company_id = $1 and m.id = r.solo_message_id
    where r.company_id = $1 and r.id = i.id and r.id between $3 and $4 limit 1
) n;
