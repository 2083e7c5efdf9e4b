-- know_job: A job that may be new. Its first run is due at once.
insert into periodic_job (name, due_at) values ($1, $2) on conflict (name) do nothing;

-- take_job: Take a job that is due and that nobody has.
update periodic_job
set node = $2, lease_until = $4
where name = $1 and due_at <= $3 and (lease_until is null or lease_until <= $3)
returning name;

-- finish_job: Give it back, due later. Nothing happens when another node has it by now.
update periodic_job
set node = null, lease_until = null, due_at = $3
where name = $1 and node = $2;

-- job_due_at: When to look again.
select greatest(due_at, coalesce(lease_until, due_at)) from periodic_job where name = $1;
