package passporttest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	deliveryTimeout = 5 * time.Second
	maxDeliveryBody = 64 << 10
)

// deliveryClient does not follow redirects and does not wait long: a receiver that
// redirects or is slow violates OpenID Connect Back-Channel Logout 1.0 §2.8.
func deliveryClient() *http.Client {
	return &http.Client{
		Timeout:       deliveryTimeout,
		Transport:     &http.Transport{DialContext: dialLocalhost, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Delivery is a logout token that was sent, and the response.
type Delivery struct {
	ClientID string // empty if a test sent it
	URL      string
	Token    string

	Status int // 0 if Err is set
	Header http.Header
	Body   string // at most 64 KiB of it
	Err    error
}

// Deliveries returns the logout tokens that the auth domain has sent by itself, in the
// order of the responses.
func (d *AuthDomain) Deliveries() []Delivery {
	d.outbox.mu.Lock()
	defer d.outbox.mu.Unlock()
	return slices.Clone(d.outbox.sent)
}

// SendLogoutToken posts a logout token to a back-channel logout URI (OpenID
// Connect Back-Channel Logout 1.0 §2.5). It returns an error if there was no
// response; a response with any status is a success.
func (d *AuthDomain) SendLogoutToken(ctx context.Context, uri, token string) (Delivery, error) {
	sent := Delivery{URL: uri, Token: token}
	form := url.Values{"logout_token": {token}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, uri, strings.NewReader(form.Encode()))
	if err != nil {
		sent.Err = fmt.Errorf("passporttest: sending a logout token: %w", err)
		return sent, sent.Err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := d.options.HTTPClient.Do(req)
	if err != nil {
		sent.Err = fmt.Errorf("passporttest: sending a logout token: %w", err)
		return sent, sent.Err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxDeliveryBody))
	sent.Status, sent.Header, sent.Body = resp.StatusCode, resp.Header, string(body)
	if err != nil {
		sent.Err = fmt.Errorf("passporttest: reading the answer to a logout token: %w", err)
	}
	return sent, sent.Err
}

// outbox keeps what was sent, and cancels what is being sent when the server closes.
// It does not use the request's context, because the tokens are sent even if the
// browser that logged out has disconnected.
type outbox struct {
	ctx    context.Context
	cancel context.CancelFunc

	mu   sync.Mutex
	sent []Delivery
}

func (o *outbox) open()  { o.ctx, o.cancel = context.WithCancel(context.Background()) }
func (o *outbox) close() { o.cancel() }

func (o *outbox) add(s Delivery) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sent = append(o.sent, s)
}

// sendLogoutTokens sends the logout tokens for an ended session to its clients
// concurrently, and returns when all have responded: when a test gets the response to
// the logout, the tokens have arrived.
func (d *AuthDomain) sendLogoutTokens(ended Session) {
	var sending sync.WaitGroup
	for _, id := range ended.ClientIDs {
		client, _ := d.options.client(id)
		if client.BackChannelLogoutURI == "" {
			continue
		}
		sending.Go(func() {
			token := d.SignLogoutToken(LogoutToken{ClientID: id, Subject: ended.User.Subject, SID: ended.SID})
			sent, _ := d.SendLogoutToken(d.outbox.ctx, client.BackChannelLogoutURI, token)
			sent.ClientID = id
			d.outbox.add(sent)
		})
	}
	sending.Wait()
}
