-- After lease.lua.

redis.call('DEL', KEYS[1])
redis.call('ZREM', queue, id)
return 'saved'
