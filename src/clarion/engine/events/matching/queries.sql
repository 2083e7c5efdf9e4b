-- companies: Every company that something has happened to, by skipping from company to company in the key.
with recursive waiting as (
    (select company_id from announcement order by company_id limit 1)
    union all
    select (
        select a.company_id from announcement a where a.company_id > w.company_id
        order by a.company_id limit 1
    ) from waiting w where w.company_id is not null
)
select company_id from waiting where company_id is not null;

-- hold_company: Whether this matcher has the company for itself until its transaction ends, so that events keep their order.
select pg_try_advisory_xact_lock($2, $1) as company_id;

-- announcements: The next things that have happened to a company, up to about $3 of them; one announcement at least.
select id, topic, type, at, subjects, befores, afters, codes, details, bodies
from (
    select *, sum(size) over (order by id) - size as earlier
    from (
        select *, cardinality(subjects) + coalesce(jsonb_array_length(bodies), 0) as size
        from announcement where company_id = $1 order by id limit $2
    ) next
) sized
where earlier < $3
order by id;

-- kinds: Types and fields that the subscriptions to a topic are found by, and how many keys each has, counted up to $3.
with recursive kind as (
    (
        select event_type, field from subscription_key
        where company_id = $1 and topic = $2
        order by event_type, field limit 1
    )
    union all
    select next.* from kind k, lateral (
        select event_type, field from subscription_key
        where company_id = $1 and topic = $2 and (event_type, field) > (k.event_type, k.field)
        order by event_type, field limit 1
    ) next
)
select event_type, field, (
    select count(*) from (
        select from subscription_key s
        where s.company_id = $1 and s.topic = $2 and s.event_type = k.event_type
            and s.field = k.field
        limit $3
    ) counted
) as keys
from kind k;

-- held: Keys of some kinds, with their subscriptions.
select k.event_type, k.field, k.value, s.id, s.configuration_id, s.starts_at, s.ends_at, s.criteria
from unnest($3::text[], $4::text[]) as kind (event_type, field)
cross join lateral (
    select * from subscription_key
    where company_id = $1 and topic = $2 and event_type = kind.event_type and field = kind.field
    limit $5
) k
cross join lateral (
    select * from subscription where company_id = $1 and id = k.subscription_id limit 1
) s;

-- look_up: The subscriptions that have these keys: look-ups by key, whatever the planner knows.
select k.event_type, k.field, k.value, s.id, s.configuration_id, s.starts_at, s.ends_at, s.criteria
from unnest($3::text[], $4::text[], $5::text[]) as wanted (event_type, field, value)
cross join lateral (
    select * from subscription_key
    where company_id = $1 and topic = $2 and event_type = wanted.event_type
        and field = wanted.field and value = wanted.value
    limit $6
) k
cross join lateral (
    select * from subscription where company_id = $1 and id = k.subscription_id limit 1
) s;

-- record: Events, and a delivery to each of their configurations: into the claim that a node has promised it, if its configuration still has the version that this node knows and does well, else into the queue. What they were made of is done with. Answers the configurations of the claims.
with gone as (
    delete from announcement where company_id = $1 and id = any($2::uuid[])
), made as (
    insert into event (company_id, id, external_id, topic, type, key, at, body)
    select $1, * from unnest(
        $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::text[]
    )
), due as (
    select d.event_id, d.configuration_id, case when c.ordered then d.key end as key, p.claim_id
    from unnest($10::uuid[], $11::bigint[], $12::text[], $13::uuid[])
        as d (event_id, configuration_id, key, claim_id)
    join delivery_configuration c
        on c.company_id = $1 and c.id = d.configuration_id and c.deleted_at is null
    left join unnest($14::uuid[], $15::integer[]) as p (claim_id, version)
        on p.claim_id = d.claim_id and p.version = c.version and c.active and c.failures = 0
            and (c.held_until is null or c.held_until <= $17)
), to_deliver as (
    insert into event_delivery (company_id, event_id, configuration_id, updated_at)
    select $1, event_id, configuration_id, $17 from due
), queued as (
    insert into delivery_queue (company_id, configuration_id, due_at, event_id, key)
    select $1, configuration_id, $17, event_id, key from due where claim_id is null
)
insert into delivery_claim (company_id, id, configuration_id, node_id, events, attempts, keys)
select $1, claim_id, configuration_id, $16, array_agg(event_id), array_agg(0::smallint),
    array_agg(key)
from due where claim_id is not null group by claim_id, configuration_id
returning configuration_id;

-- publish: Reserves the ids that publishers give their events; answers those that were free.
insert into event_publication (company_id, external_id, event_id, fingerprint)
select $1, * from unnest($2::text[], $3::uuid[], $4::bytea[])
on conflict do nothing
returning event_id;

-- published: What has such an id.
select external_id, event_id, fingerprint from event_publication
where company_id = $1 and external_id = any($2::text[]);
