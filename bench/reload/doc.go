// Command reload exchanges hello 1.0.0 and 1.1.0 for each other many times, with
// the strategy instant, under a constant load of GET and POST requests on kept and
// on fresh connections. No request may fail: it exits 1 where one does.
package main
