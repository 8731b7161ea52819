package analysis

import (
	"math"
	"strconv"
)

// words are the charge as an operator reads it: "12 of 100 requests failed, stable 1
// of 9900: 119 times as often (tolerated: 0.5%, or 1.5 times as often as stable)".
func (c *charge) words() string {
	b := append(c.candidate.words(make([]byte, 0, 160)), " requests "...)
	b = append(b, c.did...)
	if c.stable.requests > 0 {
		b = c.stable.words(append(b, ", stable "...))
		if c.alone {
			b = append(b, " before"...)
		}
		if often := c.candidate.share() / c.stable.share(); often > 1 && !math.IsInf(often, 0) {
			b = append(number(append(b, ": "...), often), " times as often"...)
		}
	}
	b = append(append(b, " (tolerated: "...), percent(c.limit)...)
	if !c.alone {
		b = append(number(append(b, ", or "...), c.margin), " times as often as stable"...)
	}
	return string(append(b, ')'))
}

// missing says what it takes for the candidate to pass.
func (c *charge) missing(now Step) string {
	if c.of(now.Candidate).bad == 0 {
		return c.none + ", but it takes " + tell(c.more(now)) + " more of the candidate's requests to call it no worse"
	}
	return c.words() + "; it takes more requests to tell"
}

// more is how many requests without the event the candidate needs to pass, if it
// gets them while stable gets none.
func (c *charge) more(now Step) uint64 {
	enough := func(k uint64) bool {
		then := now
		then.Candidate.Requests += k
		return c.noWorse(then)
	}
	most := uint64(1)
	for !enough(most) && most < 1<<32 {
		most *= 2
	}
	least := most / 2
	for most-least > 1 {
		if mid := (least + most) / 2; enough(mid) {
			most = mid
		} else {
			least = mid
		}
	}
	return most
}

func (c count) words(b []byte) []byte {
	b = append(strconv.AppendUint(b, c.bad, 10), " of "...)
	return strconv.AppendUint(b, c.requests, 10)
}

func tell(n uint64) string { return strconv.FormatUint(n, 10) }

// number writes x with one decimal where that matters.
func number(b []byte, x float64) []byte {
	if x = math.Round(x*10) / 10; x >= 10 || x == math.Trunc(x) {
		return strconv.AppendFloat(b, x, 'f', 0, 64)
	}
	return strconv.AppendFloat(b, x, 'f', 1, 64)
}

// percent is a share with at most two decimals, as settings have it: "0.5%".
func percent(share float64) string {
	return strconv.FormatFloat(math.Round(share*1e4)/100, 'f', -1, 64) + "%"
}
