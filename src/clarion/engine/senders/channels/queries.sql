-- insert_channel: A company's own channel.
insert into channel (
    company_id, id, application_id, name, priority, description, ownership, updated_at
) values ($1, $2, $3, $4, $5, $6, $7, $8);

-- lock_channel: A company's own channel, held until the transaction ends.
select * from channel
where company_id = $1 and id = $2 and deleted_at is null
for update;

-- update_channel: Everything of a channel that its company can change.
update channel
set name = $3, priority = $4, description = $5, ownership = $6, updated_at = $7,
    version = version + 1
where company_id = $1 and id = $2;

-- delete_channel: Marks it deleted.
update channel
set deleted_at = $3, updated_at = $3, version = version + 1
where company_id = $1 and id = $2;

-- own_senders: Which of these are living sender ids of the company.
select id from sender_id
where company_id = $1 and id = any($2::uuid[]) and deleted_at is null;

-- count_senders: How many living sender ids a channel has.
select count(*)
from channel_sender cs
join sender_id s on s.company_id = cs.company_id and s.id = cs.sender_id
where cs.company_id = $1 and cs.channel_id = $2 and s.deleted_at is null;

-- add_senders: Puts sender ids of the company into its channel; those in it stay.
insert into channel_sender (company_id, channel_id, sender_id)
select $1, $2, added.id from unnest($3::uuid[]) as added (id)
on conflict do nothing;

-- remove_senders: Takes sender ids out of a channel; answers which were in it.
delete from channel_sender
where company_id = $1 and channel_id = $2 and sender_id = any($3::uuid[])
returning sender_id;

-- usable_channel: A channel that the company can send through, its own or one that is offered.
select c.id, c.company_id, c.priority, c.ownership from channel c
where c.id = $2 and c.deleted_at is null
  and (c.company_id = $1
       or c.company_id = (select id from operator_company) and c.ownership in ('SHARED', 'PUBLIC'));

-- senders_of_own: The sender ids of a company's own channel.
select s.*
from channel_sender cs
join sender_profile s on s.company_id = cs.company_id and s.id = cs.sender_id
where cs.company_id = $1 and cs.channel_id = $2
order by s.id;

-- senders_of_offered: What the company $1 has taken of the sender ids of a channel of $2.
select s.*
from channel_sender cs
join sender_profile s on s.company_id = $1 and s.parent_id = cs.sender_id
where cs.company_id = $2 and cs.channel_id = $3
order by s.id;

-- not_yet_taken: The SHARED sender ids of a channel of $2 that the company $1 has not taken.
select offered.id
from channel_sender cs
join sender_id offered on offered.company_id = cs.company_id and offered.id = cs.sender_id
where cs.company_id = $2 and cs.channel_id = $3 and offered.ownership = 'SHARED'
  and offered.state = 'ACTIVE' and offered.deleted_at is null
  and not exists (
      select from sender_id taken
      where taken.company_id = $1 and taken.deleted_at is null
        and (taken.parent_id = offered.id
             or taken.type_id = offered.type_id and taken.address = offered.address)
  )
order by offered.id;

-- listed_countries: Every country that a class names.
select distinct country
from sender_id_class, unnest(applicable_countries) as listed (country)
where country <> 'OTHER';
