package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/module"
)

// Deploy offers an executable. It returns when its rollout has begun or it is
// refused. An error of in.Source ends the upload and is given back as it is.
func (c *Client) Deploy(ctx context.Context, in api.DeployInput) (module.RolloutStatus, error) {
	source := &lentSource{from: in.Source}
	body, contentType := io.Reader(source), "application/octet-stream"
	if len(in.Sidecar) > 0 {
		var err error
		if body, contentType, err = formBody(source, in.Sidecar); err != nil {
			return module.RolloutStatus{}, err
		}
	}
	req, err := c.request(ctx, http.MethodPost, "/v1/deploy", deployQuery(in), body)
	if err != nil {
		return module.RolloutStatus{}, err
	}
	req.Header.Set("Content-Type", contentType)
	var status module.RolloutStatus
	err = c.do(req, &status)
	if broken := source.giveBack(); broken != nil {
		err = broken
	}
	return status, err
}

func deployQuery(in api.DeployInput) url.Values {
	query := url.Values{}
	for field, text := range module.RolloutText(in.Rollout) {
		query.Set(field, text)
	}
	if in.FileName != "" {
		query.Set("file", in.FileName)
	}
	if in.Force {
		query.Set("force", strconv.FormatBool(in.Force))
	}
	return query
}

// formBody is a multipart form of the manifest and then the executable.
func formBody(source io.Reader, sidecar []byte) (body io.Reader, contentType string, err error) {
	var framing bytes.Buffer
	form := multipart.NewWriter(&framing)
	part, err := form.CreateFormFile(api.ManifestPart, "module.yaml")
	if err != nil {
		return nil, "", err
	}
	if _, err := part.Write(sidecar); err != nil {
		return nil, "", err
	}
	if _, err := form.CreateFormFile(api.ExecutablePart, "executable"); err != nil {
		return nil, "", err
	}
	head := bytes.Clone(framing.Bytes())
	framing.Reset()
	if err := form.Close(); err != nil {
		return nil, "", err
	}
	return io.MultiReader(bytes.NewReader(head), source, &framing), form.FormDataContentType(), nil
}

// errGivenBack is what the transport reads when it is still at an upload that was
// answered already.
var errGivenBack = errors.New("the upload is over")

// lentSource lends the caller's reader to the transport, which may go on reading
// after the answer is there. After giveBack nobody reads it.
type lentSource struct {
	mu   sync.Mutex // also serialises reads
	from io.Reader
	err  error // what from broke with
	over bool
}

func (l *lentSource) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return 0, errGivenBack
	}
	n, err := l.from.Read(p)
	if err != nil && err != io.EOF {
		l.err = err
	}
	return n, err
}

// giveBack ends the loan and gives what the reader broke with, if it did.
func (l *lentSource) giveBack() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	return l.err
}
