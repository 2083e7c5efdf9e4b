-- insert_group: A group as it begins.
insert into contact_group (
    company_id, id, application_id, external_id, name, description, type, criteria, status,
    updated_at
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- begin_work: The background is to fill a group, or to empty one that is deleted.
insert into contact_group_work (company_id, group_id) values ($1, $2)
on conflict (company_id, group_id) do update set after = null, node_id = null;

-- lock_group: A group, held until the transaction ends.
select * from contact_group where company_id = $1 and id = $2 and deleted_at is null for update;

-- update_group: Everything of a group that a client can change.
update contact_group
set name = $3, external_id = $4, description = $5, criteria = $6, updated_at = $7,
    version = version + 1
where company_id = $1 and id = $2;

-- delete_group: Marks it deleted.
update contact_group set deleted_at = $3, updated_at = $3, version = version + 1
where company_id = $1 and id = $2 and deleted_at is null;

-- read_group: What the use of a group needs to know of it.
select type, criteria, status from contact_group
where company_id = $1 and id = $2 and deleted_at is null;

-- groups_among: Which of these ids are groups'.
select id from contact_group
where company_id = $1 and id = any($2::uuid[]) and deleted_at is null;

-- add_members: Makes contacts members; who of them lives, and how many were none before. A contact that is being deleted is waited for.
with living as (
    select c.id from (select distinct id from unnest($3::uuid[]) as k (id) order by id) k
    cross join lateral (
        select id, deleted_at from contact where company_id = $1 and id = k.id limit 1 for share
    ) c
    where c.deleted_at is null
), added as (
    insert into contact_group_member (company_id, group_id, contact_id)
    select $1, $2, living.id from living
    on conflict do nothing
    returning 1
)
select array(select id from living) as living, (select count(*) from added) as added;

-- add_held: The same for contacts that the transaction has made or locked already; how many were no members before.
with added as (
    insert into contact_group_member (company_id, group_id, contact_id)
    select $1, $2, id from unnest($3::uuid[]) as held (id)
    on conflict do nothing
    returning 1
)
select count(*) from added;

-- remove_member: Ends one membership.
delete from contact_group_member where company_id = $1 and group_id = $2 and contact_id = $3;

-- count_members: Keeps a group's count; nothing if it is deleted.
update contact_group set member_count = member_count + $3
where company_id = $1 and id = $2 and deleted_at is null
returning 1;

-- leave_groups: Ends all memberships of contacts that are being deleted, and counts them.
with gone as (
    delete from contact_group_member
    where company_id = $1 and contact_id = any($2::uuid[])
    returning group_id
), counted as (
    select group_id, count(*) as members from gone group by group_id
)
update contact_group g set member_count = g.member_count - counted.members
from counted
where g.company_id = $1 and g.id = counted.group_id;

-- member_slice: The next members of a STATIC group.
select contact_id from contact_group_member
where company_id = $1 and group_id = $2 and contact_id > $3
order by contact_id limit $4;

-- criteria_slice: The next contacts that match.
select c.id from contact c
where c.company_id = $1 and c.deleted_at is null and c.id > $2 and (/* criteria */ true)
order by c.id limit $3;

-- count_matching: How many contacts match.
select count(*) from contact c
where c.company_id = $1 and c.deleted_at is null and (/* criteria */ true);

-- limit_time: How long a statement of this transaction may take, in milliseconds.
select set_config('statement_timeout', $1, true);

-- take_work: Gives this node groups that nobody works on: free ones, a dead node's, and its own.
update contact_group_work w set node_id = $1
from (
    select company_id, group_id from contact_group_work
    where node_id is null or node_id = $1
        or node_id not in (select id from node where expires_at > $2)
    order by group_id limit $3 for update skip locked
) free
where w.company_id = free.company_id and w.group_id = free.group_id
returning w.company_id, w.group_id;

-- lock_work: How far the work on a group has come, if this node still does it.
select w.after, g.criteria, g.deleted_at is not null as deleted
from contact_group_work w
join contact_group g on g.company_id = w.company_id and g.id = w.group_id
where w.company_id = $1 and w.group_id = $2 and w.node_id = $3
for update of w;

-- window_end: The last of the next contacts that are to be looked at.
select id from (
    select c.id from contact c
    where c.company_id = $1 and c.deleted_at is null and c.id > $2
    order by c.id limit $3
) seen
order by id desc limit 1;

-- fill_window: Makes the contacts of a window that match members; how many were none before.
with matching as (
    select c.id from contact c
    where c.company_id = $1 and c.deleted_at is null and c.id > $3 and c.id <= $4
        and (/* criteria */ true)
    order by c.id for share
), added as (
    insert into contact_group_member (company_id, group_id, contact_id)
    select $1, $2, matching.id from matching
    on conflict do nothing
    returning 1
)
select count(*) from added;

-- advance_work: How far the work on a group has come.
update contact_group_work set after = $3 where company_id = $1 and group_id = $2;

-- end_work: Nothing is left to do.
delete from contact_group_work where company_id = $1 and group_id = $2;

-- group_ready: All contacts that matched are members.
update contact_group set status = 'Ready', updated_at = $3, version = version + 1
where company_id = $1 and id = $2;

-- empty_group: Ends some memberships of a deleted group.
with gone as (
    delete from contact_group_member
    where company_id = $1 and group_id = $2 and contact_id = any(array(
        select contact_id from contact_group_member
        where company_id = $1 and group_id = $2 limit $3
    ))
    returning 1
)
select count(*) from gone;
