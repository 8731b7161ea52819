package interop_test

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
)

// cases are those of the interoperability client that need no credentials, and say nothing
// of how a client chooses between servers, which it does not see.
var cases = []struct {
	name string
	run  func(context.Context, *grpc.ClientConn)
}{
	{"empty_unary", of(interop.DoEmptyUnaryCall)},
	{"large_unary", of(interop.DoLargeUnaryCall)},
	{"client_streaming", of(interop.DoClientStreaming)},
	{"server_streaming", of(interop.DoServerStreaming)},
	{"ping_pong", of(interop.DoPingPong)},
	{"empty_stream", of(interop.DoEmptyStream)},
	{"timeout_on_sleeping_server", of(interop.DoTimeoutOnSleepingServer)},
	{"cancel_after_begin", of(interop.DoCancelAfterBegin)},
	{"cancel_after_first_response", of(interop.DoCancelAfterFirstResponse)},
	{"status_code_and_message", of(interop.DoStatusCodeAndMessage)},
	{"special_status_message", of(interop.DoSpecialStatusMessage)},
	{"custom_metadata", of(interop.DoCustomMetadata)},
	{"unimplemented_method", interop.DoUnimplementedMethod},
	{"unimplemented_service", func(ctx context.Context, conn *grpc.ClientConn) {
		interop.DoUnimplementedService(ctx, testgrpc.NewUnimplementedServiceClient(conn))
	}},
}

func of(run func(context.Context, testgrpc.TestServiceClient, ...grpc.CallOption)) func(context.Context, *grpc.ClientConn) {
	return func(ctx context.Context, conn *grpc.ClientConn) { run(ctx, testgrpc.NewTestServiceClient(conn)) }
}

func TestGRPCsOwnClientAndServerDoNotNoticeTheProxy(t *testing.T) {
	for _, module := range []struct {
		name  string
		start func(*testing.T) string
	}{{"gRPC's server", server}, {"net/http's server", handler}} {
		for _, secure := range []bool{false, true} {
			name := module.name + ", clear text"
			if secure {
				name = module.name + ", TLS"
			}
			t.Run(name, func(t *testing.T) {
				conn := through(t, module.start(t), secure)
				for _, c := range cases {
					t.Run(c.name, func(t *testing.T) { run(t, conn, c.run) })
				}
			})
		}
	}
}

// run fails the test where the client would have ended its process.
func run(t *testing.T, conn *grpc.ClientConn, call func(context.Context, *grpc.ClientConn)) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	defer func() {
		switch why := recover().(type) {
		case nil:
		case failure:
			t.Error(string(why))
		default:
			panic(why)
		}
	}()
	call(ctx, conn)
}
