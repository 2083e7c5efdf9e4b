-- update_contacts: Everything of contacts, locked before, that a write can change. The company is one of the values, so that the planner cannot go through all of its contacts.
with v as materialized (
    select $1::integer as company_id, u.* from unnest(
        $3::uuid[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
        $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],
        $17::text[], $18::date[], $19::timestamptz[], $20::timestamptz[], $21::text[], $22::text[],
        $23::text[], $24::text[], $25::text[], $26::text[], $27::text[], $28::text[], $29::text[],
        $30::text[], $31::text[], $32::text[], $33::text[], $34::text[], $35::text[], $36::text[],
        $37::text[], $38::text[], $39::text[], $40::text[], $41::text[], $42::text[], $43::jsonb[]
    ) as u (
        id, application_id, external_id, first_name, last_name, primary_addr_line1,
        primary_addr_line2, primary_addr_city, primary_addr_zip, primary_addr_state,
        primary_addr_country, primary_email_addr, primary_social_handle, preferred_language,
        primary_mdn, birth_date, first_acquisition_date, last_acquisition_date, voice_preference,
        extended_attributes, fast_access_1, fast_access_2, fast_access_3, fast_access_4,
        fast_access_5, fast_access_6, fast_access_7, fast_access_8, fast_access_9, fast_access_10,
        fast_access_11, fast_access_12, fast_access_13, fast_access_14, fast_access_15,
        fast_access_16, fast_access_17, fast_access_18, fast_access_19, fast_access_20, document
    )
)
update contact c
set updated_at = $2, version = c.version + 1,
    external_id = v.external_id, first_name = v.first_name, last_name = v.last_name,
    primary_addr_line1 = v.primary_addr_line1, primary_addr_line2 = v.primary_addr_line2,
    primary_addr_city = v.primary_addr_city, primary_addr_zip = v.primary_addr_zip,
    primary_addr_state = v.primary_addr_state, primary_addr_country = v.primary_addr_country,
    primary_email_addr = v.primary_email_addr, primary_social_handle = v.primary_social_handle,
    preferred_language = v.preferred_language, primary_mdn = v.primary_mdn,
    birth_date = v.birth_date, first_acquisition_date = v.first_acquisition_date,
    last_acquisition_date = v.last_acquisition_date, voice_preference = v.voice_preference,
    extended_attributes = v.extended_attributes, fast_access_1 = v.fast_access_1,
    fast_access_2 = v.fast_access_2, fast_access_3 = v.fast_access_3,
    fast_access_4 = v.fast_access_4, fast_access_5 = v.fast_access_5,
    fast_access_6 = v.fast_access_6, fast_access_7 = v.fast_access_7,
    fast_access_8 = v.fast_access_8, fast_access_9 = v.fast_access_9,
    fast_access_10 = v.fast_access_10, fast_access_11 = v.fast_access_11,
    fast_access_12 = v.fast_access_12, fast_access_13 = v.fast_access_13,
    fast_access_14 = v.fast_access_14, fast_access_15 = v.fast_access_15,
    fast_access_16 = v.fast_access_16, fast_access_17 = v.fast_access_17,
    fast_access_18 = v.fast_access_18, fast_access_19 = v.fast_access_19,
    fast_access_20 = v.fast_access_20, document = v.document
from v
where c.company_id = v.company_id and c.id = v.id;

-- lock_contact: A contact, held until the transaction ends.
select * from contact where company_id = $1 and id = $2 and deleted_at is null for update;

-- lock_matching: Contacts that have one of these numbers or external ids, held until the transaction ends. One by one, and by indexes that need not be told that the contact lives: of a company that has just begun statistics know nothing, and any index on it would seem as good as one on keys.
with found as (
    select c.id from unnest($2::text[]) as k (mdn) cross join lateral (
        select id from contact where company_id = $1 and primary_mdn = k.mdn limit 1
    ) c
    union
    select c.id from unnest($3::text[]) as k (external_id) cross join lateral (
        select id from contact where company_id = $1 and external_id = k.external_id limit 1
    ) c
)
select c.* from (select id from found order by id) f cross join lateral (
    select * from contact where company_id = $1 and id = f.id limit 1 for no key update
) c
where c.deleted_at is null;

-- lock_by_mdn: Contacts with these numbers, held likewise.
with found as (
    select c.id from unnest($2::text[]) as k (mdn) cross join lateral (
        select id from contact where company_id = $1 and primary_mdn = k.mdn limit 1
    ) c
)
select c.* from (select distinct id from found order by id) f cross join lateral (
    select * from contact where company_id = $1 and id = f.id limit 1 for no key update
) c
where c.deleted_at is null;

-- delete_contact: Marks it deleted, and forgets who it was.
update contact
set deleted_at = $3, updated_at = $3, version = version + 1, document = '{}',
    voice_preference = 'NONE',
    external_id = null, first_name = null, last_name = null, primary_addr_line1 = null,
    primary_addr_line2 = null, primary_addr_city = null, primary_addr_zip = null,
    primary_addr_state = null, primary_addr_country = null, primary_email_addr = null,
    primary_social_handle = null, preferred_language = null, primary_mdn = null,
    birth_date = null, first_acquisition_date = null, last_acquisition_date = null,
    extended_attributes = null, fast_access_1 = null, fast_access_2 = null,
    fast_access_3 = null, fast_access_4 = null, fast_access_5 = null, fast_access_6 = null,
    fast_access_7 = null, fast_access_8 = null, fast_access_9 = null, fast_access_10 = null,
    fast_access_11 = null, fast_access_12 = null, fast_access_13 = null, fast_access_14 = null,
    fast_access_15 = null, fast_access_16 = null, fast_access_17 = null, fast_access_18 = null,
    fast_access_19 = null, fast_access_20 = null
where company_id = $1 and id = $2 and deleted_at is null;

-- contact_exists: Whether a contact lives.
select exists (
    select 1 from contact where company_id = $1 and id = $2 and deleted_at is null
);

-- opted_in: Contacts with these numbers agreed to something at these times; out of order and twice makes no difference.
with v as (
    select c.id, v.at
    from unnest($3::text[], $4::timestamptz[]) as v (mdn, at) cross join lateral (
        select id from contact where company_id = $1 and primary_mdn = v.mdn limit 1
    ) c
), living as (
    select $1::integer as company_id, f.id, f.at
    from (select id, at from v order by id) f cross join lateral (
        select deleted_at from contact where company_id = $1 and id = f.id limit 1
        for no key update
    ) c
    where c.deleted_at is null
)
update contact c
set first_acquisition_date = least(c.first_acquisition_date, living.at),
    last_acquisition_date = greatest(c.last_acquisition_date, living.at),
    updated_at = $2, version = c.version + 1
from living
where c.company_id = living.company_id and c.id = living.id
    and (c.first_acquisition_date is null or c.first_acquisition_date > living.at
        or c.last_acquisition_date is null or c.last_acquisition_date < living.at);

-- for_sending: What messages to contacts are made from.
select c.* from unnest($2::uuid[]) as k (id) cross join lateral (
    select * from contact where company_id = $1 and id = k.id limit 1
) c
where c.deleted_at is null;
