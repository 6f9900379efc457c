-- KEYS: the revocation
-- ARGV: ..., id, the revocation, due

local id, revocation, due = ARGV[3], ARGV[4], ARGV[5]
local stored = redis.call('GET', KEYS[1])

-- The same revocation: its answer was lost, and the client has sent it again.
if stored == revocation then
  return 'saved'
end
if stored then
  return 'conflict'
end
reach({}, KEYS[1], due_key)
redis.call('DEL', KEYS[1]) -- there is none, but a full server takes what comes after
enqueue(id, revocation, due)
return 'saved'
