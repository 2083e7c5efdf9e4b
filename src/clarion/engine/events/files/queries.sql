-- due_buffers: Delivery configurations whose file is to be closed, of any company; the next one waits until the one before is written.
select company_id, id, cron_expression, file_opened_at, file_due_at
from delivery_configuration c
where file_due_at <= $1 and active and deleted_at is null and not exists (
    select from event_file f
    where f.company_id = c.company_id and f.configuration_id = c.id and f.status = 'PENDING'
)
order by file_due_at
limit $2
for update skip locked;

-- close_buffers: Files of what was collected, where anything was.
insert into event_file (
    company_id, kind, configuration_id, format, status, opened_at, closed_at, updated_at
)
select due.company_id, 'BUFFER', c.id, c.format, 'PENDING', due.opened_at, due.closed_at, $5
from unnest($1::integer[], $2::bigint[], $3::timestamptz[], $4::timestamptz[])
    as due (company_id, configuration_id, opened_at, closed_at)
join delivery_configuration c on c.company_id = due.company_id and c.id = due.configuration_id
where exists (
    select from delivery_queue q
    where q.company_id = due.company_id and q.configuration_id = due.configuration_id
        and q.due_at <= due.closed_at
);

-- open_buffers: From when on the next files collect, and until when.
update delivery_configuration c set file_opened_at = due.opened_at, file_due_at = due.due_at
from unnest($1::integer[], $2::bigint[], $3::timestamptz[], $4::timestamptz[])
    as due (company_id, id, opened_at, due_at)
where c.company_id = due.company_id and c.id = due.id;

-- insert_dump: A dump that waits for a node.
insert into event_file (company_id, kind, topic, compression, status, opened_at, updated_at)
values ($1, 'DUMP', $2, $3, 'PENDING', $4, $4)
returning id;

-- count_dumps: Dumps that a company has, and those that are not written yet.
select count(*) as kept, count(*) filter (where status = 'PENDING') as pending
from event_file
where company_id = $1 and kind = 'DUMP' and status in ('PENDING', 'ARCHIVED');

-- end_old_dumps: The time of a company's dumps is over now, but for the newest ones.
update event_file set expires_at = $3, updated_at = $3
where company_id = $1 and id in (
    select id from event_file
    where company_id = $1 and kind = 'DUMP' and status = 'ARCHIVED' and expires_at > $3
    order by closed_at desc, id desc
    offset $2
);

-- take_file: Gives this node a file that nobody works on: a waiting one, a dead node's, or its own that it does not know of. The company after the last one goes first.
update event_file f set node_id = $1, updated_at = $2
from (
    select w.company_id, w.id from event_file w
    where w.status = 'PENDING' and not w.id = any($3::bigint[])
        and (w.node_id is null or w.node_id = $1
            or w.node_id not in (select id from node where expires_at > $2))
    order by w.company_id <= $4, w.company_id, w.updated_at, w.id
    limit 1 for update of w skip locked
) free
where f.company_id = free.company_id and f.id = free.id
returning f.*;

-- wants_latest: Whether the file of a configuration has the newest event of each key only.
select latest_event_only from delivery_configuration where company_id = $1 and id = $2;

-- lock_file: A file, held until the transaction ends, if this node still works on it.
select id from event_file
where company_id = $1 and id = $2 and node_id = $3 and status = 'PENDING'
for update;

-- name_key: Where this node is going to write a file.
update event_file set file_key = $4, updated_at = $5
where company_id = $1 and id = $2 and node_id = $3 and status = 'PENDING';

-- take_waiting: Takes some of what waits out of the queue.
delete from delivery_queue
where company_id = $1 and configuration_id = $2 and (due_at, event_id) in (
    select due_at, event_id from delivery_queue
    where company_id = $1 and configuration_id = $2 and due_at <= $3
    order by due_at, event_id
    limit $4
)
returning event_id;

-- event_keys: What events are about.
select id, key from event where company_id = $1 and id = any($2::uuid[]);

-- insert_entries: Deliveries that a file is to hold.
insert into event_file_entry (company_id, file_id, event_id, key)
select $1, $2, event_id, key from unnest($3::uuid[], $4::text[]) as entry (event_id, key)
on conflict do nothing;

