package main

import (
	"fmt"
	"time"

	"github.com/segue-run/segue/bench/rollout/internal/figures"
	"github.com/segue-run/segue/bench/rollout/internal/traffic"
	"github.com/segue-run/segue/bench/rollout/internal/trial"
)

func main() {
	for _, s := range identical() {
		t := time.Now()
		res := play(s.name, 500, func(seed uint64) trial.Result { return trial.Run(s.cfg, seed) })
		back := figures.Share{Of: len(res)}
		var reqs uint64
		var unp int
		for _, r := range res {
			if r.Ending == trial.RolledBack {
				back.Had++
			}
			reqs += r.Requests
			unp += r.Unproven
		}
		fmt.Println(s.name, back, back.Below(.95), time.Since(t), reqs/500, unp)
	}
	for _, f := range []float64{1, .5, .1, .05} {
		cfg := failing(config(usualRate, traffic.Even(baseline)), f)
		t := time.Now()
		res := play("f", 500, func(seed uint64) trial.Result { return trial.Run(cfg, seed) })
		var n []uint64
		for _, r := range res {
			n = append(n, r.Candidate)
		}
		s := figures.Sort(n)
		fmt.Println(f, s.Quantile(.5), s.Quantile(.95), time.Since(t))
	}
}
