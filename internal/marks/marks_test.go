package marks

import (
	"bytes"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage/memory"
)

func newRecords(t *testing.T) *records.Records {
	t.Helper()
	keys, err := seal.New([][]byte{bytes.Repeat([]byte{7}, seal.KeySize)})
	require.NoError(t, err)
	return records.New(memory.New(memory.Options{}), keys, envelope.NewTenant("issuer", "client"), time.Now)
}

// A mark that comes late, because the store was down, does not take back what a later
// login was granted.
func TestAnOlderLogoutDoesNotEndWhatALaterLoginHasSpared(t *testing.T) {
	m := Bearer{}.moved(Bearer{Time: 100, Order: 10})
	m, lifted := m.lifted(Issue{11, 98, []string{"fresh"}})
	assert.True(t, lifted)
	assert.True(t, m.ends(98, []string{"old"}), "a tie")
	assert.False(t, m.ends(98, []string{"fresh"}))
	assert.False(t, m.ends(99, nil), "issued after the login")
	m = m.moved(Bearer{Time: 100, Order: 9})
	assert.False(t, m.ends(98, []string{"fresh"}))
	m = m.moved(Bearer{Time: 98, Order: 12})
	assert.True(t, m.ends(98, []string{"fresh"}), "a later logout")

	_, lifted = m.lifted(Issue{12, 98, []string{"begun before"}})
	assert.False(t, lifted)
}

func TestAMarkEndsTheTokensOfItsOwnerAlone(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	b := &BearerBook{Records: newRecords(t), Now: time.Now, Life: time.Hour}
	ended := func(owner Owner, token Token) bool {
		dead, err := b.Ends(t.Context(), b.ID(owner), token)
		require.NoError(t, err)
		return dead
	}
	withSID, bare := Token{"a", "sid", now}, Token{"b", "", now}
	l := NewLogout(now)
	l.Session("alice", "sid", now)
	for owner, m := range l.Marks {
		require.NoError(t, b.Mark(t.Context(), owner, m))
	}
	assert.True(t, ended(OfSID("sid"), withSID))
	assert.True(t, ended(OfSubject("alice"), bare), "it may be that session's")
	assert.False(t, ended(OfSubject("alice"), withSID), "her other sessions live on")
	assert.False(t, ended(OfSID("another"), withSID))
	assert.False(t, ended(OfSubject("bob"), bare))
	assert.False(t, ended(OfSID("sid"), Token{"a", "sid", now.Add(time.Second)}), "issued later")

	require.NoError(t, b.Lift(t.Context(), OfSubject("alice"), Issue{l.Order + 1, now.Unix(), []string{b.TokenName("b")}}))
	assert.False(t, ended(OfSubject("alice"), bare), "the tokens of a later login")
	assert.True(t, ended(OfSubject("alice"), Token{"c", "", now}))
}

func TestAMarkThatCannotBeReadEndsAll(t *testing.T) {
	r := newRecords(t)
	b := &BearerBook{Records: r, Now: time.Now, Life: time.Hour}
	rec := b.record(OfSID("sid"))
	rec.Expiry, rec.Data = time.Now().Add(time.Hour), []byte("?")
	_, err := r.Save(t.Context(), rec)
	require.NoError(t, err)
	dead, err := b.Ends(t.Context(), rec.ID, Token{"a", "sid", time.Now().Add(time.Hour)})
	require.NoError(t, err)
	assert.True(t, dead)

	l := &LoginBook{Records: r, Now: time.Now, Life: time.Hour}
	rec = l.record(OfSID("sid"))
	rec.Expiry, rec.Data = time.Now().Add(time.Hour), []byte("?")
	_, err = r.Save(t.Context(), rec)
	require.NoError(t, err)
	overtook, err := l.Overtook(t.Context(), OfSID("sid"), time.Now().UnixNano(), time.Now())
	require.NoError(t, err)
	assert.True(t, overtook)
}

