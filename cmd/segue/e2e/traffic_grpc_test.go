package e2e_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
)

// remote is a client of the module's gRPC; in clear text without an authority.
func (s *site) remote(ca *authority) testgrpc.TestServiceClient {
	s.t.Helper()
	address, trust := s.info.ListenAddr, insecure.NewCredentials()
	if ca != nil {
		address, trust = s.info.TLSAddr, credentials.NewTLS(ca.config())
	}
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(trust))
	must(s.t, err)
	s.t.Cleanup(func() { conn.Close() })
	return testgrpc.NewTestServiceClient(conn)
}

func body(size int) *testgrpc.Payload { return &testgrpc.Payload{Body: make([]byte, size)} }

func TestTrafficOfGRPCIsCarriedWhole(t *testing.T) {
	s, ca := speaks(t, atOnce+withTLS)
	for name, c := range map[string]testgrpc.TestServiceClient{"in clear text": s.remote(nil), "over TLS": s.remote(ca)} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			for _, size := range []int{0, 1, 3 << 20} {
				if out, err := c.UnaryCall(ctx, &testgrpc.SimpleRequest{Payload: body(size)}); err != nil || len(out.GetPayload().GetBody()) != size {
					t.Errorf("of %d bytes came %d, %v", size, len(out.GetPayload().GetBody()), err)
				}
			}
			_, err := c.UnaryCall(ctx, &testgrpc.SimpleRequest{ResponseStatus: &testgrpc.EchoStatus{Code: int32(codes.DataLoss), Message: "löst\n"}})
			if st := status.Convert(err); st.Code() != codes.DataLoss || st.Message() != "löst\n" {
				t.Errorf("%v", err)
			}
			if _, err := c.EmptyCall(ctx, new(testgrpc.Empty)); status.Code(err) != codes.Unimplemented {
				t.Errorf("%v", err)
			}
			streams(t, ctx, c)
		})
	}
}

// streams go both ways at once, and one way.
func streams(t *testing.T, ctx context.Context, c testgrpc.TestServiceClient) {
	t.Helper()
	both, err := c.FullDuplexCall(ctx)
	must(t, err)
	for size := range 20 {
		must(t, both.Send(&testgrpc.StreamingOutputCallRequest{Payload: body(size * 1000)}))
		if out, err := both.Recv(); err != nil || len(out.GetPayload().GetBody()) != size*1000 {
			t.Fatalf("message %d came back with %d bytes, %v", size, len(out.GetPayload().GetBody()), err)
		}
	}
	must(t, both.CloseSend())
	if _, err := both.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
	in := &testgrpc.StreamingOutputCallRequest{}
	for range 50 {
		in.ResponseParameters = append(in.ResponseParameters, &testgrpc.ResponseParameters{Size: 20_000})
	}
	down, err := c.StreamingOutputCall(ctx, in)
	must(t, err)
	n := 0
	for ; ; n++ {
		if _, err = down.Recv(); err != nil {
			break
		}
	}
	if n != 50 || !errors.Is(err, io.EOF) {
		t.Errorf("%d messages, then %v", n, err)
	}
}
