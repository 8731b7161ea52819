package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWhatIsNotThereIsNotLoaded(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + ln.Addr().String()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if err := answers(t.Context(), address); err == nil || !strings.Contains(err.Error(), "nothing answers at "+address) {
		t.Errorf("got %v", err)
	}
}

func TestAnyAnswerIsEnoughToBegin(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	defer http.DefaultClient.CloseIdleConnections()
	if err := answers(t.Context(), server.URL); err != nil {
		t.Error(err)
	}
}

func TestOnlyThisMachineIsLoaded(t *testing.T) {
	for where, here := range map[string]bool{
		"http://127.0.0.1:8080": true, "http://localhost:80": true, "http://[::1]:80": true,
		"http://192.0.2.1:80": false, "http://example.com": false, "": false,
	} {
		if err := onLoopback(where); (err == nil) != here {
			t.Errorf("%s: %v", where, err)
		}
	}
}
