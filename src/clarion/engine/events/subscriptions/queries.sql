-- insert: Subscriptions to a topic, in the order of $3 ff., with the keys that they are found by; answers their ids in that order.
with made as materialized (
    select nextval(pg_get_serial_sequence('subscription', 'id')) as id, new.*
    from unnest(
        $4::text[], $5::bigint[], $6::text[], $7::timestamptz[], $8::timestamptz[]
    ) with ordinality as new (event_type, configuration_id, criteria, starts_at, ends_at, number)
), stored as (
    insert into subscription (
        company_id, id, topic, event_type, configuration_id, criteria, starts_at, ends_at,
        updated_at
    )
    select $1, id, $2, nullif(event_type, ''), configuration_id, criteria, starts_at, ends_at, $3
    from made
), found_by as (
    insert into subscription_key (company_id, topic, event_type, field, value, subscription_id)
    select $1, $2, made.event_type, key.field, key.value, made.id
    from unnest($9::bigint[], $10::text[], $11::text[]) as key (number, field, value)
    join made on made.number = key.number
)
select id from made order by number;

-- count: Adds to one part of a company's total.
insert into subscription_total (company_id, part, subscriptions) values ($1, $2, $3)
on conflict (company_id, part)
do update set subscriptions = subscription_total.subscriptions + excluded.subscriptions;

-- total: How many subscriptions a company has.
select coalesce(sum(subscriptions), 0)::bigint from subscription_total
where company_id = $1;

-- unkeyed: How many subscriptions to these types of a topic have no key, counted up to $4.
select count(*) from (
    select from unnest($3::text[]) as listed (event_type)
    cross join lateral (
        select from subscription_key k
        where k.company_id = $1 and k.topic = $2 and k.event_type = listed.event_type
          and k.field = ''
        limit $4
    ) of_type
    limit $4
) found;

-- crowded: How many subscriptions are found by each of these keys, counted up to $6; only of keys that have some.
select wanted.number, found.count
from unnest($3::text[], $4::text[], $5::text[])
    with ordinality as wanted (event_type, field, value, number)
cross join lateral (
    select count(*) from (
        select from subscription_key k
        where k.company_id = $1 and k.topic = $2 and k.event_type = wanted.event_type
          and k.field = wanted.field and k.value = wanted.value
        limit $6
    ) of_key
) found
where found.count > 0;

-- subscription: One subscription to a topic, unless its configuration is gone.
select s.* from subscription s
join delivery_configuration c
    on c.company_id = $1 and c.id = s.configuration_id and c.deleted_at is null
where s.company_id = $1 and s.id = $3 and s.topic = $2;

-- lock: The same, held until the transaction ends.
select s.* from subscription s
join delivery_configuration c
    on c.company_id = $1 and c.id = s.configuration_id and c.deleted_at is null
where s.company_id = $1 and s.id = $3 and s.topic = $2
for update of s;

-- update: What a company can change of a subscription.
update subscription
set criteria = $3, starts_at = $4, ends_at = $5, updated_at = $6, version = version + 1
where company_id = $1 and id = $2;

-- delete_keys: Nothing finds it any more.
delete from subscription_key
where company_id = $1 and subscription_id = $2;

-- insert_keys: What it is found by.
insert into subscription_key (company_id, topic, event_type, field, value, subscription_id)
select $1, $2, $3, key.field, key.value, $4
from unnest($5::text[], $6::text[]) as key (field, value);

-- delete: Takes a subscription away with its keys.
with gone as (
    delete from subscription
    where company_id = $1 and id = $3 and topic = $2
    returning id
), keys as (
    delete from subscription_key
    where company_id = $1 and subscription_id = any (array(select id from gone))
)
select id from gone;

-- found_by: Subscriptions that are found by one of these keys, whatever type of the topic they are to: look-ups by key, whatever the planner knows.
select distinct s.id, s.event_type, s.configuration_id, c.name as configuration_name, s.criteria
from unnest($3::text[]) as listed (event_type)
cross join unnest($4::text[], $5::text[]) as wanted (field, value)
cross join lateral (
    select subscription_id from subscription_key
    where company_id = $1 and topic = $2 and event_type = listed.event_type
      and field = wanted.field and value = wanted.value
    limit $7
) k
cross join lateral (
    select * from subscription
    where company_id = $1 and id = k.subscription_id and (ends_at is null or ends_at > $6)
    limit 1
) s
cross join lateral (
    select name from delivery_configuration
    where company_id = $1 and id = s.configuration_id and deleted_at is null
    limit 1
) c
order by s.configuration_id, s.id
limit $7;

-- unique_values: How many values of a field the subscriptions to a topic name, ended ones left out.
select count(*) from (
    select distinct k.value
    from subscription_key k
    where k.company_id = $1 and k.topic = $2 and k.event_type = any($3::text[]) and k.field = $4
      and not exists (
          select from subscription s
          where s.company_id = $1 and s.ends_at <= $5 and s.id = k.subscription_id
      )
) named;

-- left_over: Companies and deleted delivery configurations that subscriptions are left of.
select c.company_id, c.id from delivery_configuration c
where c.deleted_at is not null
  and exists (
      select from subscription s
      where s.company_id = c.company_id and s.configuration_id = c.id
  );

-- sweep: Takes some subscriptions of a configuration away with their keys; how many.
with gone as (
    delete from subscription
    where company_id = $1 and id = any (array(
        select id from subscription
        where company_id = $1 and configuration_id = $2
        order by id
        limit $3
        for update skip locked
    ))
    returning id
), keys as (
    delete from subscription_key
    where company_id = $1 and subscription_id = any (array(select id from gone))
)
select count(*) from gone;

-- waited_for: Companies and deleted delivery configurations that deliveries still wait for, or have failed for.
select c.company_id, c.id from delivery_configuration c
where c.deleted_at is not null
  and (
      exists (
          select from delivery_queue q
          where q.company_id = c.company_id and q.configuration_id = c.id
      )
      or exists (
          select from failed_delivery f
          where f.company_id = c.company_id and f.configuration_id = c.id
      )
  );

-- take_off_queue: Some deliveries to a configuration wait no longer.
delete from delivery_queue
where company_id = $1 and ctid = any (array(
    select ctid from delivery_queue
    where company_id = $1 and configuration_id = $2
    limit $3
    for update skip locked
))
returning event_id;

-- take_off_failed: Some failed deliveries to a configuration need nobody's care any more.
delete from failed_delivery
where company_id = $1 and ctid = any (array(
    select ctid from failed_delivery
    where company_id = $1 and configuration_id = $2
    limit $3
    for update skip locked
))
returning event_id;

-- give_up: Deliveries come to nothing, and nobody needs to see to it. $4 and $5 bound their events, and so the partitions.
update event_delivery set status = 'FAILED', handled_at = $6, updated_at = $6
where company_id = $1 and configuration_id = $2 and event_id = any ($3::uuid[])
    and event_id between $4 and $5;
