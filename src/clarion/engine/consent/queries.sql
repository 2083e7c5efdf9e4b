-- grant_replies: Which automatic answers may go out, by position; each is counted when it may.
with asked as (
    select * from unnest($2::integer[], $3::uuid[], $4::text[], $5::text[])
        as each (position, sender_id, address, keyword)
), firsts as (
    select distinct on (sender_id, address, keyword) position, sender_id, address, keyword
    from asked
    order by sender_id, address, keyword, position
), ranked as (
    select *, row_number() over (partition by sender_id, address order by position) as nth
    from firsts
), allowed as (
    select * from ranked r
    where nth + (
        select count(*) from auto_reply a
        where a.company_id = $1 and a.sender_id = r.sender_id and a.address = r.address
            and a.minute = $6
    ) <= $7 and nth + (
        select count(*) from auto_reply a
        where a.company_id = $1 and a.sender_id = r.sender_id and a.address = r.address
            and a.minute > $8
    ) <= $9
), granted as (
    insert into auto_reply (company_id, sender_id, address, minute, keyword)
    select $1::integer, sender_id, address, $6::timestamptz, keyword from allowed
    on conflict do nothing
    returning sender_id, address, keyword
)
select a.position from allowed a join granted using (sender_id, address, keyword);

-- forget_replies: Automatic answers that no limit counts any more, whosever they were.
delete from auto_reply where ctid = any(array(
    select ctid from auto_reply where minute < $1 limit $2
));

-- first_template: The first of these names that the company has a template of, or the operator for all.
select t.name
from unnest($2::text[]) with ordinality as wanted (name, place)
join message_template t on t.name = wanted.name
where t.deleted_at is null and t.designation = 'TEMPLATE'
    and (t.company_id = $1
        or t.company_id = (select id from operator_company) and t.ownership = 'PUBLIC')
order by wanted.place
limit 1;
