-- After lease.lua.

redis.call('DEL', KEYS[1])
redis.call('ZREM', due_key, id)
return 'saved'
