-- hold_rules: Until the transaction ends no rule of this company changes: contacts can be written by them.
select pg_advisory_xact_lock_shared(64087, $1);

-- change_rules: Waits for transactions that write contacts by the rules as they are.
select pg_advisory_xact_lock(64087, $1);

-- rules: What is applied to a company's contacts.
select number, name, script from fast_access_rule where company_id = $1 order by number;

-- insert_rule: A rule of a company.
insert into fast_access_rule (
    company_id, id, application_id, number, name, script, user_data, updated_at
) values ($1, $2, $3, $4, $5, $6, $7, $8);

-- lock_rule: A rule, held until the transaction ends.
select * from fast_access_rule where company_id = $1 and id = $2 for update;

-- update_rule: Everything of a rule that a client can change.
update fast_access_rule
set number = $3, name = $4, script = $5, user_data = $6, updated_at = $7, version = version + 1
where company_id = $1 and id = $2;

-- delete_rule: Its attribute is one without a name that clients write.
delete from fast_access_rule where company_id = $1 and id = $2;

-- replace_jobs: A new run through the contacts does what these have not done; the columns that they were to empty.
update fast_access_job
set state = 'REPLACED', node_id = null, updated_at = $2, version = version + 1
where company_id = $1 and state in ('CREATED', 'RUNNING')
returning emptied;

-- insert_job: A run through a company's contacts.
insert into fast_access_job (
    company_id, id, application_id, state, emptied, total_count, updated_at
) values ($1, $2, $3, 'CREATED', $4, $5, $6);

-- count_contacts: How many a run has before it.
select count(*) from contact where company_id = $1 and deleted_at is null;

-- take_jobs: Gives this node runs that nobody works on: free ones, a dead node's, and its own.
update fast_access_job j
set node_id = $1, state = 'RUNNING'
from (
    select company_id, id from fast_access_job
    where state in ('CREATED', 'RUNNING') and not id = any($4::uuid[]) and (
        node_id is null or node_id = $1
        or node_id not in (select id from node where expires_at > $2)
    )
    order by id limit $3 for update skip locked
) free
where j.company_id = free.company_id and j.id = free.id
returning j.company_id, j.id, j.after, j.emptied;

-- lock_job: How far a run has come, held; nothing when it is over, or another node's by now.
select after from fast_access_job
where company_id = $1 and id = $2 and node_id = $3 and state = 'RUNNING'
for update;

-- advance_job: Contacts dealt with, and how many of them have changed. Those made since it began are gone through too.
update fast_access_job
set after = $3, processed_count = processed_count + $4, changed_count = changed_count + $5,
    total_count = greatest(total_count, processed_count + $4),
    updated_at = $6, version = version + 1
where company_id = $1 and id = $2;

-- finish_job: No contact is left; some may have been deleted since it began.
update fast_access_job
set state = 'COMPLETED', node_id = null, total_count = processed_count, updated_at = $3, version = version + 1
where company_id = $1 and id = $2;

-- forget_jobs: Runs that have been over for long.
delete from fast_access_job where state in ('COMPLETED', 'REPLACED') and updated_at < $1;

-- slice: The next contacts of a run.
select * from contact
where company_id = $1 and deleted_at is null and id > $2
order by id limit $3;

-- set_fast_access: Derived values. Whoever has written the contact since has applied the rules; it is no change that clients make, so the version stays. The company is one of the values, as in update_contacts.
with v as materialized (
    select $1::integer as company_id, u.* from unnest(
        $2::uuid[], $3::integer[],
        $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
        $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[],
        $18::text[], $19::text[], $20::text[], $21::text[], $22::text[], $23::text[]
    ) as u (
        id, version,
        fast_access_1, fast_access_2, fast_access_3, fast_access_4, fast_access_5, fast_access_6,
        fast_access_7, fast_access_8, fast_access_9, fast_access_10, fast_access_11, fast_access_12,
        fast_access_13, fast_access_14, fast_access_15, fast_access_16, fast_access_17,
        fast_access_18, fast_access_19, fast_access_20
    )
)
update contact c
set
    fast_access_1 = v.fast_access_1, fast_access_2 = v.fast_access_2,
    fast_access_3 = v.fast_access_3, fast_access_4 = v.fast_access_4,
    fast_access_5 = v.fast_access_5, fast_access_6 = v.fast_access_6,
    fast_access_7 = v.fast_access_7, fast_access_8 = v.fast_access_8,
    fast_access_9 = v.fast_access_9, fast_access_10 = v.fast_access_10,
    fast_access_11 = v.fast_access_11, fast_access_12 = v.fast_access_12,
    fast_access_13 = v.fast_access_13, fast_access_14 = v.fast_access_14,
    fast_access_15 = v.fast_access_15, fast_access_16 = v.fast_access_16,
    fast_access_17 = v.fast_access_17, fast_access_18 = v.fast_access_18,
    fast_access_19 = v.fast_access_19, fast_access_20 = v.fast_access_20
from v
where c.company_id = v.company_id and c.id = v.id and c.version = v.version
    and c.deleted_at is null;
