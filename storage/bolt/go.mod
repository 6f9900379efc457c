module github.com/passport-go/passport/storage/bolt

go 1.26.0

replace github.com/passport-go/passport => ../..

require (
	github.com/passport-go/passport v0.1.0
	github.com/stretchr/testify v1.12.1
	go.etcd.io/bbolt v1.5.0
)

require (
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	golang.org/x/sys v0.50.0 // indirect
)
