-- add_links: Short links of one company's messages.
insert into short_link (company_id, message_id, code, url, label)
select $1, message_id, code, url, label
from unnest($2::uuid[], $3::bigint[], $4::text[], $5::text[]) as l (message_id, code, url, label);

-- find_link: Where a short link leads, and whose message it was in.
select message_id, url from short_link where company_id = $1 and code = $2
order by message_id desc limit 1;

-- add_clicks: How often links of one company's messages were opened.
update short_link l set
    clicks = l.clicks + i.count,
    first_clicked_at = coalesce(l.first_clicked_at, i.first_at),
    last_clicked_at = greatest(l.last_clicked_at, i.last_at)
from unnest($4::uuid[], $5::bigint[], $6::integer[], $7::timestamptz[], $8::timestamptz[])
    as i (message_id, code, count, first_at, last_at)
where l.company_id = $1 and l.code = i.code and l.message_id = i.message_id
    and l.message_id between $2 and $3;
