module github.com/passport-go/passport/examples/api

go 1.26.0

replace github.com/passport-go/passport => ../..

replace github.com/passport-go/passport/internal/browsertest => ../../internal/browsertest

require (
	github.com/evanw/esbuild v0.28.2
	github.com/passport-go/passport v0.1.0
	github.com/passport-go/passport/internal/browsertest v0.1.0
	github.com/stretchr/testify v1.12.1
)

require (
	github.com/chromedp/cdproto v0.160.0 // indirect
	github.com/chromedp/chromedp v0.23.0 // indirect
	github.com/coder/websocket v1.8.15 // indirect
	github.com/go-jose/go-jose/v4 v4.1.9 // indirect
	github.com/go-json-experiment/json v1.27.2 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	golang.org/x/oauth2 v0.38.0 // indirect
	golang.org/x/sync v0.25.0 // indirect
	golang.org/x/sys v0.50.0 // indirect
)
