-- list_deliveries: Deliveries of events that fit, the newest event first. $3 names events by our ids, $4 and $5 bound their ids and so the partitions.
select d.event_id, d.configuration_id, d.status::text, d.attempts, d.handled_at, d.updated_at,
    e.external_id, e.topic, e.type, e.key, e.at, e.body, c.name, c.address
from event_delivery d
join event e on e.company_id = d.company_id and e.id = d.event_id
join delivery_configuration c on c.company_id = d.company_id and c.id = d.configuration_id
where d.company_id = $1
    and ($2::delivery_status is null or d.status = $2)
    and ($3::uuid[] is null or d.event_id = any($3))
    and d.event_id between $4 and $5 and e.id between $4 and $5
    and ($6::text is null or e.topic = $6)
    and ($7::text is null or e.type = $7)
    and ($8::bigint is null or d.configuration_id = $8)
    and ($9::text is null or c.name = $9)
    and ($10::timestamptz is null or e.at >= $10)
    and ($11::timestamptz is null or e.at <= $11)
order by d.event_id desc, d.configuration_id
limit $12 offset $13;

-- events_named: Our ids of the events that a publisher calls so.
select id from event where company_id = $1 and external_id = $2;

-- delivery_attempts: The tries of a delivery.
select number, at, succeeded, address, http_status, answer, milliseconds
from delivery_attempt
where company_id = $1 and event_id = $2 and configuration_id = $3
order by number;

-- summarize: Deliveries that are not done, by configuration, topic and type. What waits is in the queue, in a claim, or on its way into a file; what of a claim is recorded has attempts past the claim's.
with open as (
    select configuration_id, event_id, attempts = 0 as fresh, false as failed
    from delivery_queue where company_id = $1 and event_id >= $2
    union all
    select c.configuration_id, i.event_id, i.attempts = 0, false
    from delivery_claim c
    cross join lateral unnest(c.events, c.attempts) as i (event_id, attempts)
    join event_delivery d on d.company_id = $1 and d.event_id = i.event_id
        and d.configuration_id = c.configuration_id and d.attempts = i.attempts
        and d.status in ('PENDING', 'RETRY')
    where c.company_id = $1 and i.event_id >= $2 and d.event_id >= $2
    union all
    select f.configuration_id, i.event_id, true, false
    from event_file_entry i
    join event_file f on f.company_id = $1 and f.id = i.file_id
    where i.company_id = $1 and i.event_id >= $2
    union all
    select configuration_id, event_id, false, true
    from failed_delivery where company_id = $1 and event_id >= $2
)
select o.configuration_id, e.topic, e.type,
    count(*) filter (where o.fresh) as pending,
    count(*) filter (where not o.fresh and not o.failed) as retry,
    count(*) filter (where o.failed) as failed
from open o
join event e on e.company_id = $1 and e.id = o.event_id
where e.company_id = $1 and e.id >= $2
    and ($3::timestamptz is null or e.at >= $3)
    and ($4::timestamptz is null or e.at <= $4)
group by o.configuration_id, e.topic, e.type;

-- subscribed_types: The configurations, and what the first subscriptions of each are to: what a summary shows though nothing of it waits.
select c.id, c.name, s.topic, s.event_type
from delivery_configuration c
left join lateral (
    select distinct topic, event_type from (
        select topic, event_type from subscription
        where company_id = $1 and configuration_id = c.id order by id limit 1000
    ) first
) s on true
where c.company_id = $1 and c.deleted_at is null
order by c.id;

