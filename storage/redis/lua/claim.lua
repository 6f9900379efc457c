-- KEYS: the queue
-- ARGV: ..., at most, due
-- Returns {id, former due, revocation, id, former due, revocation, ...}, oldest due first.

local due, claimed = ARGV[4], {}

local function claim(id, former)
  reach({}, KEYS[1], revocation_key(id))
  local revocation = redis.call('GET', revocation_key(id))
  if not revocation then
    redis.call('ZREM', KEYS[1], id)
    return
  end
  -- It may be damaged. Or a newer version wrote it, and will have its turn: so it
  -- only makes room for the others, until somebody reads it or it is forgotten.
  if not parse(string.sub(revocation, 13)) then
    redis.call('ZREM', KEYS[1], id) -- a full server takes what comes after
    redis.call('ZADD', KEYS[1], math.max(due, now + 1000), id)
    return
  end
  redis.call('PEXPIRE', revocation_key(id), revocation_life) -- a full server takes what comes after
  redis.call('ZADD', KEYS[1], due, id)
  claimed[#claimed + 1] = id
  claimed[#claimed + 1] = former
  claimed[#claimed + 1] = revocation
end

local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'WITHSCORES', 'LIMIT', 0, ARGV[3])
for i = 1, #found, 2 do
  claim(found[i], found[i + 1])
end
redis.call('PEXPIRE', KEYS[1], revocation_life)
return claimed
