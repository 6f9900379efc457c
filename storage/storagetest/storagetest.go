// Package storagetest is the contract of package storage as a test suite, for
// the stores of this module and for anybody else's.
//
//	func TestContract(t *testing.T) {
//		storagetest.Run(t, func(t *testing.T, now func() time.Time) storage.TokenStore {
//			return mystore.New(mystore.Options{Now: now})
//		})
//	}
//
// The suite takes a few seconds with a server a millisecond away. It makes fewer
// attempts on a slow store and with go test -short; STORAGETEST_SOAK=20 in the
// environment makes twenty times as many. Part of it is random: a failure prints the
// seed, and the environment variable STORAGETEST_SEED repeats it.
package storagetest

import (
	"testing"
	"time"

	"github.com/passport-go/passport/storage"
)

// Run checks that a store keeps the contract of storage.TokenStore, and those
// of storage.Lister, storage.RevocationQueue, storage.RevocationCounter and
// storage.Notifier if it implements them.
//
// Every call of open must return a new, empty store, and register its close with
// t.Cleanup, after which no goroutine of the store's package may be left. The store must
// use no other clock than now: the suite moves that clock forward, by hours. It starts at
// the present, so that a server with its own clock does not expire records too early.
func Run(t *testing.T, open func(t *testing.T, now func() time.Time) storage.TokenStore) {
	runSections(t, sections, func(t *testing.T, now func() time.Time) []storage.TokenStore {
		return []storage.TokenStore{open(t, now)}
	})
}

// RunShared checks what must hold between two stores that share a backend, like those
// of two instances of a program: each sees at once what the other has done, their
// writers and claimants exclude each other, and a listener on one receives the notices
// of the other. Call it in addition to Run.
//
// Every call of open must return two stores on one new, empty backend; the rest is as
// for Run.
func RunShared(t *testing.T, open func(t *testing.T, now func() time.Time) (a, b storage.TokenStore)) {
	runSections(t, sharedSections, func(t *testing.T, now func() time.Time) []storage.TokenStore {
		a, b := open(t, now)
		return []storage.TokenStore{a, b}
	})
}

func runSections(t *testing.T, sections []section, open func(t *testing.T, now func() time.Time) []storage.TokenStore) {
	sample := open(t, time.Now)[0]
	leaks := &leaks{patience: patience}
	for _, s := range sections {
		if !s.covers(sample) {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			for _, c := range s.checks {
				t.Run(c.name, func(t *testing.T) {
					var stores []storage.TokenStore
					leaks.watch(t, func() []storage.TokenStore { return stores })
					clock := newClock()
					stores = open(t, clock.Now)
					c.run(newFixture(t, clock, stores...))
				})
			}
		})
	}
}

// section is the part of the suite for one interface.
type section struct {
	name   string
	covers func(storage.TokenStore) bool
	checks []check
}

type check struct {
	name string
	run  func(*fixture)
}

var sections = []section{
	{"TokenStore", is[storage.TokenStore], join(recordChecks, matchChecks, tenantChecks, dataChecks, contextChecks, concurrentChecks, randomChecks, historyChecks)},
	{"Lister", is[storage.Lister], join(listerChecks, tenantListerChecks)},
	{"RevocationQueue", is[storage.RevocationQueue], join(queueChecks, tenantQueueChecks, queueConcurrentChecks)},
	{"RevocationCounter", is[storage.RevocationCounter], counterChecks},
	{"Notifier", is[storage.Notifier], notifierChecks},
}

var sharedSections = []section{
	{"TokenStore", is[storage.TokenStore], join(sharedChecks, concurrentChecks, historyChecks)},
	{"Lister", is[storage.Lister], sharedListerChecks},
	{"RevocationQueue", is[storage.RevocationQueue], join(sharedQueueChecks, queueConcurrentChecks)},
	{"RevocationCounter", is[storage.RevocationCounter], sharedCounterChecks},
	{"Notifier", is[storage.Notifier], notifierChecks},
}

func is[I any](store storage.TokenStore) bool {
	_, ok := store.(I)
	return ok
}

func join(lists ...[]check) (all []check) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}