-- handle: Marks FAILED deliveries that fit as handled; answers how many.
with chosen as (
    select f.configuration_id, f.event_id
    from failed_delivery f
    join event e on e.company_id = f.company_id and e.id = f.event_id
    join delivery_configuration c on c.company_id = f.company_id and c.id = f.configuration_id
    where f.company_id = $1
        and ($2::uuid[] is null or f.event_id = any($2))
        and f.event_id >= $3 and e.id >= $3
        and ($4::text is null or e.topic = $4)
        and ($5::text is null or e.type = $5)
        and ($6::bigint is null or f.configuration_id = $6)
        and ($7::text is null or c.name = $7)
        and ($8::timestamptz is null or e.at >= $8)
        and ($9::timestamptz is null or e.at <= $9)
    order by f.configuration_id, f.event_id limit $11 for update of f skip locked
), gone as (
    delete from failed_delivery f using chosen
    where f.company_id = $1 and f.configuration_id = chosen.configuration_id
        and f.event_id = chosen.event_id
    returning f.configuration_id, f.event_id
), handled as (
    update event_delivery d set handled_at = $10 from gone
    where d.company_id = $1 and d.event_id = gone.event_id
        and d.configuration_id = gone.configuration_id and d.event_id >= $3
    returning d.event_id
)
select count(*) from handled;

-- send_again: Deliveries that are done go once more, with all tries of the schedule. $4 is the lowest of the events.
with again as (
    update event_delivery d set
        status = case when d.attempts = 0 then 'PENDING' else 'RETRY' end::delivery_status,
        tries_from = d.attempts, handled_at = null, updated_at = $5
    from unnest($2::uuid[], $3::bigint[]) as i (event_id, configuration_id),
        delivery_configuration c
    where d.company_id = $1 and d.event_id = i.event_id
        and d.configuration_id = i.configuration_id and d.status in ('SUCCESS', 'FAILED')
        and d.event_id >= $4
        and c.company_id = $1 and c.id = i.configuration_id and c.deleted_at is null
    returning d.event_id, d.configuration_id, d.attempts, c.ordered
), settled as (
    delete from failed_delivery f using again
    where f.company_id = $1 and f.configuration_id = again.configuration_id
        and f.event_id = again.event_id
), queued as (
    insert into delivery_queue (company_id, configuration_id, due_at, event_id, attempts, key)
    select $1, a.configuration_id, $5, a.event_id, a.attempts, case when a.ordered then e.key end
    from again a join event e on e.company_id = $1 and e.id = a.event_id and e.id >= $4
    returning event_id
)
select count(*) from queued;

-- bring_forward: A delivery that waits for its next try need not wait.
update delivery_queue set due_at = $4
where company_id = $1 and configuration_id = $2 and event_id = $3 and due_at > $4;

-- done_deliveries: Deliveries to send again, in the order of their events, from after ($2, $3).
select d.event_id, d.configuration_id
from event_delivery d
join event e on e.company_id = d.company_id and e.id = d.event_id
join delivery_configuration c on c.company_id = d.company_id and c.id = d.configuration_id
where d.company_id = $1 and (d.event_id, d.configuration_id) > ($2, $3)
    and d.event_id between $2 and $4 and e.id between $2 and $4
    and ($5::delivery_status is null or d.status = $5) and d.status in ('SUCCESS', 'FAILED')
    and ($6::uuid[] is null or d.event_id = any($6))
    and ($7::text is null or e.topic = $7)
    and ($8::text is null or e.type = $8)
    and ($9::bigint is null or d.configuration_id = $9)
    and ($10::text is null or c.name = $10)
    and ($11::timestamptz is null or e.at >= $11)
    and ($12::timestamptz is null or e.at <= $12)
    and c.deleted_at is null
order by d.event_id, d.configuration_id limit $13;

-- failed_deliveries: The same of those that FAILED and that nobody has handled: there are few.
select f.event_id, f.configuration_id
from failed_delivery f
join event e on e.company_id = f.company_id and e.id = f.event_id
join delivery_configuration c on c.company_id = f.company_id and c.id = f.configuration_id
where f.company_id = $1 and (f.event_id, f.configuration_id) > ($2, $3)
    and f.event_id between $2 and $4 and e.id between $2 and $4
    and ($5::uuid[] is null or f.event_id = any($5))
    and ($6::text is null or e.topic = $6)
    and ($7::text is null or e.type = $7)
    and ($8::bigint is null or f.configuration_id = $8)
    and ($9::text is null or c.name = $9)
    and ($10::timestamptz is null or e.at >= $10)
    and ($11::timestamptz is null or e.at <= $11)
    and c.deleted_at is null
order by f.event_id, f.configuration_id limit $12;
