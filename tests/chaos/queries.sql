-- claimed: Messages that claims list.
select m.id::text as id from claim c, unnest(c.messages) as m (id);

-- claiming: Nodes that have claims.
select distinct node_id from claim;

-- backends: Server processes of the gateway's connections.
select pid from pg_stat_activity where application_name = 'clarion' and pid <> pg_backend_pid();

-- unfinished: How much is still under way, by what it is.
select 'outbound' as what, count(*) from outbound
union all select 'claim', count(*) from claim
union all select 'expansion', count(*) from expansion
union all select 'inbound_part', count(*) from inbound_part
union all select 'message', count(*) from message
    where direction = 'MT' and state not in ('DELIVERED', 'FAILED', 'EXPIRED', 'CANCELED')
union all select 'message_request', count(*) from message_request
    where solo_message_id is null and state not in ('COMPLETED', 'REJECTED')
union all select 'kept receipts of known parts', count(*) from unmatched_receipt u
    where exists (select from fragment f where f.connector = u.connector
        and f.external_id = ltrim(lower(u.external_id), '0'));

-- requests: Every request with its counters.
select company_id, id::text as id, application_id, external_id, state::text as state,
    recipient_count, pending_count, sent_count, delivered_count, read_count, converted_count,
    canceled_count, failed_count
from message_request_now;

-- recounted: The same counters as the messages tell them.
select company_id, request_id::text as id, count(*) as recipient_count,
    count(*) filter (where state in ('CREATED', 'SCHEDULED', 'PAUSED')) as pending_count,
    count(sent_at) as sent_count, count(delivered_at) as delivered_count,
    count(read_at) as read_count, count(converted_at) as converted_count,
    count(*) filter (where state = 'CANCELED') as canceled_count,
    count(*) filter (where state in ('FAILED', 'EXPIRED')) as failed_count
from message where request_id is not null group by company_id, request_id;

-- messages: Every message.
select id::text as id, request_id::text as request_id, direction::text as direction,
    state::text as state, peer_address, body, fragments, failure_details
from message;

-- fragments: Every part that a carrier is known to have.
select message_id::text as message_id, number, total, external_id, state::text as state
from fragment;

-- unmatched: Receipts that wait for a message nobody knows.
select external_id, state from unmatched_receipt;

-- nodes: The processes that are alive, and how many binds each holds.
select n.id::text as id, n.name, (select count(*) from bind_lease b where b.node_id = n.id and b.expires_at > $1) as binds
from node n where n.expires_at > $1;
