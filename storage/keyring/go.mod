module github.com/passport-go/passport/storage/keyring

go 1.26.0

replace github.com/passport-go/passport => ../..

require (
	github.com/godbus/dbus/v5 v5.2.4
	github.com/passport-go/passport v0.1.0
	github.com/stretchr/testify v1.12.1
	github.com/zalando/go-keyring v0.2.8
)

require (
	github.com/danieljoos/wincred v1.2.3 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	golang.org/x/sys v0.50.0 // indirect
)
