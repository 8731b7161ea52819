package sdk

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/segue-run/segue/sdk/wire"
)

// logger writes to the standard error that the process was born with: go-plugin
// replaces os.Stderr, and what waits in its pipes is lost when a process ends.
var logger = slog.New(logHandler(os.Stderr, os.Getenv(wire.CookieKey) == wire.CookieValue))

// firstDefault tells whether the author has chosen a default logger.
var firstDefault = slog.Default()

// Logger is a logger whose lines keep their level and fields in the runtime's log.
// Serve makes it the default of the packages slog and log, unless the author has
// set another. In a module that runs without the runtime, as in a test, it writes
// plain text. It is always the same one, and safe for concurrent use.
func Logger() *slog.Logger { return logger }

// logHandler writes lines for the runtime or for people.
func logHandler(w io.Writer, runtime bool) slog.Handler {
	if !runtime {
		return slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})
	}
	return &hclogHandler{Handler: slog.NewJSONHandler(w, &slog.HandlerOptions{
		Level:       slog.Level(-1 << 10), // the runtime has its own
		ReplaceAttr: hclogAttr,
	})}
}

// hclogHandler keeps an author's own top-level fields from standing where the
// runtime expects the line's time, level and message.
type hclogHandler struct {
	slog.Handler
	grouped bool
}

// Handle implements slog.Handler.
func (h *hclogHandler) Handle(ctx context.Context, r slog.Record) error {
	if h.grouped {
		return h.Handler.Handle(ctx, r)
	}
	renamed := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		renamed.AddAttrs(besides(a))
		return true
	})
	return h.Handler.Handle(ctx, renamed)
}

// WithAttrs implements slog.Handler.
func (h *hclogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if !h.grouped {
		renamed := make([]slog.Attr, len(attrs))
		for i, a := range attrs {
			renamed[i] = besides(a)
		}
		attrs = renamed
	}
	return &hclogHandler{h.Handler.WithAttrs(attrs), h.grouped}
}

// WithGroup implements slog.Handler.
func (h *hclogHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &hclogHandler{h.Handler.WithGroup(name), true}
}

// besides renames a top-level field that has a reserved name.
func besides(a slog.Attr) slog.Attr {
	a.Value = a.Value.Resolve()
	switch {
	case a.Key == "" && a.Value.Kind() == slog.KindGroup: // stands for its members
		members := a.Value.Group()
		renamed := make([]slog.Attr, len(members))
		for i, member := range members {
			renamed[i] = besides(member)
		}
		a.Value = slog.GroupValue(renamed...)
	case a.Key == slog.TimeKey, a.Key == slog.LevelKey, a.Key == slog.MessageKey, strings.HasPrefix(a.Key, "@"):
		a.Key = strings.TrimPrefix(a.Key, "@") + "_"
	}
	return a
}

// hclogAttr gives the time, level and message of a line the names and forms that
// go-plugin's host side reads.
func hclogAttr(groups []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindString {
		a.Value = slog.StringValue(cut(a.Value.String()))
	}
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.TimeKey:
		return slog.String("@timestamp", a.Value.Time().Format("2006-01-02T15:04:05.000000Z07:00"))
	case slog.LevelKey:
		level, _ := a.Value.Any().(slog.Level)
		return slog.String("@level", levelName(level))
	case slog.MessageKey:
		return slog.Attr{Key: "@message", Value: a.Value}
	}
	return a
}

func levelName(l slog.Level) string {
	switch {
	case l < slog.LevelDebug:
		return "trace"
	case l < slog.LevelInfo:
		return "debug"
	case l < slog.LevelWarn:
		return "info"
	case l < slog.LevelError:
		return "warn"
	}
	return "error"
}

// cut keeps a line below the 64 KiB at which the runtime cuts it itself, in the
// middle of the JSON.
func cut(s string) string {
	const most = 16 << 10
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
