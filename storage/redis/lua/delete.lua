-- KEYS: the record
-- ARGV: ..., id, head of the revocation ('' to enqueue nothing), due
-- Returns the record's bytes, or nil.

local id, head, due = ARGV[3], ARGV[4], ARGV[5]
local value = redis.call('GET', KEYS[1])
local record = parse(value)

if not record then
  drop_unreadable(id, value, head, due)
  return nil
end
if record.expiry <= now then
  return nil
end

reach(indexes(record), revocation_key(id), due_key(record.tenant))
take(id, record)
if head ~= '' then
  enqueue(id, record.tenant, head .. value, due)
end
return value
