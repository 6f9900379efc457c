package browsertest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// webDriver is a server that speaks WebDriver (https://www.w3.org/TR/webdriver2/),
// or one of its sessions.
type webDriver struct{ url string }

// call sends a command, and decodes its value into into, unless that is nil.
func (d webDriver) call(ctx context.Context, method, path string, params, into any) error {
	body, err := json.Marshal(params)
	if err != nil {
		return err
	}
	if method == http.MethodGet || method == http.MethodDelete {
		body = nil
	}
	request, err := http.NewRequestWithContext(ctx, method, d.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var answer struct{ Value json.RawMessage }
	if err := json.NewDecoder(http.MaxBytesReader(nil, response.Body, largestMessage)).Decode(&answer); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if response.StatusCode != http.StatusOK {
		var problem struct{ Error, Message string }
		_ = json.Unmarshal(answer.Value, &problem)
		return fmt.Errorf("%s %s: %s: %s", method, path, problem.Error, problem.Message)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer.Value, into)
}
