-- fast_access_names: What a company calls its fast access attributes.
select name, number from fast_access_rule where company_id = $1 and name is not null;
