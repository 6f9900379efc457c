-- KEYS: the revocation
-- ARGV: ..., id, tenant, the revocation, due

local id, tenant, revocation, due = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local stored = redis.call('GET', KEYS[1])

-- The same revocation: its answer was lost, and the client has sent it again.
if stored == revocation then
  return 'saved'
end
if stored then
  return 'conflict'
end
reach({}, KEYS[1], due_key(tenant))
redis.call('DEL', KEYS[1]) -- there is none, but a full server takes what comes after
enqueue(id, tenant, revocation, due)
return 'saved'