-- drop_superseded: Of these keys a file has the newest event only; which ones it had besides.
delete from event_file_entry o
where o.company_id = $1 and o.file_id = $2 and o.key = any($3::text[]) and exists (
    select from event_file_entry n
    where n.company_id = $1 and n.file_id = $2 and n.key = o.key and n.event_id > o.event_id
)
returning o.event_id;

-- count_entries: How many events a file is to hold.
select count(*) from event_file_entry where company_id = $1 and file_id = $2;

-- entry_window: Some of what a file is to hold, in its order.
select event_id from event_file_entry
where company_id = $1 and file_id = $2 and event_id > $3
order by event_id
limit $4;

-- events: Events in their order, as far as they are still there.
select company_id, id, external_id, topic, type, key, at, body
from event
where company_id = $1 and id = any($2::uuid[])
order by id;

-- take_entries: Some of what a file holds, which is forgotten.
delete from event_file_entry
where company_id = $1 and file_id = $2 and event_id = any(array(
    select event_id from event_file_entry
    where company_id = $1 and file_id = $2 order by event_id limit $3
))
returning event_id;

-- settle: The end of deliveries, each with its attempt.
with done as (
    update event_delivery set
        status = $4::delivery_status, attempts = (attempts + 1)::smallint, updated_at = $5
    where company_id = $1 and configuration_id = $2 and event_id = any($3::uuid[])
        and status in ('PENDING', 'RETRY')
    returning event_id, attempts
), failed as (
    insert into failed_delivery (company_id, configuration_id, event_id)
    select $1, $2, event_id from done where $4 = 'FAILED'
    on conflict do nothing
)
insert into delivery_attempt (
    company_id, event_id, configuration_id, number, at, succeeded, address, answer, milliseconds
)
select $1, event_id, $2, attempts, $5, $4 = 'SUCCESS', $6, $7, 0 from done
on conflict do nothing;

-- open_rest: A further file, where more was collected than one file holds; its id.
insert into event_file (
    company_id, kind, configuration_id, format, status, opened_at, closed_at, updated_at
)
select f.company_id, f.kind, f.configuration_id, f.format, 'PENDING', f.opened_at, f.closed_at, $3
from event_file f
where f.company_id = $1 and f.id = $2 and exists (
    select from delivery_queue q
    where q.company_id = $1 and q.configuration_id = f.configuration_id and q.due_at <= f.closed_at
)
returning id;

-- archive_file: A file is whole and in the store.
update event_file set
    status = 'ARCHIVED', node_id = null, rows = $4, size = $5, file_key = $6, expires_at = $7,
    closed_at = coalesce(closed_at, $8), updated_at = $8
where company_id = $1 and id = $2 and node_id = $3 and status = 'PENDING'
returning *;

-- fail_file: A file that cannot be written.
update event_file set status = 'FAILED', node_id = null, updated_at = $4
where company_id = $1 and id = $2 and node_id = $3 and status = 'PENDING'
returning id;

-- subscription_window: Some subscriptions to a topic, in the order of their ids.
select s.id, s.configuration_id, c.name, s.event_type, s.criteria, s.starts_at, s.ends_at
from subscription s
join delivery_configuration c
    on c.company_id = $1 and c.id = s.configuration_id and c.deleted_at is null
where s.company_id = $1 and s.topic = $2 and s.id > $3
order by s.id
limit $4;

-- find_file: A company's file.
select * from event_file where company_id = $1 and id = $2;

-- due_files: Files whose time is over, of any company.
select company_id, id, file_key from event_file
where expires_at <= $1 and status = 'ARCHIVED'
order by expires_at
limit $2;

-- end_file: A file is deleted from now on.
update event_file set status = 'DELETED', file_key = null, updated_at = $3
where company_id = $1 and id = $2 and status = 'ARCHIVED'
returning *;

-- delete_file: Takes a company's file away, unless it is still to be written.
delete from event_file
where company_id = $1 and id = $2 and status <> 'PENDING'
returning *;

-- forget_files: Files that were deleted, or failed, long ago; of any company.
delete from event_file f using (
    select company_id, id from event_file
    where status in ('DELETED', 'FAILED') and updated_at < $1
    limit $2
) old
where f.company_id = old.company_id and f.id = old.id;
