package storeanswer

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

func TestAnAnswerIsOneAlsoIfItIsNo(t *testing.T) {
	for _, err := range []error{
		nil,
		storage.ErrNotFound,
		fmt.Errorf("redis: save: %w", storage.ErrConflict),
		fmt.Errorf("%w: OOM command not allowed", storage.ErrFull),
		errors.Join(storage.ErrNotReplicated, storage.ErrNotFound),
		storage.ErrEmptyMatch,
		errors.ErrUnsupported,
	} {
		assert.True(t, Is(err), "%v", err)
	}
	for _, err := range []error{errors.New("connection refused"), context.DeadlineExceeded, context.Canceled} {
		assert.False(t, Is(err), "%v", err)
	}
}

// What package storage declares is an answer, so a new error there belongs in the list.
func TestEveryErrorOfPackageStorageIsAnAnswer(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../storage/storage.go", nil, 0)
	require.NoError(t, err)
	declared := 0
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Err") {
			declared += len(spec.Names)
		}
		return true
	})
	ours := 0
	for _, err := range answers {
		if strings.HasPrefix(err.Error(), "storage: ") {
			ours++
		}
	}
	assert.NotZero(t, declared)
	assert.Equal(t, declared, ours)
}
