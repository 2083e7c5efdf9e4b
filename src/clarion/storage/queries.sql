-- has_migration_table: Whether anything was ever migrated here.
select to_regclass('schema_migration') is not null;

-- create_migration_table: What was applied; the one table that no migration makes.
create table if not exists schema_migration (
    number integer primary key,
    name text not null,
    checksum bytea not null, -- SHA-256 of the file as it was applied
    applied_at timestamptz not null
);

-- lock_migrations: One node at a time, until its transaction ends.
select pg_advisory_xact_lock($1);

-- applied_migrations: How far the schema is.
select name, checksum from schema_migration order by number;

-- record_migration: Remembers one.
insert into schema_migration (number, name, checksum, applied_at) values ($1, $2, $3, $4);

-- limit_time: How long each statement of this transaction may take, in milliseconds.
select set_config('statement_timeout', $1, true);

-- lock_partitions: One node at a time, until its transaction ends.
select pg_advisory_xact_lock($1);

-- partitions_of: Partitions of a table with their bounds, as text.
select child.relname as name, pg_get_expr(child.relpartbound, child.oid) as bounds
from pg_inherits
join pg_class as child on child.oid = pg_inherits.inhrelid
where pg_inherits.inhparent = to_regclass($1::text);

-- companies: Every company, so that work on tenant data goes company by company.
select id from company order by id;

-- purge_external_ids: External ids of requests that were dropped.
delete from external_id
where company_id = $1 and (company_id, application_id, external_id) in (
    select company_id, application_id, external_id
    from external_id
    where company_id = $1 and request_id < $2
    limit $3
);

-- purge_unmatched_receipts: Receipts that waited too long for their message.
delete from unmatched_receipt
where (connector, id) in (select connector, id from unmatched_receipt where id < $1 limit $2)
returning connector;

-- purge_stray_inbound: MO messages to no sender of ours, past retention.
delete from stray_inbound
where id in (select id from stray_inbound where id < $1 limit $2);

-- unknown_partitions: Partitions that hold rows and of which no statistics were ever gathered.
select child.relname as name
from pg_inherits
join pg_class child on child.oid = inhrelid
join pg_class parent on parent.oid = inhparent
where parent.relname = any($1::text[]) and child.relkind = 'r'
    and parent.relnamespace = current_schema()::regnamespace
    and pg_relation_size(child.oid) > 16 * 8192
    and not exists (select from pg_stats s
        where s.schemaname = current_schema() and s.tablename = child.relname);