func TestALogoutOvertakesTheLoginsThatBeganBeforeIt(t *testing.T) {
	b := &LoginBook{Records: newRecords(t), Now: time.Now, Life: time.Hour}
	overtook := func(begun time.Time, proved time.Time) bool {
		is, err := b.Overtook(t.Context(), OfSubject("alice"), begun.UnixNano(), proved)
		require.NoError(t, err)
		return is
	}
	before := time.Now()
	assert.False(t, overtook(before, time.Time{}), "there was no logout")
	require.NoError(t, b.Mark(t.Context(), OfSubject("alice"), before))
	after := time.Now().Add(time.Nanosecond)
	assert.True(t, overtook(before, time.Time{}))
	assert.True(t, overtook(before, before.Add(-time.Hour)))
	assert.False(t, overtook(before, before.Add(2*time.Second)), "the user has given credentials since")
	assert.False(t, overtook(after, time.Time{}))

	require.NoError(t, b.Mark(t.Context(), OfSubject("alice"), before.Add(-time.Hour)), "one that was issued earlier, and comes later")
	assert.True(t, overtook(after, before.Add(-time.Second)), "each clock counts by itself")
}

func TestABudgetComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Budget
		spend := func() (n int) {
			for b.Spend() {
				n++
			}
			return n
		}
		assert.Equal(t, mostAtOnce, spend())
		time.Sleep(10 * budgetEvery)
		assert.Equal(t, 10, spend())
		time.Sleep(time.Hour)
		assert.Equal(t, mostAtOnce, spend(), "and never more")
	})
}

// Version 0.1 stores these. Marks may be a day old when the next version reads them.
func TestMarksAreReadableInEveryVersion(t *testing.T) {
	const bearers = `{"all":{"time":1,"order":2,"spared":["a"]},"bare":{"time":3,"order":4}}`
	var b Bearers
	require.NoError(t, json.Unmarshal([]byte(bearers), &b))
	assert.Equal(t, Bearers{All: Bearer{Time: 1, Order: 2, Spared: []string{"a"}}, Bare: Bearer{Time: 3, Order: 4}}, b)
	text, err := json.Marshal(b)
	require.NoError(t, err)
	assert.Equal(t, bearers, string(text))

	const login = `{"order":1,"time":2}`
	var m moment
	require.NoError(t, json.Unmarshal([]byte(login), &m))
	assert.Equal(t, moment{Order: 1, Time: 2}, m)
	text, err = json.Marshal(m)
	require.NoError(t, err)
	assert.Equal(t, login, string(text))

	assert.Equal(t, []Owner{"sid a", "sub a"}, []Owner{OfSID("a"), OfSubject("a")}, "their IDs follow from these")
}

// Instances of two versions share the marks during a deployment.
func TestMarksOfALaterVersionEndWhatTheyEndedAndNothingAfterTheNextLogout(t *testing.T) {
	r := newRecords(t)
	book := &BearerBook{Records: r, Now: time.Now, Life: time.Hour}
	owner := OfSubject("alice")
	first := NewLogout(time.Unix(1000, 0))
	first.User("alice", time.Time{})
	require.NoError(t, book.Mark(t.Context(), owner, first.Marks[owner]))

	rec, err := r.Load(t.Context(), book.ID(owner))
	require.NoError(t, err)
	rec.Data = append([]byte{rec.Data[0] + 1}, rec.Data[1:]...)
	rec, err = r.Save(t.Context(), rec)
	require.NoError(t, err)
	ends := func(issued int64) bool {
		ends, err := book.Ends(t.Context(), book.ID(owner), Token{Hash: "a token", SID: "s1", Issued: time.Unix(issued, 0)})
		require.NoError(t, err)
		return ends
	}
	assert.True(t, ends(1001), "what it says is not known")
	require.NoError(t, book.Lift(t.Context(), owner, Issue{Begun: time.Now().UnixNano(), Issued: 1000}))
	same, err := r.Load(t.Context(), book.ID(owner))
	require.NoError(t, err)
	assert.Equal(t, rec.Data, same.Data, "a login takes back nothing that it cannot read")

	second := NewLogout(time.Unix(2000, 0))
	second.Session("alice", "s2", time.Time{})
	require.NoError(t, book.Mark(t.Context(), owner, second.Marks[owner]))
	assert.True(t, ends(1000), "the first logout ended it")
	assert.True(t, ends(2000), "it may have")
	assert.False(t, ends(2001), "neither logout did")
}
