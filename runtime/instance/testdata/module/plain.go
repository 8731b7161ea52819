package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/segue-run/segue/sdk/wire"
	"github.com/segue-run/segue/sdk/wire/modulev1"
)

// servePlain is a module without the SDK: go-plugin keeps its standard output and
// error, and sends them over the control connection.
func servePlain() {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion: wire.ProtocolVersion, MagicCookieKey: wire.CookieKey, MagicCookieValue: wire.CookieValue,
		},
		Plugins:    plugin.PluginSet{wire.PluginName: plain{}},
		GRPCServer: plugin.DefaultGRPCServer,
	})
}

type plain struct {
	plugin.NetRPCUnsupportedPlugin
	modulev1.UnimplementedModuleServer
}

func (p plain) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	modulev1.RegisterModuleServer(s, p)
	return nil
}

func (plain) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("no client")
}

func (plain) Describe(context.Context, *modulev1.DescribeRequest) (*modulev1.DescribeResponse, error) {
	return &modulev1.DescribeResponse{Manifest: []byte(manifest)}, nil
}

func (plain) Start(context.Context, *modulev1.StartRequest) (*modulev1.StartResponse, error) {
	l, err := net.FileListener(os.NewFile(wire.ListenFD, "http"))
	if err != nil {
		return nil, err
	}
	go http.Serve(l, handler())
	fmt.Println("plain output")
	fmt.Fprintln(os.Stderr, "[ERROR] plain error")
	return &modulev1.StartResponse{}, nil
}

func (plain) Stop(context.Context, *modulev1.StopRequest) (*modulev1.StopResponse, error) {
	time.AfterFunc(10*time.Millisecond, func() { os.Exit(0) })
	return &modulev1.StopResponse{}, nil
}
