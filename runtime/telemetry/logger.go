package telemetry

import (
	"io"
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/segue-run/segue/runtime/module"
)

// LogConfig says what is logged, how and where.
type LogConfig struct {
	// Level is the least that is logged: debug, info, warn or error; "" means info.
	Level string
	// Format is console, for people, or json; "" means console.
	Format string
	// Output is where the lines go; nil means standard error. Writes to it are one
	// after the other.
	Output io.Writer
}

// NewLogger makes the runtime's logger. Each entry is one line whatever is in it:
// control characters and the like are written as \x1b or \u2028. Errors are of Kind
// Invalid.
func NewLogger(cfg LogConfig) (*zap.Logger, error) {
	level := zapcore.InfoLevel
	if cfg.Level != "" {
		var err error
		if level, err = zapcore.ParseLevel(cfg.Level); err != nil || level > zapcore.ErrorLevel {
			return nil, &module.Error{Kind: module.Invalid, Field: "log.level", Value: cfg.Level,
				Hint: "use debug, info, warn or error"}
		}
	}
	enc := zap.NewProductionEncoderConfig()
	enc.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	enc.EncodeDuration = zapcore.StringDurationEncoder
	enc.TimeKey = "time"
	var encoder zapcore.Encoder
	switch cfg.Format {
	case "", "console":
		enc.EncodeTime = zapcore.TimeEncoderOfLayout("2006-01-02T15:04:05.000Z0700")
		enc.EncodeLevel = zapcore.CapitalLevelEncoder
		enc.ConsoleSeparator = "  "
		encoder = zapcore.NewConsoleEncoder(enc)
	case "json":
		encoder = zapcore.NewJSONEncoder(enc)
	default:
		return nil, &module.Error{Kind: module.Invalid, Field: "log.format", Value: cfg.Format, Hint: "use console or json"}
	}
	if cfg.Output == nil {
		cfg.Output = os.Stderr
	}
	return zap.New(zapcore.NewCore(cleanEncoder{encoder}, zapcore.Lock(zapcore.AddSync(cfg.Output)), level)), nil
}
