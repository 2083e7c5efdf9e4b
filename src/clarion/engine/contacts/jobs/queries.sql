-- insert_job: A job that waits for a node.
insert into contact_job (
    company_id, id, kind, application_id, contact_group_id, attachment_id, state, updated_at
) values ($1, $2, $3, $4, $5, $6, 'CREATED', $7);

-- cancel_job: Marks a job deleted: nobody sees it any more, and whoever works on it stops.
update contact_job set deleted_at = $4, updated_at = $4
where company_id = $1 and id = $2 and kind = $3 and deleted_at is null;

-- take_job: Gives this node a job that nobody works on: a waiting one, a dead node's, or its own that it does not know of. Companies that have fewer jobs under way go first.
update contact_job j set
    node_id = $1,
    state = (case when j.state = 'CREATED' then 'RUNNING' else j.state::text end)::contact_job_state,
    started_at = coalesce(j.started_at, $2), updated_at = $2
from (
    select w.company_id, w.id from contact_job w
    where (w.state <> 'COMPLETED' or w.deleted_at is not null or w.node_id is not null)
        and not w.id = any($3::uuid[])
        and (w.node_id is null or w.node_id = $1
            or w.node_id not in (select id from node where expires_at > $2))
    order by (
        select count(*) from contact_job o
        where o.company_id = w.company_id and o.state = 'RUNNING' and o.id <> w.id
    ), w.id
    limit 1 for update of w skip locked
) free
where j.company_id = free.company_id and j.id = free.id
returning j.*;

-- lock_job: A job, held until the transaction ends, if this node still works on it.
select position, deleted_at is not null as canceled from contact_job
where company_id = $1 and id = $2 and node_id = $3
for update;

-- limit_waiting: How long a statement of this transaction may wait for a lock, in milliseconds.
select set_config('lock_timeout', $1, true);

-- advance_import: What a batch has done, and how far into the file it reached.
update contact_job set
    done_count = done_count + $3, failed_count = failed_count + $4, position = $5, line = $6,
    encoding = $7, updated_at = $8
where company_id = $1 and id = $2;

-- count_exported: How many contacts are in the file so far.
update contact_job set done_count = $4, updated_at = $5
where company_id = $1 and id = $2 and node_id = $3 and deleted_at is null;

-- complete_job: Everything that could be done is done; the node has yet to clear up.
update contact_job set
    state = 'COMPLETED', completed_at = $4, updated_at = $4, version = version + 1
where company_id = $1 and id = $2 and node_id = $3 and deleted_at is null;

-- release_job: Nothing is left to do for a completed job.
update contact_job set node_id = null
where company_id = $1 and id = $2 and node_id = $3 and deleted_at is null;

-- add_failures: Rows of a file that are no contacts, if they are not known yet.
insert into contact_job_failure (company_id, job_id, line, row, reason)
select $1, $2, line, row, reason
from unnest($3::integer[], $4::text[], $5::text[]) as failure (line, row, reason)
on conflict do nothing;

-- failure_slice: The next failures of a job.
select line, row, reason from contact_job_failure
where company_id = $1 and job_id = $2 and line > $3
order by line limit $4;

-- remove_failures: Some failures of a job that is over.
with gone as (
    delete from contact_job_failure
    where company_id = $1 and job_id = $2 and line = any(array(
        select line from contact_job_failure where company_id = $1 and job_id = $2 limit $3
    ))
    returning 1
)
select count(*) from gone;

-- remove_job: A canceled job of which nothing is left.
delete from contact_job where company_id = $1 and id = $2 and deleted_at is not null;

-- companies_with_old_jobs: Whose jobs to look through, one company after the other.
select distinct company_id from contact_job
where state = 'COMPLETED' and node_id is null and deleted_at is null and completed_at < $1;

