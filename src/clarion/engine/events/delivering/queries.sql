-- find_due: Configurations that are posted to and have something waiting, by skipping from one to the next in the key, with what says whether it may go.
with recursive lane as (
    (
        select company_id, configuration_id, due_at from delivery_queue
        order by company_id, configuration_id, due_at limit 1
    )
    union all
    select next.* from lane, lateral (
        select company_id, configuration_id, due_at from delivery_queue q
        where (q.company_id, q.configuration_id) > (lane.company_id, lane.configuration_id)
        order by company_id, configuration_id, due_at limit 1
    ) next
)
select l.company_id, l.configuration_id, l.due_at, c.held_until, c.throttling, c.ordered, c.version,
    c.failures
from lane l
join delivery_configuration c on c.company_id = l.company_id and c.id = l.configuration_id
where c.active and c.protocol = 'REST' and c.address is not null and c.deleted_at is null;

-- claim: Moves due deliveries of configurations from the queue into claims of a node, so many of each.
with wanted as (
    select * from unnest($2::bigint[], $3::integer[], $4::uuid[])
        as w (configuration_id, count, claim_id)
), taken as (
    delete from delivery_queue where ctid = any(array(
        select picked.ctid from wanted w cross join lateral (
            select ctid from delivery_queue q
            where q.company_id = $1 and q.configuration_id = w.configuration_id
                and q.due_at <= $5
            order by q.due_at, q.event_id limit w.count for update skip locked
        ) picked
    ))
    returning configuration_id, due_at, event_id, attempts, key
), claimed as (
    insert into delivery_claim (company_id, id, configuration_id, node_id, events, attempts, keys)
    select $1, w.claim_id, t.configuration_id, $6, array_agg(t.event_id), array_agg(t.attempts),
        array_agg(t.key)
    from taken t join wanted w on w.configuration_id = t.configuration_id
    group by w.claim_id, t.configuration_id
)
select configuration_id, event_id, attempts, key from taken order by due_at, event_id;

-- claim_ordered: The same of one ordered configuration, whose row of delivery_rate is locked: of keys of which nothing is in hand and nothing waits for its next try, the first ones in their order.
with in_hand as materialized (
    select distinct i.key from delivery_claim c
    cross join lateral unnest(c.events, c.attempts, c.keys) as i (event_id, attempts, key)
    join event_delivery d on d.company_id = $1 and d.event_id = i.event_id
        and d.configuration_id = $2 and d.attempts = i.attempts
        and d.status in ('PENDING', 'RETRY')
    where c.company_id = $1 and c.configuration_id = $2 and i.key is not null
), later as materialized (
    select distinct key from delivery_queue
    where company_id = $1 and configuration_id = $2 and due_at > $5 and key is not null
), candidates as materialized (
    select q.ctid, q.key from delivery_queue q
    where q.company_id = $1 and q.configuration_id = $2 and q.due_at <= $5
        and (q.key is null or (
            q.key not in (select key from in_hand) and q.key not in (select key from later)
        ))
    order by q.due_at, q.event_id limit $3
), picked as (
    select ctid from candidates where key is null
    union
    select f.ctid from (select distinct key from candidates where key is not null) k
    cross join lateral (
        select ctid from delivery_queue q
        where q.company_id = $1 and q.configuration_id = $2 and q.key = k.key
        order by q.event_id limit $7
    ) f
), taken as (
    delete from delivery_queue where ctid = any(array(select ctid from picked))
    returning configuration_id, event_id, attempts, key
), claimed as (
    insert into delivery_claim (company_id, id, configuration_id, node_id, events, attempts, keys)
    select $1, $4, $2, $6, array_agg(event_id), array_agg(attempts), array_agg(key)
    from taken having count(*) > 0
)
select configuration_id, event_id, attempts, key from taken order by event_id;

-- read_claimed: What to post of claimed deliveries: one look-up by key each; the range names the partitions. What is done already, or is tried elsewhere, is left out.
select f.* from unnest($2::uuid[], $3::bigint[], $4::smallint[])
    as i (event_id, configuration_id, attempts)
cross join lateral (
    select d.event_id, d.configuration_id, d.tries_from, e.external_id, e.topic, e.type, e.key,
        e.at, e.body
    from event_delivery d
    join event e on e.company_id = $1 and e.id = d.event_id and e.id between $5 and $6
    where d.company_id = $1 and d.event_id = i.event_id and d.configuration_id = i.configuration_id
        and d.attempts = i.attempts and d.status in ('PENDING', 'RETRY')
        and d.event_id between $5 and $6
    limit 1
) f;

-- make_rates: Rows for throttled and ordered configurations that have none.
insert into delivery_rate (company_id, configuration_id, next_at)
select $1, i.id, $3 from unnest($2::bigint[]) as i (id)
on conflict do nothing;

