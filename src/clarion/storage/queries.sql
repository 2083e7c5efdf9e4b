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
