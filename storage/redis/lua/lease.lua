-- How the scripts begin that complete a revocation or retry it.
-- KEYS: the revocation
-- ARGV: ..., id, the due that proves the lease, ...

local id, lease = ARGV[3], tonumber(ARGV[4])
reach({}, KEYS[1], due_key)
local stored = redis.call('ZSCORE', due_key, id)

if not stored or redis.call('EXISTS', KEYS[1]) == 0 then
  return 'missing'
end
if tonumber(stored) ~= lease then
  return 'conflict'
end
