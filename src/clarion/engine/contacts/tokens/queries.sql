-- insert_application_token: Where an application of a contact is reached, if the contact lives and has not too many.
insert into application_token (
    company_id, id, contact_id, application_id, sender_id_address, message_delivery_provider,
    token, updated_at
)
select $1, $2, c.id, $4, $5, $6, $7, $8
from contact c
where c.company_id = $1 and c.id = $3 and c.deleted_at is null
    and (select count(*) from application_token t
         where t.company_id = $1 and t.contact_id = $3) < $9
for share of c;

-- register_token: The same on a device's own word: a token that another contact had is this one's now. Whether it was there already, and good, and who had it.
with before as (
    select contact_id, state from application_token
    where company_id = $1 and token = $7 and sender_id_address = $5
        and message_delivery_provider = $6
), registered as (insert into application_token (
    company_id, id, contact_id, application_id, sender_id_address, message_delivery_provider,
    token, updated_at
)
select $1, $2, c.id, $4, $5, $6, $7, $8
from contact c
where c.company_id = $1 and c.id = $3 and c.deleted_at is null
for share of c
on conflict (company_id, token, sender_id_address, message_delivery_provider)
do update set contact_id = excluded.contact_id, state = 'ACTIVE',
    updated_at = excluded.updated_at, version = application_token.version + 1
returning id, contact_id, sender_id_address, application_id)
select r.*, exists (
    select from before where contact_id = r.contact_id and state = 'ACTIVE'
) as known, (select contact_id from before where contact_id <> r.contact_id) as taken_from
from registered r;

-- trim_tokens: Of a contact with too many application tokens those go that have not been heard of for longest.
delete from application_token
where company_id = $1 and contact_id = $2 and id in (
    select id from application_token
    where company_id = $1 and contact_id = $2
    order by updated_at desc, id desc offset $3
)
returning contact_id, sender_id_address, application_id;

-- unregister_token: A device is no longer reached.
delete from application_token
where company_id = $1 and contact_id = $2 and sender_id_address = $3
    and message_delivery_provider = $4 and token = $5
returning contact_id, sender_id_address, application_id;

-- lock_application_token: A token, held until the transaction ends.
select * from application_token
where company_id = $1 and contact_id = $2 and id = $3 for update;

-- update_application_token: Everything of a token that a client can change; one that is new is good until it is refused.
update application_token
set sender_id_address = $3, message_delivery_provider = $4, token = $5, state = $6,
    updated_at = $7, version = version + 1
where company_id = $1 and id = $2;

-- delete_application_token: Really gone: it is of no use to anybody.
delete from application_token
where company_id = $1 and contact_id = $2 and id = $3
returning contact_id, sender_id_address, application_id;

-- mark_dead: A provider refuses these tokens.
update application_token t
set state = 'INVALID', updated_at = $3, version = t.version + 1
where t.company_id = $1 and t.token = any($2::text[]) and t.state = 'ACTIVE'
returning t.id, t.contact_id, t.sender_id_address, t.application_id;

-- targets: Where push messages to these contacts go; the last registered first.
select contact_id, message_delivery_provider, sender_id_address, token
from application_token
where company_id = $1 and contact_id = any($2::uuid[]) and state = 'ACTIVE'
order by updated_at desc, id desc;

-- forget_application_tokens: Of a contact that is deleted.
delete from application_token where company_id = $1 and contact_id = $2
returning contact_id, sender_id_address, application_id;

-- forget_access_tokens: Of a contact that is deleted.
delete from contact_access_token where company_id = $1 and contact_id = $2;

-- insert_access_token: A contact's credential, if the contact lives and has not too many.
insert into contact_access_token (
    company_id, id, contact_id, application_id, token_hash, duration, expires_at, updated_at
)
select $1, $2, c.id, $4, $5, $6, $7, $8
from contact c
where c.company_id = $1 and c.id = $3 and c.deleted_at is null
    and (select count(*) from contact_access_token t
         where t.company_id = $1 and t.contact_id = $3 and t.expires_at > $8) < $9
for share of c;

-- lock_access_token: A credential, held until the transaction ends.
select * from contact_access_token
where company_id = $1 and contact_id = $2 and id = $3 for update;

-- renew_access_token: It expires later, or sooner.
update contact_access_token
set duration = $3, expires_at = $4, updated_at = $5, version = version + 1
where company_id = $1 and id = $2;

-- delete_access_token: It is good for nothing at once.
delete from contact_access_token
where company_id = $1 and contact_id = $2 and id = $3
returning id;

-- access_token: Whose credential this is: it says so, not the caller.
select t.company_id, t.contact_id, t.application_id, t.token_hash, t.expires_at
from contact_access_token t
where t.id = $1;

-- forget_expired: Credentials that have been good for nothing for long.
delete from contact_access_token where expires_at < $1;
