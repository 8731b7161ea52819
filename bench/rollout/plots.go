package main

import (
	"fmt"
	"math"
	"path/filepath"
	"strconv"

	"github.com/segue-run/segue/bench/rollout/internal/figures"
	"github.com/segue-run/segue/bench/rollout/internal/traffic"
	"github.com/segue-run/segue/bench/rollout/internal/trial"
	"github.com/segue-run/segue/runtime/analysis"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

// curve is the distribution of one figure.
type curve struct {
	name   string
	values figures.Sorted[uint64]
}

// points are the values of one group, in the order of the plot's series.
type points struct {
	name   string
	values []float64
}

const width, height = 18 * vg.Centimeter, 11 * vg.Centimeter

// decades are the ticks of a logarithmic axis, labelled as people write numbers.
type decades struct{}

// Ticks implements plot.Ticker.
func (decades) Ticks(low, high float64) []plot.Tick {
	ticks := plot.LogTicks{}.Ticks(low, high)
	for i := range ticks {
		if ticks[i].Label != "" {
			ticks[i].Label = strconv.FormatFloat(ticks[i].Value, 'f', -1, 64)
		}
	}
	return ticks
}

func save(r *report, p *plot.Plot, name string) error {
	p.Add(plotter.NewGrid())
	if err := p.Save(width, height, filepath.Join(r.out, name)); err != nil {
		return fmt.Errorf("plot %s: %w", name, err)
	}
	return nil
}

func plotBad(r *report, spread []curve, compared []points) error {
	if err := plotSpread(r, spread); err != nil {
		return err
	}
	return plotHarm(r, compared)
}

// plotSpread draws which share of the rollouts was over after how many requests.
func plotSpread(r *report, spread []curve) error {
	p := plot.New()
	p.Title.Text = "Requests that a bad release gets before it is out"
	p.X.Label.Text, p.Y.Label.Text = "requests of the candidate's", "share of the rollouts that are over"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, decades{}
	p.Legend.Left, p.Legend.Top = false, false
	for i, c := range spread {
		var line plotter.XYs
		for step := range 200 {
			q := float64(step+1) / 200
			line = append(line, plotter.XY{X: float64(max(c.values.Quantile(q), 1)), Y: q})
		}
		if err := addLine(p, i, c.name, line); err != nil {
			return err
		}
	}
	return save(r, p, "requests.svg")
}

func addLine(p *plot.Plot, color int, name string, line plotter.XYs) error {
	l, err := plotter.NewLine(line)
	if err != nil {
		return err
	}
	l.Color, l.Width, l.StepStyle = plotutil.Color(color), vg.Points(1.5), plotter.PostStep
	p.Add(l)
	if name != "" {
		p.Legend.Add(name, l)
	}
	return nil
}

// plotHarm draws whom each way to decide harms. The axis is logarithmic; what is less
// than a thousandth of a request is drawn there.
func plotHarm(r *report, compared []points) error {
	series := []string{"evidence, no shield", "evidence, 70 % may be replayed", "evidence, all may be replayed"}
	for _, c := range checkers {
		series = append(series, c.name)
	}
	p := plot.New()
	p.Title.Text = "Requests harmed by one rollout of a bad release, mean"
	p.Y.Label.Text = "requests"
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, decades{}
	p.Legend.Top = true
	var names []string
	for i, name := range series {
		var at plotter.XYs
		for x, group := range compared {
			at = append(at, plotter.XY{X: float64(x), Y: math.Max(group.values[i], 1e-3)})
		}
		s, err := plotter.NewScatter(at)
		if err != nil {
			return err
		}
		s.Color, s.Shape, s.Radius = plotutil.Color(i), plotutil.Shape(i), vg.Points(4)
		p.Add(s)
		p.Legend.Add(name, s)
	}
	for _, group := range compared {
		names = append(names, group.name)
	}
	p.NominalX(names...)
	p.X.Max = float64(len(compared)) + 0.9 // room for the legend
	return save(r, p, "harm.svg")
}

// paths is how many rollouts of each kind are drawn.
const paths = 5

// evidencePaths draws how evidence comes together, or does not.
func evidencePaths(r *report) error {
	p := plot.New()
	p.Title.Text = "Evidence that a candidate fails more, request by request"
	p.X.Label.Text, p.Y.Label.Text = "requests of the candidate's", "of what it takes to fail"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, decades{}
	p.Y.Min, p.Y.Max = 0, 1.05
	p.Legend.Left, p.Legend.Top = true, true
	for i, kind := range []struct {
		name  string
		share float64
	}{{"no worse", 0}, {"fails 5 %", 0.05}, {"fails 10 %", 0.1}, {"fails 50 %", 0.5}} {
		for n := range paths {
			var line plotter.XYs
			cfg := failing(config(usualRate, traffic.Even(0.01)), kind.share)
			cfg.Look = func(requests uint64, f analysis.Finding) {
				if requests > 0 {
					line = append(line, plotter.XY{X: float64(requests), Y: f.Errors})
				}
			}
			trial.Run(cfg, uint64(n))
			name := kind.name
			if n > 0 {
				name = ""
			}
			if len(line) == 0 {
				continue
			}
			if err := addLine(p, i, name, line); err != nil {
				return err
			}
		}
	}
	return save(r, p, "evidence.svg")
}
