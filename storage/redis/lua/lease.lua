-- How the scripts begin that complete a revocation or retry it.
-- KEYS: the revocation
-- ARGV: ..., id, tenant, the due that proves the lease, ...

local id, queue, lease = ARGV[3], due_key(ARGV[4]), tonumber(ARGV[5])
reach({}, KEYS[1], queue)
local stored = redis.call('ZSCORE', queue, id)

if not stored or redis.call('EXISTS', KEYS[1]) == 0 then
  return 'missing'
end
if tonumber(stored) ~= lease then
  return 'conflict'
end
