package storagetest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

func TestReferencePasses(t *testing.T) {
	Run(t, func(_ *testing.T, now func() time.Time) storage.TokenStore {
		return newBus(newReference(now))
	})
}

func TestSharedReferencePasses(t *testing.T) {
	RunShared(t, func(_ *testing.T, now func() time.Time) (a, b storage.TokenStore) {
		store := newBus(newReference(now))
		return store, store
	})
}

// bareStore has none of the optional interfaces.
type bareStore struct{ storage.TokenStore }

func TestOptionalInterfacesAreOptional(t *testing.T) {
	Run(t, func(_ *testing.T, now func() time.Time) storage.TokenStore {
		return bareStore{newReference(now)}
	})
}

// TestEveryFaultIsFound breaks the reference in every way that a check is
// there for, and expects that check to fail.
//
// Some are found by chance, so the checks take their full counts in a short run, too.
func TestEveryFaultIsFound(t *testing.T) {
	before := soak
	soak = max(1, soak)
	t.Cleanup(func() { soak = before })
	for _, m := range mutants {
		for _, name := range m.foundBy {
			t.Run(m.name+"/"+name, func(t *testing.T) {
				failures := failuresOf(t, checkNamed(t, name), m.open)
				require.NotEmpty(t, failures, "the check passes on a store that is broken")
				t.Log(failures[0])
			})
		}
	}
}

// TestEveryCheckCanFail is why the suite can be trusted: a check that nothing
// makes fail checks nothing.
func TestEveryCheckCanFail(t *testing.T) {
	for _, s := range slices.Concat(sections, sharedSections) {
		for _, c := range s.checks {
			assert.True(t, slices.ContainsFunc(mutants, func(m mutant) bool { return slices.Contains(m.foundBy, c.name) }),
				"no mutant makes %q fail", c.name)
		}
	}
}

func checkNamed(t *testing.T, name string) check {
	for _, s := range slices.Concat(sections, sharedSections) {
		for _, c := range s.checks {
			if c.name == name {
				return c
			}
		}
	}
	require.FailNow(t, "no such check", name)
	return check{}
}

func TestLinearizable(t *testing.T) {
	write := func(start, end int64, text string) event {
		return event{start, end, "write " + text, func(version) (version, bool) { return version{text: text}, true }}
	}
	read := func(start, end int64, text string) event {
		return event{start, end, "read " + text, func(v version) (version, bool) { return v, v.text == text }}
	}
	for _, c := range []struct {
		name   string
		events []event
		want   bool
	}{
		{"nothing", nil, true},
		{"one after the other", []event{write(1, 2, "a"), read(3, 4, "a")}, true},
		{"a read of nothing", []event{read(1, 2, ""), write(3, 4, "a")}, true},
		{"a late read of nothing", []event{write(1, 2, "a"), read(3, 4, "")}, false},
		{"a read of the future", []event{read(1, 2, "a"), write(3, 4, "a")}, false},
		{"a read meanwhile, of either", []event{write(1, 6, "a"), read(2, 3, ""), read(4, 5, "a")}, true},
		{"there and gone again", []event{write(1, 6, "a"), read(2, 3, "a"), read(4, 5, "")}, false},
		{"two writes in any order", []event{write(1, 4, "a"), write(2, 3, "b"), read(5, 6, "a")}, true},
		{"two writes in two orders", []event{write(1, 4, "a"), write(2, 3, "b"), read(5, 6, "a"), read(7, 8, "b")}, false},
		{"listed out of order", []event{read(3, 4, "a"), write(1, 2, "a")}, true},
	} {
		assert.Equal(t, c.want, linearizable(c.events), c.name)
	}
}
