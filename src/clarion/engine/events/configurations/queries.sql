-- insert_configuration: A delivery configuration.
insert into delivery_configuration (
    company_id, name, protocol, address, format, active, throttling, ordered, cron_expression,
    latest_event_only, file_opened_at, file_due_at, updated_at
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
returning id;

-- count_configurations: How many a company has, for the limit.
select count(*) from delivery_configuration
where company_id = $1 and deleted_at is null;

-- configuration: One delivery configuration.
select * from delivery_configuration
where company_id = $1 and id = $2 and deleted_at is null;

-- configurations: Those with these ids, deleted ones left out.
select * from delivery_configuration
where company_id = $1 and id = any($2::bigint[]) and deleted_at is null;

-- lock_configuration: One delivery configuration, held until the transaction ends.
select * from delivery_configuration
where company_id = $1 and id = $2 and deleted_at is null
for update;

-- update_configuration: Everything of it that its company can change.
update delivery_configuration
set name = $3, protocol = $4, address = $5, format = $6, active = $7, throttling = $8,
    ordered = $9, cron_expression = $10, latest_event_only = $11, file_opened_at = $12,
    file_due_at = $13, inactive_reason = $14, held_until = $15, failures = $16, updated_at = $17,
    version = version + 1
where company_id = $1 and id = $2;

-- set_authentication: Type and sealed settings; what failed for want of them is tried at once.
update delivery_configuration
set authentication_type = $3, authentication = $4, held_until = null, failures = 0,
    updated_at = $5, version = version + 1
where company_id = $1 and id = $2;

-- keep_authentication: Sealed settings, as the receiver's token server has changed them.
update delivery_configuration
set authentication = $3
where company_id = $1 and id = $2;

-- set_secrets: Sealed secrets.
update delivery_configuration
set secrets = $3, updated_at = $4, version = version + 1
where company_id = $1 and id = $2;

-- disable: Switches it off, and says why; nothing if it is off already.
update delivery_configuration
set active = false, inactive_reason = $3, updated_at = $4, version = version + 1
where company_id = $1 and id = $2 and active and deleted_at is null
returning id;

-- delete_configuration: Marks it deleted, and forgets its secrets.
update delivery_configuration
set deleted_at = $3, updated_at = $3, active = false, authentication_type = 'NONE',
    authentication = null, secrets = null, file_opened_at = null, file_due_at = null,
    version = version + 1
where company_id = $1 and id = $2 and deleted_at is null
returning id;
