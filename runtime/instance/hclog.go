package instance

import (
	"io"
	"log"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// pluginLog gives go-plugin's own words to zap. All of them are for whoever debugs
// the host, so none is above debug: what matters to an operator is said by this
// package once, and go-plugin would call each stopped module an error.
type pluginLog struct {
	log  *zap.Logger
	name string
	args []any
}

var _ hclog.Logger = (*pluginLog)(nil)

func newPluginLog(l *zap.Logger) *pluginLog {
	return &pluginLog{log: l.Named("go-plugin").WithOptions(zap.AddCallerSkip(2))}
}

// Log implements hclog.Logger, as all below do.
func (p *pluginLog) Log(level hclog.Level, msg string, args ...any) {
	entry := p.log.Check(zapcore.DebugLevel, msg)
	if entry == nil {
		return
	}
	fields := []zap.Field{zap.Stringer("severity", level)}
	all := append(p.args[:len(p.args):len(p.args)], args...)
	for n := 0; n+1 < len(all); n += 2 {
		if key, ok := all[n].(string); ok {
			fields = append(fields, zap.Any(key, all[n+1]))
		}
	}
	entry.Write(fields...)
}

func (p *pluginLog) Trace(msg string, args ...any) { p.Log(hclog.Trace, msg, args...) }
func (p *pluginLog) Debug(msg string, args ...any) { p.Log(hclog.Debug, msg, args...) }
func (p *pluginLog) Info(msg string, args ...any)  { p.Log(hclog.Info, msg, args...) }
func (p *pluginLog) Warn(msg string, args ...any)  { p.Log(hclog.Warn, msg, args...) }
func (p *pluginLog) Error(msg string, args ...any) { p.Log(hclog.Error, msg, args...) }

func (p *pluginLog) enabled() bool { return p.log.Core().Enabled(zapcore.DebugLevel) }

func (p *pluginLog) IsTrace() bool { return false }
func (p *pluginLog) IsDebug() bool { return p.enabled() }
func (p *pluginLog) IsInfo() bool  { return p.enabled() }
func (p *pluginLog) IsWarn() bool  { return p.enabled() }
func (p *pluginLog) IsError() bool { return p.enabled() }

func (p *pluginLog) ImpliedArgs() []any { return p.args }
func (p *pluginLog) Name() string       { return p.name }

func (p *pluginLog) With(args ...any) hclog.Logger {
	q := *p
	q.args = append(p.args[:len(p.args):len(p.args)], args...)
	return &q
}

func (p *pluginLog) Named(name string) hclog.Logger {
	if p.name != "" {
		name = p.name + "." + name
	}
	return p.ResetNamed(name)
}

func (p *pluginLog) ResetNamed(name string) hclog.Logger {
	q := *p
	q.name = name
	return &q
}

func (p *pluginLog) SetLevel(hclog.Level)  {}
func (p *pluginLog) GetLevel() hclog.Level { return hclog.Debug }

func (p *pluginLog) StandardLogger(*hclog.StandardLoggerOptions) *log.Logger {
	return zap.NewStdLog(p.log)
}

func (p *pluginLog) StandardWriter(*hclog.StandardLoggerOptions) io.Writer { return io.Discard }
