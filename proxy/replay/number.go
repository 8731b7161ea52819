package replay

import (
	"encoding/json"
	"strconv"
	"strings"
)

// maxExponent bounds the exponents that are understood; beyond it a number is what it
// is spelt as.
const maxExponent = 1 << 40

// sameNumber reports whether two JSON numbers have the same value: 1, 1.0 and 10e-1
// do. It is exact and computes nothing, so that 1e999999999 costs nothing.
func sameNumber(a, b json.Number) bool { return a == b || plain(string(a)) == plain(string(b)) }

// plain spells a number as its digits without zeros at either end, and an exponent.
func plain(number string) string {
	rest, negative := strings.CutPrefix(number, "-")
	mantissa, power := rest, "0"
	if i := strings.IndexAny(rest, "eE"); i >= 0 {
		mantissa, power = rest[:i], rest[i+1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return "0"
	}
	exponent, err := strconv.ParseInt(power, 10, 64)
	if err != nil || exponent > maxExponent || exponent < -maxExponent {
		return number
	}
	short := strings.TrimRight(digits, "0")
	exponent += int64(len(digits) - len(short) - len(fraction))
	sign := ""
	if negative {
		sign = "-"
	}
	return sign + short + "e" + strconv.FormatInt(exponent, 10)
}
