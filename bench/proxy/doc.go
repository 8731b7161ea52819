// Command proxy measures what the proxy costs, beside a bare httputil.ReverseProxy, nginx,
// HAProxy and Caddy: all in one run, before the same backend on a unix socket, in
// alternating rounds of which the medians are told.
//
// Of each it tells, for small answers, 1 MB answers, 64 KB uploads and WebSocket messages:
// requests a second at saturation (64 connections, each with its next request as soon as
// the last is answered), the processor time of the proxy's own processes for a request
// (from /proc), p50 and p99 at one rate that is the same for all, half of what the bare
// ReverseProxy reached (an open loop: a request that could not be sent in time counts from
// when it was due), and the resident memory after all that.
//
// The load comes from this process and shares the machine's cores with the proxy and the
// backend: ratios mean more than figures.
package main
