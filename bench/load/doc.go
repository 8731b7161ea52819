// Command load sends a steady stream of requests to the hello module of a runtime
// that runs, checks every answer, and says at the end, or on Ctrl-C, how many were
// served and failed and by which release. It exits 1 where one failed, and at once
// where nothing answers at all. It sends GETs, whose failures the runtime makes good; with
// -posts every other request is a POST, which it does not unless it is told to.
//
//	go run ./bench/load -url http://127.0.0.1:8080 -for 30s
package main
