package memory

import (
	"maps"
	"sync"
	"sync/atomic"
)

// tenant is what a store keeps for one tenant. There are as many as the program
// has configured, so they are never removed.
type tenant struct {
	name  string
	count atomic.Int64      // of records, the expired included
	due   heap[*revocation] // guarded by queue.mu
}

// tenants finds a tenant by its name, without a lock: the map is replaced as a
// whole when a tenant is new.
type tenants struct {
	adding sync.Mutex
	byName atomic.Pointer[map[string]*tenant]
}

func (t *tenants) init() { t.byName.Store(&map[string]*tenant{}) }

// of returns the tenant of that name, a new one if it is not known.
func (t *tenants) of(name string) *tenant {
	if found := t.known(name); found != nil {
		return found
	}
	t.adding.Lock()
	defer t.adding.Unlock()
	if found := t.known(name); found != nil {
		return found
	}
	all := maps.Clone(*t.byName.Load())
	added := &tenant{name: name}
	all[name] = added
	t.byName.Store(&all)
	return added
}

// known returns the tenant of that name, or nil.
func (t *tenants) known(name string) *tenant {
	return (*t.byName.Load())[name]
}
