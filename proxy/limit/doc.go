// Package limit counts requests against rates and numbers at a time.
package limit
