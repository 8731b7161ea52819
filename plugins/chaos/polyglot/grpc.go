package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
)

// calls serves a part of gRPC's test service.
func calls() http.Handler {
	server := grpc.NewServer()
	testgrpc.RegisterTestServiceServer(server, service{})
	return server
}

type service struct {
	testgrpc.UnimplementedTestServiceServer
}

// UnaryCall gives the payload back, or ends with the status that is asked for.
func (service) UnaryCall(_ context.Context, in *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
	if want := in.GetResponseStatus(); want != nil {
		return nil, status.Error(codes.Code(want.GetCode()), want.GetMessage())
	}
	return &testgrpc.SimpleResponse{Payload: in.GetPayload()}, nil
}

// StreamingOutputCall sends messages of the sizes that are asked for; where none is asked
// for, small ones without end.
func (service) StreamingOutputCall(in *testgrpc.StreamingOutputCallRequest, out testgrpc.TestService_StreamingOutputCallServer) error {
	for _, p := range in.GetResponseParameters() {
		if err := out.Send(message(p.GetSize())); err != nil {
			return err
		}
	}
	for len(in.GetResponseParameters()) == 0 {
		if err := out.Send(message(8)); err != nil {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

// FullDuplexCall gives each payload back.
func (service) FullDuplexCall(stream testgrpc.TestService_FullDuplexCallServer) error {
	for {
		in, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = stream.Send(&testgrpc.StreamingOutputCallResponse{Payload: in.GetPayload()})
		}
		if err != nil {
			return err
		}
	}
}

func message(size int32) *testgrpc.StreamingOutputCallResponse {
	return &testgrpc.StreamingOutputCallResponse{Payload: &testgrpc.Payload{Body: make([]byte, size)}}
}
