-- insert_company: A company, as `clarion company create` makes it.
insert into company (name, weight, created_at) values ($1, $2, $3)
returning id, name, weight, created_at;

-- list_companies: All companies, the oldest first: for the operator.
select id, name, weight, created_at from company order by id;

-- company_by_id: One company.
select id, name, weight, created_at from company where id = $1;

-- insert_application: An application with its key and the hash of its secret.
insert into application
    (company_id, name, consumer_key, consumer_secret_hash, rate_limit, created_at)
values ($1, $2, $3, $4, $5, $6)
returning company_id, id, name, consumer_key, rate_limit, created_at;

-- list_applications: A company's applications, or everyone's for the operator, the oldest first.
select company_id, id, name, consumer_key, rate_limit, created_at
from application
where $1::integer is null or company_id = $1
order by id;

-- application_by_id: One application; its id is unique over all companies.
select company_id, id, name, consumer_key, rate_limit, created_at
from application
where id = $1;

-- caller_by_application: What a request on behalf of an application may do.
select company_id, id as application_id, rate_limit
from application
where company_id = $1 and id = $2;

-- lock_application_by_key: An application by its key; refreshes of its tokens take turns.
select company_id, id, consumer_secret_hash
from application
where consumer_key = $1
for update;

-- insert_token: A token's hash.
insert into access_token (company_id, application_id, token_hash, created_at, expires_at)
values ($1, $2, $3, $4, $5);

-- callers_by_tokens: The callers behind live tokens. The token itself says which company.
select t.token_hash, t.company_id, t.application_id, t.expires_at, a.rate_limit
from access_token t
join application a on a.company_id = t.company_id and a.id = t.application_id
where t.token_hash = any($1::bytea[])
    and t.revoked_at is null
    and (t.expires_at is null or t.expires_at > $2);

-- tokens_of_application: Those of an application's tokens that have one of these hashes.
select token_hash, expires_at, revoked_at
from access_token
where company_id = $1 and application_id = $2 and token_hash = any($3::bytea[]);

-- revoke_token: A token dies; once dead it stays as it is.
update access_token set revoked_at = $4
where company_id = $1 and application_id = $2 and token_hash = $3 and revoked_at is null
returning token_hash;

-- revoke_all_tokens: All tokens of an application die.
update access_token set revoked_at = $3
where company_id = $1 and application_id = $2 and revoked_at is null
returning token_hash;

-- delete_dead_tokens: Tokens of all companies that have been dead for long.
-- A token is dead before its successor is made, so it never outlives the successor's row: see
-- tokens.refresh_token, which would otherwise make a dead successor again.
delete from access_token
where least(revoked_at, expires_at) < $1 and company_id is not null
returning company_id;

-- insert_user: A user with the hash of the password.
insert into user_account (company_id, id, login, password_hash, created_at)
values ($1, $2, $3, $4, $5)
returning company_id, id, login, created_at, disabled_at;

-- user_by_login: A user and the hash; logins are unique over all companies.
select company_id, id, login, password_hash, created_at, disabled_at
from user_account
where login = $1;

-- set_password: A new hash for a user.
update user_account set password_hash = $3 where company_id = $1 and id = $2;

-- disable_user: A user may not sign in any more.
update user_account set disabled_at = $3
where company_id = $1 and id = $2 and disabled_at is null
returning id;

-- lock_bootstrap: One process at a time makes the first company.
select pg_advisory_xact_lock(7205759403);
