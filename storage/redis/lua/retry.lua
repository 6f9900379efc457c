-- After lease.lua.
-- ARGV: ..., ..., ..., the new due

local attempts = struct.unpack('>I4', redis.call('GETRANGE', KEYS[1], 8, 11))
redis.call('PEXPIRE', KEYS[1], revocation_life) -- a full server takes what comes after
redis.call('SETRANGE', KEYS[1], 8, struct.pack('>I4', attempts + 1))
redis.call('ZADD', queue, ARGV[6], id)
redis.call('PEXPIRE', queue, revocation_life)
return 'saved'
