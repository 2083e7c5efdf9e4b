-- insert_attachment: An attachment without content.
insert into attachment (
    company_id, id, application_id, name, type, filename, designation, updated_at
) values ($1, $2, $3, $4, $5, $6, $7, $8);

-- lock_attachment: A company's own attachment, held until the transaction ends.
select * from attachment
where company_id = $1 and id = $2 and deleted_at is null
for update;

-- update_attachment: What is known about it, content apart.
update attachment
set name = $3, type = $4, filename = $5, designation = $6, updated_at = $7, version = version + 1
where company_id = $1 and id = $2;

-- set_content: It has this content now, of the type that the upload has said; a name that it lacks is learned too.
update attachment
set state = 'UPLOADED', file_key = $3, size = $4, type = coalesce($5, type),
    filename = coalesce(filename, $6), updated_at = $7, version = version + 1
where company_id = $1 and id = $2;

-- delete_attachments: Mark some deleted, end their tokens, and have their content removed.
-- Answers where the content of each is, if it has any.
with old as (
    select id, file_key from attachment
    where company_id = $1 and id = any($2::uuid[]) and deleted_at is null
    for update
), gone as (
    update attachment a
    set deleted_at = $3, file_key = null, updated_at = $3, version = version + 1
    from old
    where a.company_id = $1 and a.id = old.id
), tokens as (
    delete from attachment_token
    where company_id = $1 and attachment_id in (select id from old)
), content as (
    insert into file_removal (company_id, key, due_at)
    select $1, file_key, $3 from old where file_key is not null
    on conflict do nothing
)
select file_key from old;

-- lock_unused: Some of a company's attachments that nothing has used since $2, to be deleted.
select id from attachment
where company_id = $1 and deleted_at is null and greatest(updated_at, used_at) < $2
limit $3
for update skip locked;

-- stored_files: Attachments by id, with where their content is.
select id, name, type as mime_type, filename, size, state::text, file_key as key
from attachment
where company_id = $1 and id = any($2::uuid[]) and deleted_at is null;

-- mark_used: Something takes them. What was used lately needs no write, so that requests that
-- share an attachment do not wait for one another.
with taken as (
    select a.company_id, a.id
    from unnest($1::integer[], $2::uuid[]) as wanted (company_id, id)
    join attachment a on a.company_id = wanted.company_id and a.id = wanted.id
    where a.deleted_at is null and (a.used_at is null or a.used_at < $4)
    order by a.company_id, a.id
    for update of a
)
update attachment a
set used_at = $3
from taken
where a.company_id = taken.company_id and a.id = taken.id;

-- insert_links: What message requests carry, each in its order.
insert into message_request_attachment (company_id, request_id, attachment_id, position)
select company_id, request_id, attachment_id, position
from unnest($1::integer[], $2::uuid[], $3::uuid[], $4::smallint[])
    as link (company_id, request_id, attachment_id, position)
on conflict (company_id, request_id, attachment_id) do nothing;

-- link_brought: What MO messages have brought into the file store becomes attachments of their companies; content that an attachment has already makes no other.
with brought as (
    select * from unnest(
        $1::integer[], $2::uuid[], $3::smallint[], $4::integer[], $5::uuid[], $6::text[],
        $7::text[], $8::text[], $9::bigint[]
    ) as b (company_id, message_id, position, application_id, id, file_key, name, type, size)
), known as (
    select b.*, (
        select a.id from attachment a
        where a.company_id = b.company_id and a.file_key = b.file_key and a.deleted_at is null
        limit 1
    ) as known_id
    from brought b
), made as (
    insert into attachment (
        company_id, id, application_id, name, type, filename, state, file_key, size, used_at,
        updated_at
    )
    select distinct on (company_id, id) company_id, id, coalesce(application_id, (
            select min(a.id) from application a where a.company_id = known.company_id
        )), name, type, name, 'UPLOADED', file_key, size, $10, $10
    from known
    where known_id is null
), wanted as (
    delete from file_removal f using brought b
    where f.company_id = b.company_id and f.key = b.file_key
)
insert into message_request_attachment (company_id, request_id, attachment_id, position)
select company_id, message_id, coalesce(known_id, id), position
from known
on conflict (company_id, request_id, attachment_id) do nothing;

-- links: What message requests carry, in their order.
select l.request_id, l.attachment_id
from message_request_attachment l
join attachment a on a.company_id = l.company_id and a.id = l.attachment_id
where l.company_id = $1 and l.request_id = any($2::uuid[]) and a.deleted_at is null
order by l.request_id, l.position;

-- delete_links: Those of requests that were dropped, some at a time.
delete from message_request_attachment
where company_id = $1 and (company_id, request_id, attachment_id) in (
    select company_id, request_id, attachment_id
    from message_request_attachment
    where company_id = $1 and request_id < $2
    limit $3
);

-- insert_token: An access token for an attachment that is there.
insert into attachment_token (company_id, id, attachment_id, application_id, expires_at)
select a.company_id, $3, a.id, $4, $5
from attachment a
where a.company_id = $1 and a.id = $2 and a.deleted_at is null
returning id;

-- token_target: What a token opens. The token itself says which company.
select company_id, attachment_id from attachment_token where id = $1 and expires_at > $2;

-- delete_token: It opens nothing any more.
delete from attachment_token where company_id = $1 and id = $2 returning id;

-- delete_expired_tokens: Tokens of all companies that have expired.
delete from attachment_token where expires_at <= $1 returning id;

-- plan_removal: A file that is not wanted, or not yet; see schema.sql.
insert into file_removal (company_id, key, due_at) values ($1, $2, $3)
on conflict (company_id, key) do update set due_at = excluded.due_at;

-- forget_removal: A file that is wanted after all, or gone. Answers whether there was a row.
delete from file_removal where company_id = $1 and key = $2 returning key;

-- due_removals: Files of all companies to remove now, the longest due first.
select company_id, key from file_removal
where due_at <= $1
order by due_at
limit $2;
