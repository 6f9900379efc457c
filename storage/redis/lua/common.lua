-- What all scripts share. ARGV[1] begins the name of every key that the script
-- may touch, so that all of them are in the hash slot of KEYS[1]. ARGV[2] is the
-- caller's clock, in milliseconds.

local space, now = ARGV[1], tonumber(ARGV[2])

-- A revocation that nobody has claimed for 90 days is forgotten, so that a queue
-- without an owner does not stay for ever.
local revocation_life = 90 * 24 * 60 * 60 * 1000

local function record_key(id)
  return space .. 'record:' .. id
end

local function revocation_key(id)
  return space .. 'revocation:' .. id
end

local function due_key(tenant)
  return space .. 'due:' .. tenant
end

-- parse reads a record as record.go lays it out. It returns nil for what is
-- absent or damaged.
local function parse(value)
  if not value or string.byte(value) ~= 2 then
    return nil
  end
  local ok, tenant, revision, write, expiry, kind, subject, sid = pcall(struct.unpack, '>xI1c0c8c8dI1c0I4c0I4c0', value)
  if not ok then
    return nil
  end
  return {tenant = tenant, revision = revision, write = write, expiry = expiry, kind = kind, subject = subject, sid = sid}
end

-- tenant_of reads the tenant of a record in any format that has one: those of
-- later versions too. It returns nil for what has none.
local function tenant_of(value)
  if not value or (string.byte(value) or 0) < 2 then
    return nil
  end
  local ok, tenant = pcall(struct.unpack, '>xI1c0', value)
  return ok and tenant or nil
end

-- scope is what stands before the name in an index's key, as in keys.go.
local function scope(record)
  return #record.tenant .. ':' .. record.tenant .. #record.kind .. ':' .. record.kind .. ':'
end

-- indexes returns the set of indexes that list the record.
local function indexes(record)
  local keys = {}
  if record.subject ~= '' then
    keys[space .. 'subject:' .. scope(record) .. record.subject] = true
  end
  if record.sid ~= '' then
    keys[space .. 'sid:' .. scope(record) .. record.sid] = true
  end
  return keys
end

-- reach fails unless all these keys (two at least) are on this node. While a
-- slot moves to another one they are in two places, and what is missing here
-- may be there: a script reaches for its keys before it takes one for absent,
-- and before its first write, so that it does nothing by halves.
local function reach(index_set, ...)
  local keys = {...}
  for index in pairs(index_set) do
    keys[#keys + 1] = index
  end
  redis.call('EXISTS', unpack(keys))
end

-- take removes a record. DEL comes first: a server that is out of memory lets a
-- script go on once it has written something, and DEL, like PEXPIRE, it never
-- refuses.
local function take(id, record)
  redis.call('DEL', record_key(id))
  for index in pairs(indexes(record)) do
    redis.call('ZREM', index, id)
  end
end

-- enqueue comes after a DEL, for the same reason.
local function enqueue(id, tenant, revocation, due)
  redis.call('SET', revocation_key(id), revocation, 'PX', revocation_life)
  redis.call('ZADD', due_key(tenant), due, id)
  redis.call('PEXPIRE', due_key(tenant), revocation_life)
end

-- drop_unreadable removes what is no record to this version, if there is
-- anything. A newer one may have written it, so it is enqueued all the same
-- (unless head is ''): a version that can read it will revoke its token.
local function drop_unreadable(id, value, head, due)
  local tenant = head ~= '' and tenant_of(value)
  if tenant then
    reach({}, revocation_key(id), due_key(tenant))
  end
  redis.call('DEL', record_key(id))
  if tenant then
    enqueue(id, tenant, head .. value, due)
  end
end