-- purge_jobs: Some of a company's jobs that were completed before an instant. Answers how many, and their files that nobody has changed or used since, which stay locked.
with old as (
    select id, attachment_id, failures_attachment_id, completed_at from contact_job
    where company_id = $1 and state = 'COMPLETED' and node_id is null and deleted_at is null
        and completed_at < $2
    limit $3 for update skip locked
), gone as (
    delete from contact_job where company_id = $1 and id in (select id from old)
), left_over as (
    select a.id from attachment a
    join old on a.id in (old.attachment_id, old.failures_attachment_id)
    where a.company_id = $1 and a.deleted_at is null
        and a.updated_at <= old.completed_at
        and (a.used_at is null or a.used_at <= old.completed_at)
        and a.id not in (
            select attachment_id from message_request_attachment where company_id = $1
        )
        and not exists (
            select from contact_job j
            where j.company_id = $1 and j.id not in (select id from old)
                and a.id in (j.attachment_id, j.failures_attachment_id)
        )
    for update of a
)
select (select count(*) from old) as jobs,
    array(select distinct id from left_over) as attachments;

-- columns_in_use: Which of the fast access attributes any contact has.
select number from (values
    (1, exists (
        select from contact
        where company_id = $1 and deleted_at is null and fast_access_1 is not null
    )),
    (2, exists (
        select from contact
        where company_id = $1 and deleted_at is null and fast_access_2 is not null
    )),
    (3, exists (
        select from contact
        where company_id = $1 and deleted_at is null and fast_access_3 is not null
    )),
    (4, exists (
        select from contact
        where company_id = $1 and deleted_at is null and fast_access_4 is not null
    )),
    (5, exists (
        select from contact
        where company_id = $1 and deleted_at is null and fast_access_5 is not null
    )),
    (6, exists (
        select from contact
        where company_id = $1 and deleted_at is null and fast_access_6 is not null
    )),
    (7, exists (
        select from contact
        where company_id = $1 and deleted_at is null and fast_access_7 is not null
    )),
    (8, exists (
        select from contact
        where company_id = $1 and deleted_at is null and fast_access_8 is not null
    )),
    (9, exists (
        select from contact
        where company_id = $1 and deleted_at is null and fast_access_9 is not null
    )),
    (10, exists (
        select from contact
        where company_id = $1 and deleted_at is null and fast_access_10 is not null
    )),
    (11, exists (
        select from contact
        where company_id = $1 and deleted_at is null and fast_access_11 is not null
    )),
    (12, exists (
        select from contact
        where company_id = $1 and deleted_at is null and fast_access_12 is not null
    )),
    (13, exists (
        select from contact
        where company_id = $1 and deleted_at is null and fast_access_13 is not null
    )),
    (14, exists (
        select from contact
        where company_id = $1 and deleted_at is null and fast_access_14 is not null
    )),
    (15, exists (
        select from contact
        where company_id = $1 and deleted_at is null and fast_access_15 is not null
    )),
    (16, exists (
        select from contact
        where company_id = $1 and deleted_at is null and fast_access_16 is not null
    )),
    (17, exists (
        select from contact
        where company_id = $1 and deleted_at is null and fast_access_17 is not null
    )),
    (18, exists (
        select from contact
        where company_id = $1 and deleted_at is null and fast_access_18 is not null
    )),
    (19, exists (
        select from contact
        where company_id = $1 and deleted_at is null and fast_access_19 is not null
    )),
    (20, exists (
        select from contact
        where company_id = $1 and deleted_at is null and fast_access_20 is not null
    ))
) as attribute (number, in_use)
where in_use;

-- export_window: The contacts of a window, as rows of a file; the columns are named by the caller.
select /* columns */ 1 from contact c
where c.company_id = $1 and c.deleted_at is null and c.id > $2 and c.id <= $3
    and (/* criteria */ true)
order by c.id;

-- plan_failures: The attachment that is to hold a job's failures, unless it has one.
update contact_job set failures_attachment_id = $4
where company_id = $1 and id = $2 and node_id = $3 and deleted_at is null
    and failures_attachment_id is null;
