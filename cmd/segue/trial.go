package main

import (
	"fmt"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// trial says until when a release is watched that got all the traffic at once; false
// where it is not, or not any more.
func trial(r *module.RolloutStatus) (until time.Time, watched bool) {
	switch {
	case r.Phase != "promoted" || r.Condemns != "" || r.Verdict == module.Fail:
		return time.Time{}, false
	case r.From != "" && r.Strategy == manifest.Gradual: // it was judged before
		return time.Time{}, false
	}
	until = r.Ended.Add(r.Hold.Std())
	return until, time.Now().Before(until)
}

// watched says that a release which serves may still go back by itself; empty where
// it may not. stable is what serves now, nil for nothing.
func watched(r *module.RolloutStatus, stable *module.ReleaseStatus) string {
	until, is := trial(r)
	if !is || stable == nil || stable.Digest != r.Digest {
		return ""
	}
	goes := "it goes back by itself if it does worse"
	if r.From == "" {
		goes = "it is taken out by itself if it fails too often"
	}
	return fmt.Sprintf("until %s (hold %s): %s", until.Local().Format("15:04:05"), r.Hold, goes)
}

// tellTrial says that the end of a deploy is not yet the end of the watch.
func (d deployment) tellTrial(r *module.RolloutStatus) {
	if until, is := trial(r); is {
		left := max(time.Second, time.Until(until).Round(time.Second))
		d.say("watched for %s more, and taken back by itself if it does worse: segue show %s", left, printable(r.Module))
	}
}
