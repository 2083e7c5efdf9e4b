-- own_topics: The topics that a company has added.
select name, description from event_topic
where company_id = $1
order by name;

-- own_topic: One of them.
select name, description from event_topic
where company_id = $1 and name = $2;

-- insert_topic: A topic of a company's own; nothing if it has one of that name.
insert into event_topic (company_id, name, description, created_at)
values ($1, $2, $3, $4)
on conflict do nothing
returning name;

-- delete_topic: Takes a topic of a company's own away, if nothing is in it and nobody subscribes.
delete from event_topic t
where t.company_id = $1 and t.name = $2
  and not exists (select from event_type e where e.company_id = $1 and e.topic = $2)
  and not exists (select from subscription_key k where k.company_id = $1 and k.topic = $2)
returning t.name;

-- own_types: The event types that a company has added.
select code, topic, strict, fields from event_type
where company_id = $1
order by code;

-- own_types_of_topic: Those of one topic.
select code, topic, strict, fields from event_type
where company_id = $1 and topic = $2
order by code;

-- own_types_by_code: Those with these codes.
select code, topic, strict, fields from event_type
where company_id = $1 and code = any($2::text[]);

-- count_own: How many topics and types a company has added.
select
    (select count(*) from event_topic where company_id = $1) as topics,
    (select count(*) from event_type where company_id = $1) as types;

-- insert_type: An event type of a company's own; nothing if it has one of that code.
insert into event_type (company_id, code, topic, strict, fields, created_at)
values ($1, $2, $3, $4, $5, $6)
on conflict do nothing
returning code;

-- update_type: Its fields anew; it stays in its topic.
update event_type
set strict = $4, fields = $5
where company_id = $1 and code = $2 and topic = $3
returning code;

-- delete_type: Takes an event type of a company's own away, if nobody subscribes to it.
delete from event_type e
where e.company_id = $1 and e.code = $2
  and not exists (
      select from subscription_key k
      where k.company_id = $1 and k.topic = e.topic and k.event_type = e.code
  )
returning e.code;
