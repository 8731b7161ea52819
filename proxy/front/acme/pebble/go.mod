module github.com/segue-run/segue/proxy/front/acme/pebble

go 1.26.0

require (
	github.com/segue-run/segue v0.0.0
	go.uber.org/zap v1.28.0
)

replace github.com/segue-run/segue => ../../../..

tool github.com/letsencrypt/pebble/v2/cmd/pebble

require (
	github.com/letsencrypt/pebble/v2 v2.10.1 // indirect
	go.uber.org/goleak v1.3.0
	golang.org/x/net v0.61.0
)

require (
	github.com/go-jose/go-jose/v4 v4.1.4 // indirect
	github.com/letsencrypt/challtestsrv v1.4.2 // indirect
	github.com/miekg/dns v1.1.62 // indirect
	go.uber.org/multierr v1.10.0 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/mod v0.42.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	golang.org/x/tools v0.52.0 // indirect
)
