-- active_senders: The company's sender ids that SMS may leave from, if a connector carries them.
select id, address, connector
from sender_id
where company_id = $1 and state = 'ACTIVE' and 'SMS' = any(capabilities) and deleted_at is null
order by id
limit 1000;

-- list_senders: A company_id's sender ids, or everyone's for the operator.
select company_id, id, state::text, ownership::text, type_id, class_id, address, connector, name
from sender_id
where ($1::integer is null or company_id = $1) and deleted_at is null
order by company_id, id
limit $2;

-- sender_of_id: A sender id by its own id, whatever its company_id: for the operator.
select company_id, id, state::text, ownership::text, type_id, class_id, address, connector, name
from sender_id
where id = $1 and deleted_at is null;

-- server: The server's version and its clock, for `clarion doctor`.
select current_setting('server_version_num')::integer as version, clock_timestamp() as clock;

-- waiting: How many messages wait for each connector, and since when, over all company_ids.
select connector, count(*) as messages, min(due_at) as oldest
from outbound
where due_at <= $1
group by connector;

-- live_nodes: The processes whose lease holds, with the binds that each has of connectors.
select n.name, n.roles, (
    select jsonb_object_agg(connector, binds) from (
        select connector, count(*) as binds from bind_lease
        where node_id = n.id and expires_at > now() group by connector
    ) held
) as binds
from node n
where n.expires_at > now()
order by n.name;
