-- KEYS: the record
-- ARGV: ..., id, value, the revision that was read ('' to create)

local id, value, read = ARGV[3], ARGV[4], ARGV[5]
local old, new = parse(redis.call('GET', KEYS[1])), parse(value)

-- The answer to this very write was lost, and the client has sent it again.
if old and old.write == new.write then
  return 'saved'
end

-- The same, but in between the record has become a revocation: it must not come back.
-- The write is at this place in a revocation.
local write = 12 + 2 + #new.tenant + 8
if read == '' and not old and redis.call('GETRANGE', revocation_key(id), write, write + 7) == new.write then
  return 'saved'
end

local live = old and old.expiry > now
if read == '' and live then
  return 'conflict'
end
if read ~= '' and not live then
  return 'missing'
end
if read ~= '' and (old.revision ~= read or old.tenant ~= new.tenant or old.kind ~= new.kind) then
  return 'conflict'
end

-- drop_expired removes some of what the server has let go of. The clocks of two
-- callers may differ, so what the server still has stays listed; and so does,
-- without an error, what may be on another node.
local function drop_expired(index)
  for _, expired in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', now, 'LIMIT', 0, 8)) do
    if redis.pcall('EXISTS', index, record_key(expired)) == 1 then
      redis.call('ZREM', index, expired)
    end
  end
end

-- list keeps the index for as long as the last of its records, in whatever
-- order they came.
local function list(index, ttl)
  redis.call('ZADD', index, new.expiry, id)
  redis.call('PEXPIRE', index, math.max(ttl, redis.call('PTTL', index)))
  drop_expired(index)
end

local wanted, stale = indexes(new), {}
for index in pairs(old and indexes(old) or {}) do
  stale[index] = not wanted[index] or nil
end
reach(wanted, KEYS[1])
if next(stale) then
  reach(stale, KEYS[1])
end

local ttl = new.expiry - now
if old then
  redis.call('PEXPIRE', KEYS[1], ttl) -- a full server takes what comes after
end
redis.call('SET', KEYS[1], value, 'PX', ttl)
for index in pairs(stale) do
  redis.call('ZREM', index, id)
end
for index in pairs(wanted) do
  list(index, ttl)
end
return 'saved'
