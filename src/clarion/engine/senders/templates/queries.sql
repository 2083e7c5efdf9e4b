-- insert_template: A company's own template.
insert into message_template (
    company_id, id, application_id, name, designation, ownership, pattern, updated_at
) values ($1, $2, $3, $4, $5, $6, $7, $8);

-- count_templates: How many living templates a company has.
select count(*) from message_template where company_id = $1 and deleted_at is null;

-- lock_template: A company's own template, held until the transaction ends.
select * from message_template
where company_id = $1 and id = $2 and deleted_at is null
for update;

-- is_offered: Whether this is a template that the operator offers to every company_id.
select exists (
    select 1 from message_template
    where company_id = (select id from operator_company) and id = $1 and ownership = 'PUBLIC'
      and deleted_at is null
);

-- is_bound: Whether a sender id that the company took from a SHARED one names this template.
select exists (
    select 1
    from sender_id s
    join sender_id p on p.company_id = (select id from operator_company) and p.id = s.parent_id
    where s.company_id = $1 and s.deleted_at is null and s.message_templates && $2::text[]
      and p.ownership = 'SHARED'
);

-- update_template: Everything of a template that its company can change.
update message_template
set name = $3, designation = $4, ownership = $5, pattern = $6, updated_at = $7,
    version = version + 1
where company_id = $1 and id = $2;

-- delete_template: Marks it deleted; its name is free again.
update message_template
set deleted_at = $3, updated_at = $3, version = version + 1
where company_id = $1 and id = $2;

-- note_change: One more change of a company's templates; held until the transaction ends.
insert into template_change (company_id, count) values ($1, 1)
on conflict (company_id) do update set count = template_change.count + 1;

-- template_stamps: How often a company's templates have changed, and the operator's.
select o.id as operator_id,
       coalesce((select count from template_change where company_id = $1), 0) as own,
       coalesce((select count from template_change where company_id = o.id), 0) as operators
from operator_company o;

-- living_templates: All templates of a company.
select id, name, designation, ownership, pattern from message_template
where company_id = $1 and deleted_at is null
order by id;