-- lock_rates: Those that no other node has at the moment.
select configuration_id, next_at from delivery_rate
where company_id = $1 and configuration_id = any($2::bigint[])
order by configuration_id for update skip locked;

-- set_rates: When the next ones are due at an even pace.
update delivery_rate r set next_at = i.next_at
from unnest($2::bigint[], $3::timestamptz[]) as i (configuration_id, next_at)
where r.company_id = $1 and r.configuration_id = i.configuration_id;

-- record: Tries of deliveries, with what came of them. One that is recorded already, by us or another node, changes nothing.
with tried as (
    select * from unnest(
        $2::uuid[], $3::bigint[], $4::smallint[], $5::timestamptz[], $6::text[], $7::smallint[],
        $8::text[], $9::integer[], $10::text[], $11::timestamptz[], $12::text[]
    ) as t (
        event_id, configuration_id, attempts, at, address, http_status,
        answer, milliseconds, next, due_at, key
    )
), moved as (
    update event_delivery d set
        status = t.next::delivery_status, attempts = t.attempts + 1, updated_at = t.at
    from tried t
    where d.company_id = $1 and d.event_id = t.event_id
        and d.configuration_id = t.configuration_id and d.attempts = t.attempts
        and d.status in ('PENDING', 'RETRY') and d.event_id between $13 and $14
    returning d.event_id, d.configuration_id
), counted as (
    select t.* from tried t
    join moved m on m.event_id = t.event_id and m.configuration_id = t.configuration_id
), noted as (
    insert into delivery_attempt (company_id, event_id, configuration_id, number, at, succeeded,
        address, http_status, answer, milliseconds)
    select $1, event_id, configuration_id, attempts + 1, at, next = 'SUCCESS', address,
        http_status, answer, milliseconds
    from counted
    on conflict do nothing
), queued as (
    insert into delivery_queue (company_id, configuration_id, due_at, event_id, attempts, key)
    select $1, configuration_id, due_at, event_id, attempts + 1, key
    from counted where next = 'RETRY'
    on conflict do nothing
), failed as (
    insert into failed_delivery (company_id, configuration_id, event_id)
    select $1, configuration_id, event_id from counted where next = 'FAILED'
    on conflict do nothing
)
select count(*) from counted;

-- drop_claims: Claims of which everything is recorded or given back; answers those that were there.
delete from delivery_claim where company_id = $1 and id = any($2::uuid[]) returning id;

-- shrink_claims: Takes out of claims what is given back; answers those that were there.
with given as (
    select * from unnest($2::uuid[], $3::uuid[]) as g (claim_id, event_id)
), rest as (
    select c.id, array_agg(i.event_id order by i.event_id) filter (where g.event_id is null) as events,
        array_agg(i.attempts order by i.event_id) filter (where g.event_id is null) as attempts,
        array_agg(i.key order by i.event_id) filter (where g.event_id is null) as keys
    from delivery_claim c
    cross join lateral unnest(c.events, c.attempts, c.keys) as i (event_id, attempts, key)
    left join given g on g.claim_id = c.id and g.event_id = i.event_id
    where c.company_id = $1 and c.id in (select claim_id from given)
    group by c.id
)
update delivery_claim c set events = coalesce(rest.events, '{}'),
    attempts = coalesce(rest.attempts, '{}'), keys = coalesce(rest.keys, '{}')
from rest where c.company_id = $1 and c.id = rest.id
returning c.id;

-- requeue: Deliveries back into the queue, as far as they are not recorded.
insert into delivery_queue (company_id, configuration_id, due_at, event_id, attempts, key)
select $1, i.configuration_id, i.due_at, i.event_id, i.attempts, i.key
from unnest($2::bigint[], $3::uuid[], $4::smallint[], $5::text[], $6::timestamptz[])
    as i (configuration_id, event_id, attempts, key, due_at)
join event_delivery d on d.company_id = $1 and d.event_id = i.event_id
    and d.configuration_id = i.configuration_id and d.attempts = i.attempts
    and d.status in ('PENDING', 'RETRY')
where d.event_id between $7 and $8
on conflict do nothing;

-- take_back_claims: Undoes claims of which nothing was posted, as far as they were made.
delete from delivery_claim where company_id = $1 and id = any($2::uuid[])
returning company_id, configuration_id, events, attempts, keys;

-- orphaned_claims: Takes over claims of nodes that are gone.
delete from delivery_claim where ctid = any(array(
    select ctid from delivery_claim c
    where not exists (select from node n where n.id = c.node_id and n.expires_at > $1)
    limit $2 for update skip locked
))
returning company_id, configuration_id, events, attempts, keys;

-- note_health: How receivers do: failures in a row, and until when nothing more is to go.
update delivery_configuration c set failures = i.failures,
    held_until = greatest(c.held_until, i.held_until)
from unnest($2::bigint[], $3::integer[], $4::timestamptz[]) as i (id, failures, held_until)
where c.company_id = $1 and c.id = i.id;
