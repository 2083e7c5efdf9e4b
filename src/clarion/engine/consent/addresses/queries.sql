-- refused: Positions that may not be sent to, and why; pairs that are new get their status on the way, and `news` are those of them that a carrier's list has.
with asked as (
    select * from unnest($2::integer[], $3::uuid[], $4::text[], $5::text[], $6::uuid[])
        as each (position, sender_id, address_type, address, new_id)
), judged as ( -- laterals with a limit: look-ups by key, however little the planner knows
    select
        a.*, c.id as known_id, coalesce(c.consent_status, 'NONE') as status,
        coalesce(s.check_white_list, false) as white_only,
        case when $7 = 'NONE' and s.consent_managed_by = 'SCG_UNSOLICITED_OPT_OUT' then 'OPT_OUT'
             else $7 end as requirement,
        b.address is not null as listed
    from asked a
    left join sender_id s on s.company_id = $1 and s.id = a.sender_id
    left join lateral (
        select * from contact_address_status c
        where c.company_id = $1 and c.sender_id = a.sender_id
            and c.address_type = a.address_type and c.address = a.address
        limit 1
    ) c on true
    left join lateral (
        select b.address from carrier_blacklist b where b.address = a.address limit 1
    ) b on a.address_type = 'MDN'
), made as (
    insert into contact_address_status (
        company_id, id, sender_id, address_type, address, consent_status, source, before_listing,
        updated_at
    )
    select distinct on (sender_id, address_type, address)
        $1::integer, new_id, sender_id, address_type, address,
        case when listed then 'BLACKLIST' else 'NONE' end,
        case when listed then 'CARRIER' end,
        case when listed then 'NONE' end,
        $8::timestamptz
    from judged
    where known_id is null
    order by sender_id, address_type, address
    on conflict (company_id, sender_id, address_type, address) do nothing
    returning id, sender_id, address_type, address, source
), noted as (
    insert into contact_address_history (
        company_id, id, sender_id, address_type, address, source, status, at
    )
    select $1::integer, id, sender_id, address_type, address, 'CARRIER', 'BLACKLIST',
        $8::timestamptz
    from made where source = 'CARRIER'
)
select position, made.id is not null as news,
    case when listed then 'LISTED'
         when white_only and status <> 'WHITELIST' then 'NOT_WHITE'
         when status in ('OPTOUT', 'BLACKLIST') then status::text
         else 'SILENT' end as why
from judged left join made on made.id = judged.new_id and made.source = 'CARRIER'
where listed
    or white_only and status <> 'WHITELIST'
    or requirement = 'OPT_IN' and status not in ('OPTIN', 'WHITELIST')
    or requirement = 'OPT_OUT' and status in ('OPTOUT', 'BLACKLIST');

-- lists_in_use: Whether any carrier has given a black list.
select exists (select from carrier_blacklist);

-- make_pairs: Statuses of pairs that have none yet.
insert into contact_address_status (
    company_id, id, application_id, sender_id, address_type, address, updated_at
)
select distinct on (sender_id, address_type, address)
    $1::integer, id, $6::integer, sender_id, address_type, address, $7::timestamptz
from unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[])
    as new (id, sender_id, address_type, address)
order by sender_id, address_type, address
on conflict (company_id, sender_id, address_type, address) do nothing;

-- lock_pairs: These statuses, held until the transaction ends, always in the same order.
select id, sender_id, address_type, address, consent_status, before_listing, asked_at, version
from contact_address_status
where company_id = $1 and id = any(array(
    select found.id
    from unnest($2::uuid[], $3::text[], $4::text[]) as pair (sender_id, address_type, address)
    cross join lateral (
        select c.id from contact_address_status c
        where c.company_id = $1 and c.sender_id = pair.sender_id
            and c.address_type = pair.address_type and c.address = pair.address
        limit 1
    ) found
))
order by sender_id, address_type, address
for update;

