package failtest

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/assert"
)

// act is what somebody does with a session, and saw what came of it.
type (
	act string
	saw string
)

const (
	create act = "create"
	look   act = "look"   // a request, or a refresh
	end    act = "end"    // a logout that was acknowledged
	mayEnd act = "mayEnd" // a logout that was not, which may come about at any time
	alive  saw = "alive"
	none   saw = "none"
	silent saw = ""
)

// lifeOf is the state of a session: it begins once and ends once. An ended one never
// answers that it is alive.
type lifeOf int

const (
	unborn lifeOf = iota
	living
	ended
)

// life is the sequential specification of one session, for a history of which
// porcupine is to find an order that satisfies it.
var life = porcupine.Model{
	Init: func() any { return unborn },
	Step: func(state, input, output any) (bool, any) {
		now := state.(lifeOf)
		switch input.(act) {
		case create:
			return now == unborn, living
		case end, mayEnd:
			return now != unborn, ended
		default:
			return (now == living) == (output.(saw) == alive), now
		}
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprint(input, " ", output) },
}

// acknowledged leaves out of a history that a session was not found while a logout was
// under way, or after one that was never acknowledged. A primary shows what it has
// written before its replica has it; and if it fails then, the session is there again,
// until the logout is done again. Nobody was told that it had ended.
func acknowledged(history []porcupine.Operation) []porcupine.Operation {
	return slices.DeleteFunc(slices.Clone(history), func(o porcupine.Operation) bool {
		return o.Output == none && slices.ContainsFunc(history, func(l porcupine.Operation) bool {
			return (l.Input == end || l.Input == mayEnd) && l.Call < o.Return && o.Call < l.Return
		})
	})
}

// describe is a history for people, in milliseconds.
func describe(history []porcupine.Operation) string {
	history = slices.SortedFunc(slices.Values(history), func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	var text strings.Builder
	for _, o := range history {
		until := "never"
		if o.Return != forever {
			until = strconv.FormatInt(o.Return/1e6, 10)
		}
		fmt.Fprintf(&text, "[%d-%s @%d: %v %v] ", o.Call/1e6, until, o.ClientId, o.Input, o.Output)
	}
	return text.String()
}

// forever is later than anything in a history: when a call returns that did not.
const forever = int64(time.Hour)

func TestTheModelTellsGoodHistoriesFromBad(t *testing.T) {
	op := func(do act, result saw, from, to int64) porcupine.Operation {
		return porcupine.Operation{Input: do, Output: result, Call: from, Return: to}
	}
	created := op(create, silent, 0, 1)
	for _, row := range []struct {
		name string
		good bool
		then []porcupine.Operation
	}{
		{"alive until it ends", true, []porcupine.Operation{op(look, alive, 2, 3), op(end, silent, 4, 5), op(look, none, 6, 7)}},
		{"a look during the logout sees either", true, []porcupine.Operation{op(end, silent, 4, 9), op(look, none, 5, 6), op(look, none, 7, 8)}},
		{"back after the logout", false, []porcupine.Operation{op(end, silent, 4, 5), op(look, alive, 6, 7)}},
		{"gone and back during the logout", false, []porcupine.Operation{op(end, silent, 4, 9), op(look, none, 5, 6), op(look, alive, 7, 8)}},
		{"lost", false, []porcupine.Operation{op(look, alive, 2, 3), op(look, none, 4, 5)}},
		{"a logout that failed comes about later", true, []porcupine.Operation{op(mayEnd, silent, 2, forever), op(look, alive, 4, 5), op(look, none, 6, 7)}},
		{"or never", true, []porcupine.Operation{op(mayEnd, silent, 2, forever), op(look, alive, 4, 5)}},
		{"but not twice", false, []porcupine.Operation{op(mayEnd, silent, 2, forever), op(look, none, 4, 5), op(look, alive, 6, 7)}},
		{"lost before the logout that failed", false, []porcupine.Operation{op(look, none, 2, 3), op(mayEnd, silent, 4, forever)}},
	} {
		assert.Equal(t, row.good, porcupine.CheckOperations(life, append(row.then, created)), row.name)
	}
	flicker := []porcupine.Operation{created, op(end, silent, 4, 9), op(look, none, 5, 6), op(look, alive, 7, 8)}
	assert.True(t, porcupine.CheckOperations(life, acknowledged(flicker)))
	assert.False(t, porcupine.CheckOperations(life, acknowledged(append(flicker, op(look, alive, 10, 11)))))
	assert.False(t, porcupine.CheckOperations(life, acknowledged([]porcupine.Operation{created, op(look, none, 2, 3), op(end, silent, 4, 9), op(look, alive, 5, 6)})))
}
