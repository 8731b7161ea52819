// Command canary plays bad releases and rollbacks against the real runtime under
// load. A release that crashes, one that answers nothing but errors and one that never
// answers each come in several times, by the default policy: each must be taken back,
// and no GET may fail but for those that the last one left without an answer. Then a
// release is promoted and rolled back while it is warm, again and again: how long it
// still answers after the command was typed.
//
// It exits 1 where a GET failed, a bad release was not taken back, or a rollback took
// longer than its target.
package main
