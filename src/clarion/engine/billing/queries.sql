-- lock_rate_tables: One load at a time, until its transaction ends.
select pg_advisory_xact_lock($1);

-- drop_rate_table: A price list and its rates.
delete from rate_table where starts_at = $1;

-- insert_rate_table: A price list, before its rates are copied.
insert into rate_table (id, starts_at, source, rates, loaded_at) values ($1, $2, $3, 0, $4);

-- count_rates: Says how many rates a price list has, once they are there.
update rate_table
set rates = (select count(*) from rate where rate_table_id = $1)
where id = $1
returning id, starts_at, source, rates, loaded_at;

-- unknown_company: A company_id of a price list that no company has.
select r.company_id from rate r
where r.rate_table_id = $1 and r.company_id <> 0
  and not exists (select 1 from company c where c.id = r.company_id)
limit 1;

-- list_rate_tables: All price lists, the latest start first.
select id, starts_at, source, rates, loaded_at from rate_table order by starts_at desc;

-- rate_tables_to_keep: The price list in force and the next one.
(select id, starts_at, source, rates, loaded_at from rate_table
 where starts_at <= $1 order by starts_at desc limit 1)
union all
(select id, starts_at, source, rates, loaded_at from rate_table
 where starts_at > $1 order by starts_at limit 1)
order by 2;

-- rates_of_table: Every rate of a price list, each with the company_id that it is for.
select company_id, sender_type, medium, country, operator, price from rate where rate_table_id = $1;

-- open_credit: Gives a company a balance of zero, unless it has one.
insert into credit (company_id, balance, entries, updated_at) values ($1, 0, 0, $2)
on conflict (company_id) do nothing;

-- lock_credit: A company's balance, held until the transaction ends.
select balance from credit where company_id = $1 for update;

-- balance: What a company can spend.
select balance from credit where company_id = $1;

-- balances: What companies can spend: one company_id's, or everyone's for the operator.
select c.id as company_id, c.name, coalesce(b.balance, 0) as balance,
       coalesce(b.entries, 0) as entries, b.updated_at
from company c
left join credit b on b.company_id = c.id
where $1::integer is null or c.id = $1
order by c.id
limit $2;

-- add_entry: An entry of the operator's, and the balance after it.
with moved as (
    update credit
    set balance = balance + $3, entries = entries + 1, updated_at = $6
    where company_id = $1
    returning entries, balance
)
insert into ledger (company_id, number, kind, amount, balance, reference, note, at)
select $1, entries, $2, $3, balance, $4, $5, $6 from moved
returning number, kind::text, amount, balance, messages, reference, note, at;

-- entry_of_reference: The entry that already has this reference.
select number, kind::text, amount, balance, messages, reference, note, at
from ledger where company_id = $1 and reference = $2;

-- entries: A company's last entries, the latest first.
select number, kind::text, amount, balance, messages, reference, note, at
from ledger where company_id = $1 order by number desc limit $2;

-- charge_messages: Takes from a locked balance, in order, what of a batch was not charged before.
with asked as (
    select a.id, a.amount, a.place
    from unnest($2::uuid[], $3::numeric[]) with ordinality as a(id, amount, place)
), known as (
    select c.message_id as id, c.returned_at is not null as returned
    from message_charge c
    where c.company_id = $1 and c.message_id between $4 and $5
      and c.message_id = any($2::uuid[])
), running as (
    select a.id, a.amount, sum(a.amount) over (order by a.place) as total
    from asked a
    where a.id not in (select k.id from known k) -- hashed, where an anti-join is not
), paid as (
    insert into message_charge (company_id, message_id, amount)
    select $1, r.id, r.amount from running r
    where r.total <= (select c.balance from credit c where c.company_id = $1)
    returning message_id, amount
), total as (
    select sum(amount) as amount, count(*)::integer as messages from paid having count(*) > 0
), moved as (
    update credit c
    set balance = c.balance - t.amount, entries = c.entries + 1, updated_at = $6
    from total t
    where c.company_id = $1
    returning c.entries, c.balance, t.amount, t.messages
), entered as (
    insert into ledger (company_id, number, kind, amount, balance, messages, at)
    select $1, entries, 'CHARGED', -amount, balance, messages, $6 from moved
)
select message_id as id, amount, false as returned from paid
union all
select id, 0, returned from known;

-- return_charges: Gives back to a locked balance what messages were charged and did not get back.
with returned as (
    update message_charge
    set returned_at = $5
    where company_id = $1 and message_id between $3 and $4 and message_id = any($2::uuid[])
      and returned_at is null
    returning message_id, amount
), total as (
    select sum(amount) as amount, count(*)::integer as messages from returned having count(*) > 0
), moved as (
    update credit c
    set balance = c.balance + t.amount, entries = c.entries + 1, updated_at = $5
    from total t
    where c.company_id = $1
    returning c.entries, c.balance, t.amount, t.messages
), entered as (
    insert into ledger (company_id, number, kind, amount, balance, messages, at)
    select $1, entries, 'RETURNED', amount, balance, messages, $5 from moved
)
select message_id, amount from returned;

-- charge_again: Takes from a locked balance, in order, what had been given back for messages.
with running as (
    select c.message_id as id, sum(c.amount) over (order by c.message_id) as total
    from message_charge c
    where c.company_id = $1 and c.message_id between $3 and $4
      and c.message_id = any($2::uuid[]) and c.returned_at is not null
), paid as (
    update message_charge
    set returned_at = null
    where company_id = $1 and message_id between $3 and $4 and message_id = any($2::uuid[])
      and message_id in (
          select r.id from running r
          where r.total <= (select c.balance from credit c where c.company_id = $1)
      )
    returning message_id, amount
), total as (
    select sum(amount) as amount, count(*)::integer as messages from paid having count(*) > 0
), moved as (
    update credit c
    set balance = c.balance - t.amount, entries = c.entries + 1, updated_at = $5
    from total t
    where c.company_id = $1
    returning c.entries, c.balance, t.amount, t.messages
), entered as (
    insert into ledger (company_id, number, kind, amount, balance, messages, at)
    select $1, entries, 'CHARGED', -amount, balance, messages, $5 from moved
)
select message_id, amount from paid;

-- recount: Balances beside their ledgers: one company_id's, or everyone's for the operator.
select c.company_id, c.balance, coalesce(sum(l.amount), 0) as ledger, c.entries,
       count(l.number) as counted
from credit c
left join ledger l on l.company_id = c.company_id
where $1::integer is null or c.company_id = $1
group by c.company_id
order by c.company_id;
