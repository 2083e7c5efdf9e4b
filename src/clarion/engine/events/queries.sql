-- subscribed: Which types of these topics somebody of the company has subscribed to, by skipping from type to type in the key; '' is every type.
with recursive wanted as (
    select t.topic, first.event_type from unnest($2::text[]) as t (topic), lateral (
        select event_type from subscription_key
        where company_id = $1 and topic = t.topic
        order by event_type limit 1
    ) first
    union all
    select w.topic, next.event_type from wanted w, lateral (
        select event_type from subscription_key
        where company_id = $1 and topic = w.topic and event_type > w.event_type
        order by event_type limit 1
    ) next
)
select topic, event_type from wanted;

-- announce: What has happened, for the matcher; each row several happenings of one type.
insert into announcement (company_id, id, topic, type, at, bodies)
select $1, a.id, a.topic, a.type, $2, a.bodies::jsonb
from unnest($3::uuid[], $4::text[], $5::text[], $6::text[]) as a (id, topic, type, bodies);

-- any_application: The oldest application of a company: whose an event is that no application has caused.
select min(id) from application where company_id = $1;

-- companies: Every company, so that work on tenant data goes company by company.
select id from company order by id;

-- purge_publications: Ids that publishers gave to events that are gone.
delete from event_publication
where company_id = $1 and external_id in (
    select external_id from event_publication
    where company_id = $1 and event_id < $2 limit $3
);

-- purge_queue: Deliveries of events that are gone: nothing is due that early otherwise.
delete from delivery_queue where ctid = any(array(
    select ctid from delivery_queue
    where company_id = $1 and event_id < $2 and due_at < $3 limit $4
));

-- purge_failed: Failed deliveries of events that are gone.
delete from failed_delivery where ctid = any(array(
    select ctid from failed_delivery
    where company_id = $1 and event_id < $2 limit $3
));

-- purge_announcements: What nobody has matched while its event would have been kept.
delete from announcement where ctid = any(array(
    select ctid from announcement where company_id = $1 and id < $2 limit $3
));

-- announced: What waits to be matched, of every company: how many rows, and since when; no more than $1 are counted.
select count(*) as announcements, min(at) as oldest
from (select at from announcement order by id limit $1) as waiting;

-- open_deliveries: Deliveries of every company that are not done, by what has become of them so far; no more than $1 of each kind are counted.
select
    count(*) filter (where attempts = 0) as pending,
    count(*) filter (where attempts > 0) as retry,
    (select count(*) from (select from failed_delivery limit $1) as f) as failed
from (select attempts from delivery_queue limit $1) as waiting;

-- oldest_due: Since when a delivery has been due to a receiver that nothing holds back, in any company; by skipping from configuration to configuration in the key.
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
select min(l.due_at)
from lane l
join delivery_configuration c on c.company_id = l.company_id and c.id = l.configuration_id
where l.due_at <= $1 and c.active and c.protocol = 'REST' and c.address is not null
    and c.deleted_at is null and c.throttling is null and c.failures = 0
    and (c.held_until is null or c.held_until <= $1);
