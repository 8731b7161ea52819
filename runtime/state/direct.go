package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/segue-run/segue/runtime/module"
)

// directQuery is a request of JetStream's direct-get interface. It reads without a
// consumer: one request, the records, and a message that ends them.
type directQuery struct {
	Seq      uint64   `json:"seq,omitempty"`
	Batch    int      `json:"batch,omitempty"`
	MaxBytes int      `json:"max_bytes,omitempty"`
	Next     string   `json:"next_by_subj,omitempty"`
	Last     []string `json:"multi_last,omitempty"`
}

// record is one stored message with its headers.
type record struct {
	module.Entry
	header nats.Header
}

// errNoRecord is the server's 404: nothing there, or nothing that it could read.
var errNoRecord = errors.New("no readable record")

const (
	statusEnd     = "204"
	statusMissing = "404"
)

// direct asks for several records. What it gives is in order and may be fewer than
// asked for: it ends with the record that reaches maxBatch.
func (e *engine) direct(ctx context.Context, stream string, q directQuery) (out []record, err error) {
	q.MaxBytes = maxBatch
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	err = e.reader.do(ctx, func(nc *nats.Conn) error {
		out, err = ask(ctx, nc, stream, body)
		return err
	})
	return out, err
}

// ask sends one query and gathers its answer.
func ask(ctx context.Context, nc *nats.Conn, stream string, query []byte) (out []record, err error) {
	inbox := nc.NewRespInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		return nil, err
	}
	defer sub.Unsubscribe()
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	if err := nc.PublishRequest("$JS.API.DIRECT.GET."+stream, inbox, query); err != nil {
		return nil, err
	}
	for {
		msg, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return nil, fmt.Errorf("read stream %s: %w", stream, err)
		}
		switch status := msg.Header.Get("Status"); status {
		case "":
			r, err := parseRecord(msg)
			if err != nil {
				return nil, err
			}
			out = append(out, r)
		case statusEnd:
			return out, nil
		case statusMissing:
			return out, errNoRecord
		default:
			return nil, fmt.Errorf("read stream %s: status %s %s", stream, status, msg.Header.Get("Description"))
		}
	}
}

// last asks for the newest record of one subject.
func (e *engine) last(ctx context.Context, stream, subject string) (record, error) {
	var msg *nats.Msg
	err := e.reader.do(ctx, func(nc *nats.Conn) (err error) {
		ctx, cancel := context.WithTimeout(ctx, ackTimeout)
		defer cancel()
		msg, err = nc.RequestWithContext(ctx, "$JS.API.DIRECT.GET."+stream+"."+subject, nil)
		return err
	})
	if err != nil {
		return record{}, fmt.Errorf("read stream %s: %w", stream, err)
	}
	switch status := msg.Header.Get("Status"); status {
	case "":
		return parseRecord(msg)
	case statusMissing:
		return record{}, errNoRecord
	default:
		return record{}, fmt.Errorf("read stream %s: status %s %s", stream, status, msg.Header.Get("Description"))
	}
}

func parseRecord(msg *nats.Msg) (record, error) {
	seq, err := strconv.ParseUint(msg.Header.Get("Nats-Sequence"), 10, 64)
	if err != nil {
		return record{}, fmt.Errorf("read a record: sequence: %w", err)
	}
	at, err := time.Parse(time.RFC3339Nano, msg.Header.Get("Nats-Time-Stamp"))
	if err != nil {
		return record{}, fmt.Errorf("read a record: time: %w", err)
	}
	return record{header: msg.Header, Entry: module.Entry{
		Seq: seq, Time: at, Subject: msg.Header.Get("Nats-Subject"), Data: msg.Data}}, nil
}
