package main

import (
	"io"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/segue-run/segue/bench/floor"
)

func main() {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: floor.Handshake,
		Plugins:         floor.Plugins,
		GRPCServer:      plugin.DefaultGRPCServer,
		Logger:          hclog.New(&hclog.LoggerOptions{Output: io.Discard, Level: hclog.Off}),
	})
}
