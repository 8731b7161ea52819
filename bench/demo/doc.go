// Command demo plays a good rollout and a bad one that is taken back, against a
// live load, with a line of commentary a step. It starts a runtime of its own on
// free loopback ports and cleans up everything it made. It exits 1 where the play
// does not go as announced, or where a request failed that no bad canary answered.
package main
