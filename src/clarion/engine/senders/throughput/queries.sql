-- clock: The database's clock, which all nodes go by.
select extract(epoch from clock_timestamp())::double precision;

-- limits: The limits of every class.
select id, country_peak_throughput, country_peak_total_throughput, country_daily_throughput
from sender_id_class;

-- set_limits: What the operator says how fast messages of a class may leave.
update sender_id_class
set country_peak_throughput = $2, country_peak_total_throughput = $3,
    country_daily_throughput = $4, updated_at = $5, version = version + 1
where id = $1;

-- classes: Every class as the operator sees it.
select id, name, designation, applicable_countries, country_peak_throughput,
       country_peak_total_throughput, country_daily_throughput, delivery_window, version
from sender_id_class order by id;

-- lease_peak: Takes back what a node held of peak limits, and hands it what it asks for and there
-- is. Always in one order, so that no two nodes wait for each other.
insert into peak_budget as b (
    company_id, class_id, country, address, rate, burst, returned, asked, granted, spent_until
)
select n.company_id, n.class_id, n.country, n.address, n.rate, n.burst, n.returned, n.asked,
       n.granted, $1 - n.burst + (n.granted - least(n.returned, 0)) / n.rate
from (
    select a.company_id, a.class_id, a.country, a.address, a.rate, a.burst, a.returned, a.asked,
           greatest(0, least(a.asked, floor(a.burst * a.rate + 0.001) + least(a.returned, 0)))::integer as granted
    from unnest($2::integer[], $3::text[], $4::text[], $5::text[], $6::double precision[],
                $7::double precision[], $8::integer[], $9::integer[])
        as a(company_id, class_id, country, address, rate, burst, returned, asked)
) n
order by n.company_id, n.class_id, n.country, n.address
on conflict (company_id, class_id, country, address) do update
set rate = excluded.rate, burst = excluded.burst, returned = excluded.returned,
    asked = excluded.asked,
    (granted, spent_until) = (
        select s.granted, s.base + s.granted / excluded.rate
        from (
            select r.base, greatest(0, least(
                       excluded.asked, floor(($1 - r.base) * excluded.rate + 0.001)
                   ))::integer as granted
            from (
                select greatest(
                    b.spent_until - excluded.returned / excluded.rate, $1 - excluded.burst
                ) as base
            ) r
        ) s
    )
returning company_id, class_id, country, address, granted, spent_until;

-- lease_daily: The same for daily limits.
insert into daily_budget as b (
    company_id, class_id, country, day, most, returned, asked, granted, leased
)
select n.company_id, n.class_id, n.country, $1, n.most, n.returned, n.asked, n.granted,
       n.granted - least(n.returned, 0)
from (
    select a.company_id, a.class_id, a.country, a.most, a.returned, a.asked,
           greatest(0, least(a.asked, a.most))::integer as granted
    from unnest($2::integer[], $3::text[], $4::text[], $5::bigint[], $6::integer[], $7::integer[])
        as a(company_id, class_id, country, most, returned, asked)
) n
order by n.company_id, n.class_id, n.country
on conflict (company_id, class_id, country, day) do update
set most = excluded.most, returned = excluded.returned, asked = excluded.asked,
    (granted, leased) = (
        select s.granted, s.base + s.granted
        from (
            select r.base, greatest(0, least(excluded.asked, excluded.most - r.base))::integer
                       as granted
            from (select greatest(0, b.leased - excluded.returned) as base) r
        ) s
    )
returning company_id, class_id, country, granted;

-- forget_peaks: Budgets of rates that nobody has used for long, whatever their company_id.
delete from peak_budget
where (company_id, class_id, country, address) in (
    select company_id, class_id, country, address from peak_budget where spent_until < $1 limit $2
);

-- forget_days: Days that are over, whatever their company_id.
delete from daily_budget
where (company_id, class_id, country, day) in (
    select company_id, class_id, country, day from daily_budget where day < $1 limit $2
);

-- usage: How much of a day's limits is leased, of one company_id or of all.
select company_id, class_id, country, leased, most
from daily_budget
where day = $1 and ($2::integer is null or company_id = $2)
order by leased desc, company_id, class_id, country
limit $3;
