package storagetest

import (
	"bytes"
	"context"
	"reflect"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/passport-go/passport/storage"
)

// leakLabel marks the goroutine of a check, and so every goroutine that comes from it.
const leakLabel = "storagetest"

// leaks finds goroutines that outlive their store. It reports the first.
type leaks struct {
	patience time.Duration
	found    bool
}

// subtest is the part of testing.T that leaks uses.
type subtest interface {
	Name() string
	Context() context.Context
	Cleanup(func())
	Failed() bool
	Errorf(format string, args ...any)
}

// watch has the test fail if goroutines that come from it still run the code of the
// stores' package when the stores are closed. Call it before the stores are opened. Those
// of the client libraries, and of the package's tests, may be shared with others, and do
// not count.
func (l *leaks) watch(t subtest, stores func() []storage.TokenStore) {
	if l.found {
		return
	}
	pprof.SetGoroutineLabels(pprof.WithLabels(t.Context(), pprof.Labels(leakLabel, t.Name())))
	t.Cleanup(func() {
		pprof.SetGoroutineLabels(context.Background())
		if t.Failed() {
			return
		}
		var left string
		for deadline := time.Now().Add(l.patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			if left = leftOver(t.Name(), stores()); left == "" {
				return
			}
		}
		l.found = true
		t.Errorf("this goroutine is left, although the store is closed and its Listen has ended:\n%s", left)
	})
}

// leftOver returns the stack of a goroutine with that label that runs the code of one of
// the stores' packages, or "".
func leftOver(label string, stores []storage.TokenStore) string {
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		return ""
	}
	for stack := range strings.SplitSeq(profile.String(), "\n\n") {
		if !strings.Contains(stack, `"`+leakLabel+`":"`+label+`"`) {
			continue
		}
		for _, store := range stores {
			if runsCodeOf(stack, packageOf(store)) {
				return stack
			}
		}
	}
	return ""
}

// runsCodeOf reports whether a stack has a function of the package, but for its tests.
func runsCodeOf(stack, path string) bool {
	for line := range strings.Lines(stack) {
		if strings.Contains(line, "\t"+path+".") && !strings.Contains(line, "_test.go:") {
			return true
		}
	}
	return false
}

func packageOf(store storage.TokenStore) string {
	t := reflect.TypeOf(store)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.PkgPath()
}
