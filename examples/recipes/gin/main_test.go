package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport/examples/internal/usertest"
)

func TestAUserSignsInAndOut(t *testing.T) { usertest.SignsInAndOut(t, serve) }

// gin calls the next handler by itself if a middleware does not say otherwise.
func TestWhereAMiddlewareAnswersNothingFollows(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	r, followed := gin.New(), false
	r.Use(use(func(http.Handler) http.Handler { return http.NotFoundHandler() }))
	r.GET("/", func(*gin.Context) { followed = true })
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	assert.Equal(t, http.StatusNotFound, w.Code)
	assert.False(t, followed)
}
