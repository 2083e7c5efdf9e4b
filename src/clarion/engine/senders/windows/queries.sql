-- windows: The delivery window of every class that has one.
select id, delivery_window from sender_id_class where delivery_window is not null;

-- set_window: What the operator says when messages of a class may leave.
update sender_id_class
set delivery_window = $2, updated_at = $3, version = version + 1
where id = $1;
