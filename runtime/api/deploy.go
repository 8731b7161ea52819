package api

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/segue-run/segue/runtime/module"
)

// The parts of a multipart upload, in this order. The manifest may be left out.
const (
	ManifestPart   = "manifest"
	ExecutablePart = "executable"
)

// maxFormOverhead is what the framing of a multipart upload may add.
const maxFormOverhead = 64 << 10

// deploy takes the executable as the whole body, or as a part after its manifest.
func (s *Server) deploy(c *call) error {
	in, err := deployInput(c.r.URL.Query())
	if err != nil {
		return err
	}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, s.cfg.MaxArtifact+s.cfg.MaxSidecar+maxFormOverhead)
	if in.Source, in.Sidecar, err = s.upload(c.r); err != nil {
		return err
	}
	source := &limitedSource{from: in.Source, limit: s.cfg.MaxArtifact, left: s.cfg.MaxArtifact}
	in.Source = source
	status, err := s.cfg.Runtime.Deploy(c.r.Context(), c.actor, in)
	if source.err != nil {
		// The upload is at fault, whatever the runtime made of it.
		err = source.err
	}
	if err != nil {
		return err
	}
	if status.Module != "" {
		c.w.Header().Set("Location", "/v1/modules/"+url.PathEscape(status.Module))
	}
	return c.json(http.StatusAccepted, status)
}

// deployInput reads the query: file, force, and the fields of a rollout.
func deployInput(query url.Values) (DeployInput, error) {
	var in DeployInput
	if err := knownParams(query, slices.Concat([]string{"file", "force"}, module.RolloutFields)...); err != nil {
		return in, err
	}
	for _, field := range module.RolloutFields {
		if !query.Has(field) {
			continue
		}
		if err := module.SetRollout(&in.Rollout, field, query.Get(field)); err != nil {
			return in, err
		}
	}
	if err := module.CheckWish(in.Rollout); err != nil {
		return in, err
	}
	in.FileName = query.Get("file")
	if !plainFileName(in.FileName) {
		return in, &module.Error{Kind: module.Invalid, Field: "file", Value: in.FileName, Msg: "not a plain file name", Hint: "give its base name, without directories"}
	}
	var err error
	in.Force, err = truth(query, "force", "use force=true to lift a quarantine")
	return in, err
}

// truth reads a parameter that is true or false; false where it is missing.
func truth(query url.Values, name, hint string) (bool, error) {
	text := query.Get(name)
	if text == "" {
		return false, nil
	}
	value, err := strconv.ParseBool(text)
	if err != nil {
		return false, &module.Error{Kind: module.Invalid, Field: name, Value: text, Msg: "neither true nor false", Hint: hint}
	}
	return value, nil
}

// plainFileName reports whether name is safe to show and to log.
func plainFileName(name string) bool {
	return len(name) <= 255 && name != "." && name != ".." && !strings.ContainsFunc(name, func(r rune) bool {
		return r == '/' || r == unicode.ReplacementChar || !unicode.IsPrint(r)
	})
}

// upload finds the executable, and the manifest before it, in the request's body.
func (s *Server) upload(r *http.Request) (source io.Reader, sidecar []byte, err error) {
	contentType := r.Header.Get("Content-Type")
	media, _, err := mime.ParseMediaType(contentType)
	switch {
	case contentType == "" || err == nil && media == "application/octet-stream":
		return r.Body, nil, nil
	case err == nil && media == "multipart/form-data":
	default:
		return nil, nil, &statusError{http.StatusUnsupportedMediaType, &module.Error{
			Kind: module.Invalid, Field: "Content-Type", Value: contentType, Msg: "not how an executable is sent",
			Hint: "send its bytes as application/octet-stream, or as multipart/form-data with the parts manifest and executable",
		}}
	}
	form, err := r.MultipartReader()
	if err != nil {
		return nil, nil, badUpload(err)
	}
	part, err := form.NextPart()
	if err == nil && part.FormName() == ManifestPart {
		if sidecar, err = s.sidecar(part); err != nil {
			return nil, nil, err
		}
		part, err = form.NextPart()
	}
	if err != nil {
		return nil, nil, badUpload(err)
	}
	if part.FormName() != ExecutablePart {
		return nil, nil, &module.Error{Kind: module.Invalid, Field: "part", Value: part.FormName(), Msg: "not expected here", Hint: "send manifest, where there is one, and then executable"}
	}
	return part, sidecar, nil
}

func (s *Server) sidecar(part *multipart.Part) ([]byte, error) {
	sidecar, err := io.ReadAll(io.LimitReader(part, s.cfg.MaxSidecar+1))
	if err != nil {
		return nil, badUpload(err)
	}
	if int64(len(sidecar)) > s.cfg.MaxSidecar {
		return nil, tooLarge(ManifestPart, s.cfg.MaxSidecar)
	}
	return sidecar, nil
}

// limitedSource is the executable's bytes up to a limit. It remembers what broke
// the upload off.
type limitedSource struct {
	from  io.Reader
	limit int64
	left  int64
	err   error
}

func (l *limitedSource) Read(p []byte) (int, error) {
	if l.err != nil {
		return 0, l.err
	}
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.from.Read(p)
	if int64(n) > l.left {
		l.err = tooLarge(ExecutablePart, l.limit)
		return 0, l.err
	}
	l.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		l.err = badUpload(err)
		err = l.err
	}
	return n, err
}

func badUpload(err error) error {
	return &module.Error{Kind: module.Invalid, Field: "body", Msg: "the upload broke off", Err: err, Hint: "send it again, whole"}
}

func tooLarge(part string, limit int64) error {
	return &statusError{http.StatusRequestEntityTooLarge, &module.Error{
		Kind: module.Quota, Field: part, Msg: "larger than the limit of " + strconv.FormatInt(limit, 10) + " bytes",
		Hint: "drop the file into the modules directory instead, or send a smaller one",
	}}
}
