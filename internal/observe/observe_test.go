package observe

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// saysSo is a store whose Save has one answer.
type saysSo struct {
	*memory.Store
	err error
}

func (s saysSo) Save(context.Context, storage.Record) (storage.Record, error) {
	return storage.Record{}, s.err
}

func TestNoIsAnAnswerAndNoError(t *testing.T) {
	refused := errors.New("connection refused")
	for _, row := range []struct {
		err            error
		counted        uint64
		traced, answer error
	}{
		{nil, 0, nil, nil},
		{storage.ErrNotFound, 0, nil, storage.ErrNotFound},
		{fmt.Errorf("save: %w", storage.ErrFull), 0, nil, storage.ErrFull},
		{storage.ErrNotReplicated, 0, nil, storage.ErrNotReplicated},
		{refused, 1, refused, refused},
		{context.DeadlineExceeded, 1, context.DeadlineExceeded, context.DeadlineExceeded},
		{context.Canceled, 0, context.Canceled, context.Canceled}, // the caller's doing
	} {
		ended := false
		m := New(func(_ context.Context, operation string) Span {
			assert.Equal(t, "store.save", operation)
			return Span{End: func(err error) { ended = true; assert.Equal(t, row.traced, err) }}
		})
		_, err := m.Store(saysSo{memory.New(memory.Options{}), row.err}).Save(t.Context(), storage.Record{})
		assert.ErrorIs(t, err, row.answer)
		assert.True(t, ended)
		assert.Equal(t, uint64(1), m.Counts()["store.save"].Calls)
		assert.Equal(t, row.counted, m.Counts()["store.save"].Errors, "%v", row.err)
	}
}
