-- How the scripts begin that take a debt back.
-- KEYS: the debt
-- ARGV: ..., id, the due that proves the hold, ...

local id, hold = ARGV[3], tonumber(ARGV[4])
reach({}, KEYS[1], due_key)
local stored = redis.call('ZSCORE', due_key, id)

if not stored or redis.call('EXISTS', KEYS[1]) == 0 then
  return 'missing'
end
if tonumber(stored) ~= hold then
  return 'conflict'
end
