-- insert_keyword: A company's own keyword.
insert into keyword (
    company_id, id, application_id, name, description, value, case_sensitive, sender_id,
    valid_from, valid_to, associated_info, campaign_id, actions, reply_template, updated_at
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15);

-- lock_keyword: One keyword, held until the transaction ends.
select * from keyword
where company_id = $1 and id = $2 and deleted_at is null
for update;

-- update_keyword: All of a keyword that its company can change.
update keyword
set name = $3, description = $4, value = $5, case_sensitive = $6, sender_id = $7, valid_from = $8,
    valid_to = $9, associated_info = $10, campaign_id = $11, actions = $12, reply_template = $13,
    updated_at = $14, version = version + 1
where company_id = $1 and id = $2;

-- delete_keyword: Marks it deleted.
update keyword
set deleted_at = $3, updated_at = $3, version = version + 1
where company_id = $1 and id = $2;

-- values_of: What a company's keywords are, for their limits.
select value from keyword
where company_id = $1 and deleted_at is null and id <> $2
limit $3;

-- has_sender: Whether the company has this sender id.
select exists (
    select from sender_id where company_id = $1 and id = $2 and deleted_at is null
);

-- has_template: Whether the company can answer with a template of this name: its own, or one of the operator's for all.
select exists (
    select from message_template
    where name = $2 and deleted_at is null and designation = 'TEMPLATE'
        and (company_id = $1
            or company_id = (select id from operator_company) and ownership = 'PUBLIC')
);

-- keywords_of: All that a message to the company is looked through for.
select id, name, value, case_sensitive, sender_id, valid_from, valid_to, associated_info,
    campaign_id, actions, reply_template
from keyword
where company_id = $1 and deleted_at is null
order by id
limit $2;
