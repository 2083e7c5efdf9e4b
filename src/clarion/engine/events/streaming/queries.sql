-- seen: A client of this STREAM configuration is there; no row: there is no such one, or it is off.
update delivery_configuration set seen_at = $3
where company_id = $1 and id = $2 and protocol = 'STREAM' and active and deleted_at is null
returning id;

-- waiting: The next deliveries of a configuration behind ($3, $4), and their events, as far as these are still there; up to about $7 characters, one at least.
select due_at, event_id, attempts, external_id, topic, type, key, at, body
from (
    select q.due_at, q.event_id, q.attempts, e.external_id, e.topic, e.type, e.key, e.at, e.body,
        sum(length(e.body)) over (order by q.due_at, q.event_id) - length(e.body) as earlier
    from (
        select due_at, event_id, attempts from delivery_queue
        where company_id = $1 and configuration_id = $2 and due_at <= $5
            and (due_at, event_id) > ($3::timestamptz, $4::uuid)
        order by due_at, event_id
        limit $6
    ) q
    left join lateral (
        select * from event where company_id = $1 and id = q.event_id limit 1
    ) e on true
) sized
where earlier is null or earlier < $7
order by due_at, event_id;

-- handed_over: Deliveries that a client has taken: off the queue, with their attempts. Of two
-- clients that took one, the first has it.
with taken as (
    delete from delivery_queue q
    using unnest($3::timestamptz[], $4::uuid[]) as t (due_at, event_id)
    where q.company_id = $1 and q.configuration_id = $2
        and q.due_at = t.due_at and q.event_id = t.event_id
    returning q.event_id
), moved as (
    update event_delivery d
    set status = 'SUCCESS', attempts = d.attempts + 1, updated_at = $5
    where d.company_id = $1 and d.event_id = any($4::uuid[]) and d.configuration_id = $2
        and exists (select from taken t where t.event_id = d.event_id)
    returning d.event_id, d.attempts
)
insert into delivery_attempt (company_id, event_id, configuration_id, number, at, succeeded,
    address, http_status, answer, milliseconds)
select $1, event_id, $2, attempts, $5, true, $6, null, '', 0
from moved
on conflict do nothing;

-- forsaken: STREAM configurations, of all companies, that no client has asked for in a while.
select company_id, id from delivery_configuration
where protocol = 'STREAM' and deleted_at is null and greatest(seen_at, updated_at) < $1
order by company_id, id
limit $2;
