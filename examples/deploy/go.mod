module github.com/passport-go/passport/examples/deploy

go 1.26.0

replace github.com/passport-go/passport => ../..

replace github.com/passport-go/passport/storage/redis => ../../storage/redis

require (
	github.com/passport-go/passport v0.1.0
	github.com/passport-go/passport/storage/redis v0.1.0
	github.com/redis/go-redis/v9 v9.23.0
	github.com/stretchr/testify v1.12.1
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/go-jose/go-jose/v4 v4.1.9 // indirect
	go.uber.org/atomic v1.12.0 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	golang.org/x/oauth2 v0.38.0 // indirect
	golang.org/x/sync v0.25.0 // indirect
	golang.org/x/sys v0.50.0 // indirect
)
