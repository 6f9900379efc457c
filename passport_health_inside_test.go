package passport

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAPartSaysWhenItGoesDownAndWorksAgain(t *testing.T) {
	var log strings.Builder
	p := benchPassport(t, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	var answer error
	check := p.loggingChange("store", func(context.Context) error { return answer })
	for _, answer = range []error{nil, errors.New("refused"), errors.New("refused"), nil, nil, errors.New("refused")} {
		assert.Equal(t, answer, check(t.Context()))
	}
	assert.Equal(t, 2, strings.Count(log.String(), "a part is down"))
	assert.Equal(t, 1, strings.Count(log.String(), "a part works again"))
}
