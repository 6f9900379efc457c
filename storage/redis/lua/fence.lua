-- KEYS: the fence
-- A write that always takes place, so that a WAIT behind it waits for everything
-- before it. Unlike the other scripts it stands alone.

redis.call('DEL', KEYS[1]) -- a full server takes what comes after
redis.call('SET', KEYS[1], '', 'PX', 60000)
