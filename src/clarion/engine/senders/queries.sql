-- seed_class: A class that ships with Clarion, unless the operator has one of this id.
insert into sender_id_class (
    id, name, description, designation, applicable_countries, country_peak_throughput,
    country_peak_total_throughput, country_daily_throughput, delivery_window, priority, created_at,
    updated_at
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
on conflict (id) do nothing;

-- seed_type: A type that ships with Clarion, unless the operator has one of this id.
insert into sender_id_type (
    id, name, description, capabilities, allowed_mime_types, blocked_mime_types, gateway_id,
    credential_parameter_list, created_at, updated_at
) values ($1, $2, $3, $4, '{}', $5, $6, $7, $8, $8)
on conflict (id) do nothing;

-- class_exists: Whether there is a class of this id.
select exists (select 1 from sender_id_class where id = $1);

-- type_by_id: What new sender ids of this type are checked against.
select id, capabilities, credential_parameter_list from sender_id_type where id = $1;

-- types: Every type as the operator sees it.
select id, capabilities, allowed_mime_types, blocked_mime_types from sender_id_type order by id;

-- set_mime_types: What the operator says that messages of a type may carry; null: as it was.
update sender_id_type
set allowed_mime_types = coalesce($2, allowed_mime_types),
    blocked_mime_types = coalesce($3, blocked_mime_types),
    updated_at = $4, version = version + 1
where id = $1
returning id, capabilities, allowed_mime_types, blocked_mime_types;

-- is_operator: Whether this company is the operator's: the first that was made.
select $1 = (select id from operator_company);

-- insert_sender: A company's own sender id, or one that it takes from the operator.
insert into sender_id (
    company_id, id, application_id, parent_id, name, ownership, class_id, type_id, state, address,
    connector, content_type, message_templates, templates_only, country, operators, credentials,
    two_way_required, keep_sender_address, dr_required, consent_managed_by, capabilities,
    check_white_list, billing, updated_at
) values (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
    $22, $23, $24, $25
);

-- lock_sender: A company's own sender id, held until the transaction ends.
select * from sender_id
where company_id = $1 and id = $2 and deleted_at is null
for update;

-- lock_offer: A sender id that the operator offers to all companies, held likewise.
select * from sender_id
where company_id = (select id from operator_company) and id = $1 and deleted_at is null
  and ownership in ('SHARED', 'PREPROVISIONED')
for update;

-- is_offered: Whether the operator offers a sender id to all companies.
select exists (
    select 1 from sender_id
    where company_id = (select id from operator_company) and id = $1 and deleted_at is null
      and ownership in ('SHARED', 'PREPROVISIONED')
);

-- has_sender: Whether the company has a living sender id of this type and address.
select exists (
    select 1 from sender_id
    where company_id = $1 and type_id = $2 and address = $3 and deleted_at is null
);

-- mark_purchased: A preprovisioned sender id that a company takes.
update sender_id
set ownership = 'PURCHASED', purchased_by = $3, updated_at = $4, version = version + 1
where company_id = $1 and id = $2;

-- release_purchased: The company that took it gives it back.
update sender_id
set ownership = 'PREPROVISIONED', purchased_by = null, updated_at = $3, version = version + 1
where company_id = (select id from operator_company) and id = $1 and purchased_by = $2
  and ownership = 'PURCHASED';

-- is_in_use: Whether any company_id has a living child of this sender id.
select exists (select 1 from sender_id where parent_id = $1 and deleted_at is null);

-- update_sender: Everything of a sender id that its company can change.
update sender_id
set name = $3, ownership = $4, class_id = $5, type_id = $6, state = $7, address = $8,
    content_type = $9, message_templates = $10, templates_only = $11, credentials = $12,
    two_way_required = $13, keep_sender_address = $14, dr_required = $15, consent_managed_by = $16,
    capabilities = $17, check_white_list = $18, billing = $19, updated_at = $20,
    version = version + 1
where company_id = $1 and id = $2;

-- provision_sender: What the operator sets once a carrier is set up.
update sender_id
set state = $3, connector = coalesce($4, connector), country = coalesce($5, country),
    operators = coalesce($6, operators), updated_at = $7, version = version + 1
where company_id = $1 and id = $2;

-- delete_sender: Marks it deleted; its address is free again.
update sender_id
set deleted_at = $3, updated_at = $3, version = version + 1
where company_id = $1 and id = $2;

-- visible_sender: One of the company's own, or one that the operator offers to all.
select s.* from sender_id s
where s.id = $2 and s.deleted_at is null
  and (s.company_id = $1
       or s.company_id = (select id from operator_company)
          and s.ownership in ('SHARED', 'PREPROVISIONED'));

-- sender_by_id: What the message pipeline needs of one sender id.
select * from sender_profile where company_id = $1 and id = $2;

-- senders_at: A company's active sender ids with this address, whatever their type.
select * from sender_profile
where company_id = $1 and address = $2 and state = 'ACTIVE'
order by id;

-- senders_of_address: Sender ids of every company_id with this address: who an inbound message is for.
select s.* from sender_profile s
where s.address = $1 and s.state <> 'PENDING_IMPLEMENTATION'
    and not (s.ownership = 'PRIVATE' and s.parent_id is null and exists (
        select from sender_id elder -- a number of one's own is its first company's
        where elder.address = $1 and elder.deleted_at is null and elder.id < s.id
            and elder.state <> 'PENDING_IMPLEMENTATION' and elder.company_id <> s.company_id
            and elder.ownership = 'PRIVATE' and elder.parent_id is null
    ))
order by s.company_id, s.id;

-- owns_address: Whether the company has, or had, a sender id with one of these addresses.
select exists (select 1 from sender_id where company_id = $1 and address = any($2::text[]));

-- ids_of_addresses: The company's sender ids, deleted ones too, with one of these addresses.
select id from sender_id where company_id = $1 and address = any($2::text[]);
