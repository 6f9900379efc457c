package document

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/passport-go/passport/storage"
)

// contents is what a document holds at one moment. There is little of it, so
// going through all of it is the index.
type contents struct {
	now         time.Time
	records     []storage.Record
	revocations []storage.Revocation
	note        json.RawMessage
}

func (c *contents) isLive(r storage.Record) bool { return c.now.Before(r.Expiry) }

// find returns the position of the live record, or -1.
func (c *contents) find(id string) int {
	return slices.IndexFunc(c.records, func(r storage.Record) bool { return r.ID == id && c.isLive(r) })
}

func (c *contents) live(id string) (storage.Record, error) {
	i := c.find(id)
	if i < 0 {
		return storage.Record{}, storage.ErrNotFound
	}
	return c.records[i], nil
}

func (c *contents) save(r storage.Record) (storage.Record, error) {
	i := c.find(r.ID)
	switch {
	case i < 0 && r.Revision != 0:
		return storage.Record{}, storage.ErrNotFound
	case i >= 0 && (c.records[i].Revision != r.Revision || c.records[i].Tenant != r.Tenant || c.records[i].Kind != r.Kind):
		return storage.Record{}, storage.ErrConflict
	}
	r.Revision++
	if i < 0 {
		c.records = append(c.records, r)
	} else {
		c.records[i] = r
	}
	return r, nil
}

func (c *contents) remove(id string) (storage.Record, error) {
	i := c.find(id)
	if i < 0 {
		return storage.Record{}, storage.ErrNotFound
	}
	removed := c.records[i]
	c.records = slices.Delete(c.records, i, i+1)
	return removed, nil
}

// split returns the live records that m selects, and the others.
func (c *contents) split(m storage.Match) (selected, others []storage.Record, err error) {
	if m.Subject == "" && m.SID == "" {
		return nil, c.records, storage.ErrEmptyMatch
	}
	for _, r := range c.records {
		if c.isLive(r) && selects(m, r) {
			selected = append(selected, r)
		} else {
			others = append(others, r)
		}
	}
	return selected, others, nil
}

func selects(m storage.Match, r storage.Record) bool {
	return m.Tenant == r.Tenant && m.Kind == r.Kind &&
		(m.Subject == "" || m.Subject == r.Subject) &&
		(m.SID == "" || m.SID == r.SID) &&
		r.ID != m.Except
}

// sweep removes the records that have expired.
func (c *contents) sweep() {
	c.records = slices.DeleteFunc(c.records, func(r storage.Record) bool { return !c.isLive(r) })
}

func (c *contents) findRevocation(id string) int {
	return slices.IndexFunc(c.revocations, func(d storage.Revocation) bool { return d.Record.ID == id })
}

func (c *contents) enqueue(r storage.Record, lease time.Duration) (storage.Revocation, error) {
	if c.findRevocation(r.ID) >= 0 {
		return storage.Revocation{}, storage.ErrConflict
	}
	d := storage.Revocation{Record: r, Since: c.now, Due: instant(c.now.Add(lease))}
	c.revocations = append(c.revocations, d)
	return d, nil
}

// leased returns the position of the revocation, if the lease is still the caller's.
func (c *contents) leased(d storage.Revocation) (int, error) {
	i := c.findRevocation(d.Record.ID)
	if i < 0 || c.revocations[i].Record.Tenant != d.Record.Tenant {
		return 0, storage.ErrNotFound
	}
	if !c.revocations[i].Due.Equal(d.Due) {
		return 0, storage.ErrConflict
	}
	return i, nil
}

// longestWait is longer than any revocation waits. A later Due is of a clock that was
// ahead, as players set theirs, or a battery that is empty.
const longestWait = 48 * time.Hour

func (c *contents) isDue(d storage.Revocation) bool {
	return !c.now.Before(d.Due) || d.Due.After(c.now.Add(longestWait))
}

// claim leases up to n revocations of tenant that are due, the oldest Due first.
func (c *contents) claim(tenant string, n int, lease time.Duration) (claimed []storage.Revocation) {
	slices.SortStableFunc(c.revocations, func(a, b storage.Revocation) int { return a.Due.Compare(b.Due) })
	for i := range c.revocations {
		if len(claimed) >= n {
			break
		}
		if c.revocations[i].Record.Tenant != tenant || !c.isDue(c.revocations[i]) {
			continue
		}
		c.revocations[i].Due = instant(c.now.Add(lease))
		claimed = append(claimed, c.revocations[i])
	}
	return claimed
}
