package traffic

import (
	"math"
	"math/rand/v2"
	"sync"
)

// activity is the exponent of Zipf's law: the n-th user asks n^-activity times as
// often as the first.
const activity = 1.1

// crowd picks users by their activity, from a table so fine that the least active
// one is in it still.
type crowd struct{ table []uint16 }

const tableSize = 1 << 18

var crowds sync.Map // number of users → *crowd

// crowdOf is the crowd of n users, at most 65536; it is made once.
func crowdOf(n int) *crowd {
	if c, made := crowds.Load(n); made {
		return c.(*crowd)
	}
	weights := make([]float64, n)
	var sum float64
	for i := range weights {
		weights[i] = math.Pow(float64(i+1), -activity)
		sum += weights[i]
	}
	c := &crowd{table: make([]uint16, tableSize)}
	user, below := 0, weights[0]/sum
	for i := range c.table {
		for user < n-1 && float64(i)/tableSize >= below {
			user++
			below += weights[user] / sum
		}
		c.table[i] = uint16(user)
	}
	made, _ := crowds.LoadOrStore(n, c)
	return made.(*crowd)
}

func (c *crowd) pick(draw *rand.Rand) int { return int(c.table[draw.Uint64N(tableSize)]) }

// Mix is splitmix64's finaliser: each output bit depends on all of x.
func Mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
