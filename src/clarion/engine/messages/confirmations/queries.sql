-- message_for_device: What a device's confirmation of a message is checked against.
select state, contact_id, peer_address from message
where company_id = $1 and id = $2 and direction = 'MT' and deleted_at is null;