-- lock_status: One status, held until the transaction ends.
select id, sender_id, address_type, address, consent_status, before_listing, asked_at, version
from contact_address_status
where company_id = $1 and id = $2
for update;

-- change_statuses: What subscribers have said.
update contact_address_status c
set consent_status = n.status, source = coalesce(n.source, c.source),
    before_listing = n.before_listing,
    opt_in_type = coalesce(n.opt_in_type, c.opt_in_type),
    opt_out_type = coalesce(n.opt_out_type, c.opt_out_type),
    asked_at = null, updated_at = $2, version = c.version + 1
from unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
    as n (id, status, before_listing, source, opt_in_type, opt_out_type)
where c.company_id = $1 and c.id = any($3::uuid[]) and c.id = n.id;

-- add_history: Changes of statuses, and keywords that came.
insert into contact_address_history (
    company_id, id, application_id, sender_id, address_type, address, source, status, at, message,
    keyword
)
select $1::integer, id, application_id, sender_id, address_type, address, source,
    status, at, message, keyword
from unnest(
    $2::uuid[], $3::integer[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::timestamptz[], $10::text[], $11::text[]
) as new (id, application_id, sender_id, address_type, address, source, status, at, message, keyword);

-- set_status: What the company says of one address.
update contact_address_status
set consent_status = $3, source = 'COMPANY', opt_in_type = coalesce($4, opt_in_type),
    opt_out_type = coalesce($5, opt_out_type), asked_at = null,
    application_id = coalesce(application_id, $6), updated_at = $7, version = $8
where company_id = $1 and id = $2;

-- ask: A double opt-in message goes out; when it goes is part of its name, so that it goes once.
update contact_address_status
set asked_at = $3, opt_in_type = coalesce($4, opt_in_type),
    application_id = coalesce(application_id, $5), updated_at = $3, version = $6
where company_id = $1 and id = $2;

-- refuse_many: The company takes many addresses off, except where a list has them already; answers those that have changed.
with wanted as (
    select * from unnest($2::uuid[], $3::text[], $4::text[]) as each (id, address_type, address)
), changed as (
    insert into contact_address_status as c (
        company_id, id, application_id, sender_id, address_type, address, consent_status, source,
        opt_out_type, updated_at
    )
    select $1::integer, id, $6::integer, $5::uuid, address_type, address, $7,
        'COMPANY', $8, $9::timestamptz
    from wanted
    order by address_type, address
    on conflict (company_id, sender_id, address_type, address) do update
    set consent_status = excluded.consent_status, source = 'COMPANY', asked_at = null,
        opt_out_type = coalesce(excluded.opt_out_type, c.opt_out_type),
        updated_at = excluded.updated_at, version = c.version + 1
    where c.consent_status not in (excluded.consent_status, 'BLACKLIST')
    returning c.address_type, c.address
), noted as (
    insert into contact_address_history (
        company_id, id, application_id, sender_id, address_type, address, source, status, at
    )
    select $1::integer, w.id, $6::integer, $5::uuid, w.address_type, w.address, 'COMPANY',
        $7, $9::timestamptz
    from wanted w join changed c using (address_type, address)
)
select address from changed;

-- forget_status: The company wants to know nothing of this address any more.
delete from contact_address_status where company_id = $1 and id = $2;

-- list_numbers: A part of a carrier's black list.
insert into carrier_blacklist (operator, address, seen_at)
select distinct $1, address, $3::timestamptz from unnest($2::text[]) as listed (address)
order by address
on conflict (operator, address) do update set seen_at = excluded.seen_at;

-- unlist_numbers: Numbers that a carrier takes off its black list.
delete from carrier_blacklist where operator = $1 and address = any($2::text[]);

-- unlist_unseen: Some numbers that the carrier's newest list does not have.
delete from carrier_blacklist
where operator = $1 and address = any(array(
    select address from carrier_blacklist where operator = $1 and seen_at < $2 limit $3
));

-- companies: Whose statuses follow the carriers' lists.
select id from company order by id;

-- next_statuses: The end of the next slice of a company's statuses.
select id from (
    select id from contact_address_status where company_id = $1 and id > $2 order by id limit $3
) as slice
order by id desc
limit 1;

-- follow_lists: A slice of statuses becomes what carriers' lists say, or what it was before them; answers those that have changed.
with slice as (
    select id, sender_id, address_type, c.address, consent_status, before_listing,
        b.address is not null as listed
    from contact_address_status c
    left join lateral (
        select b.address from carrier_blacklist b where b.address = c.address limit 1
    ) b on true
    where company_id = $1 and id > $2 and id <= $3 and address_type = 'MDN'
), numbered as (
    select *, row_number() over (order by id) as number from slice
    where listed = (before_listing is null)
), changed as (
    update contact_address_status c
    set consent_status = case when n.listed then 'BLACKLIST' else c.before_listing end,
        source = case when n.listed then 'CARRIER' else c.before_source end,
        before_listing = case when n.listed then c.consent_status end,
        before_source = case when n.listed then c.source end,
        asked_at = null, updated_at = $5, version = c.version + 1
    from numbered n
    where c.company_id = $1 and c.id = n.id and n.listed = (c.before_listing is null)
    returning n.number, c.sender_id, c.address_type, c.address, c.consent_status
), noted as (
    insert into contact_address_history (
        company_id, id, sender_id, address_type, address, source, status, at
    )
    select $1::integer, ($4::uuid[])[number], sender_id, address_type, address, 'CARRIER',
        consent_status, $5::timestamptz
    from changed
)
select sender_id, address, consent_status as status from changed;

-- listed_numbers: How many numbers each carrier has on its list, and when it last gave some.
select operator, count(*) as numbers, max(seen_at) as loaded_at
from carrier_blacklist
group by operator
order by operator;

-- companies_to_track: Every company_id with messages to whose recipients statuses may be missing.
select c.id as company_id
from company c
left join consent_tracking t on t.company_id = c.id
cross join lateral (
    select from message m
    where m.company_id = c.id and m.id > coalesce(t.after, $1) and m.id <= $2
        and m.direction = 'MT'
    limit 1
) m;

-- track: Statuses of the pairs in a company's next messages; up to where, and how many there were.
with settled as ( -- messages of a request that is still growing come out of order
    select least($3::uuid, (
        select request_id from expansion where company_id = $1 order by request_id limit 1
    )) as last
), recent as (
    select m.id, m.direction, m.sender_id, m.peer_address, m.failure_code,
        case when m.peer_address like '%@%' then 'EMAIL'
             when m.peer_address ~ '^(apn|gcm|fcm):' then 'PUSH'
             else 'MDN' end as address_type
    from message m
    where m.company_id = $1 and m.id <= (select last from settled)
        and m.id > coalesce((select after from consent_tracking where company_id = $1), $2)
    order by m.id
    limit $4
), made as (
    insert into contact_address_status (
        company_id, id, sender_id, address_type, address, updated_at
    )
    select distinct on (sender_id, address_type, peer_address)
        $1::integer, id, sender_id, address_type, peer_address, $5::timestamptz
    from recent
    where direction = 'MT' and failure_code is distinct from '1002'
    order by sender_id, address_type, peer_address, id
    on conflict (company_id, sender_id, address_type, address) do nothing
), moved as (
    insert into consent_tracking (company_id, after)
    select $1::integer, id from recent order by id desc limit 1
    on conflict (company_id) do update set after = excluded.after
)
select count(*) from recent;

-- manager_of: Who looks after the consent to a sender id.
select consent_managed_by from sender_id where company_id = $1 and id = $2;

-- is_listed: Whether a carrier's black list has the number.
select exists (select from carrier_blacklist where address = $1);
