-- KEYS: the index
-- ARGV: ..., tenant, kind, subject, sid, except ('' for any), limit, head of the revocations ('' to
-- enqueue nothing), due
-- Returns {id, bytes, id, bytes, ...}. It stops at limit records, so that one
-- user's many sessions do not hold up everybody else; the caller asks again.

local tenant, kind, subject, sid, except = ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local limit, head, due = tonumber(ARGV[8]), ARGV[9], ARGV[10]
local removed, kept = {}, 0

local function selected(id, record)
  return id ~= except and record.expiry > now
    and record.tenant == tenant and record.kind == kind
    and (subject == '' or record.subject == subject)
    and (sid == '' or record.sid == sid)
end

local function remove(id)
  local value = redis.call('GET', record_key(id))
  local record = parse(value)
  if not record and id ~= except then
    reach({}, KEYS[1], record_key(id))
    drop_unreadable(id, value, head, due)
    redis.call('ZREM', KEYS[1], id)
    return
  end
  if not selected(id, record) then
    kept = kept + 1
    return
  end
  reach(indexes(record), revocation_key(id), due_key(record.tenant))
  take(id, record)
  if head ~= '' then
    enqueue(id, record.tenant, head .. value, due)
  end
  removed[#removed + 1] = id
  removed[#removed + 1] = value
end

while true do
  local ids = redis.call('ZRANGE', KEYS[1], kept, kept + 99)
  if #ids == 0 then
    return removed
  end
  for _, id in ipairs(ids) do
    if #removed == 2 * limit then
      return removed
    end
    remove(id)
  end
end
