// Package rollout moves modules from one release to the next and back.
//
// What is decided about a module is one Record. next is the pure transition of a
// record; desired reads from a record which processes run and who gets traffic; an
// owner, one goroutine a module, makes the world follow.
//
// # Phases and gates
//
// A rollout is pending (accepted, no process), starting, warming, checking (warm, no
// traffic), shifting (it has weight), and then promoted, failed, rolled-back, aborted or
// superseded. What must be so before it goes on are gates, a pure function of the
// rollout and the time: a decision on the permissions that the release asks for, the
// checks, a rehearsal, a hold, the evidence, a hook's consent, an operator's approval, the
// end of a freeze, in this order; a pause stands before all. The owner works the first
// one. An open gate stays open over a restart of the host, but for what one process has
// shown of itself. With nothing configured pending and checking take no time and no save.
//
// A refusal by a hook, a check or the signs of a rehearsal blames the release. A hook
// that cannot be asked, an approval that nobody gives, and a record that cannot be saved
// do not: the candidate is taken back and may be offered again. A way back to the
// previous release asks nobody.
//
// # Permissions
//
// What a release asks for and neither the configuration nor an operator grants is decided
// on before anything of it is started, as far as its predecessor did not ask for it as
// well. What is approved is the module's (Record.Grants), not the release's: it stays when
// a release is taken back, until it is revoked. Each process has what is approved when it
// is started; what serves may be granted what it was withheld for its next one. A
// permission is handed out only after it is in the audit and saved.
//
// What a candidate is denied, and the quotas that it reaches, are signs where stable shows
// no such thing: one alone weighs half by default, as it may be harmless probing or a busy
// moment. Where a module dials what its users name, they can provoke denials: there the
// policy should weigh them less, or not at all.
//
// # Verdicts
//
// Evidence is what both sides did with the requests that chance gave them, one entry a
// step, kept in the record; Rollout.Finding is the verdict on it, again and again. At
// less than all the traffic a failure ends the rollout. With all of it nothing stands
// beside the candidate, so the first failure there is a doubt: it steps back to where
// stable is its control (not where users are kept on one side). What came without steps
// is on trial for the policy's hold after its promotion: its verdict is pending, the
// release that it replaced answers what it fails and takes over again where it must, and a
// first release is taken out. The trial ends with a save of its own, and the history hears
// of the rollout once more.
//
// An entry of evidence begins once the data plane was told of its weights. It grows only
// while every side that was promised a share is up (Split.Partial).
//
// # Processes
//
// A release may run as several processes: here they are one Instance all the same, which is
// as weak as its weakest until its release has stood its trial (Instance.Settle). What goes
// is told first, then its requests end: those whose answers are long, as a WebSocket's,
// have a limit of their own, which nothing waits for. The process drains in the background
// while the module is rolled on, with at most seven others.
//
// # What always holds
//
//   - A decision that widens exposure (a start, more weight, a preview) is saved before
//     it is acted on; one that narrows it is acted on first and saved after, so that a
//     full disk never keeps a bad candidate in traffic.
//   - Weights sum to 10000 whenever a module has traffic.
//   - A candidate that fails never displaces stable, and is not tried again until
//     its bytes change or an operator says so.
//   - Every rollout that ended is in the record until the history has it, or until twenty
//     later ones wait for that as well: then it is given up, and the log says so. A crash
//     of the host in between files it, and calls the hook of its end, once more.
//
// Goroutines: Engine.Run starts an owner a module. An owner starts one goroutine for
// each process that comes up, is watched, or is retired, one for the gate that it works,
// and one for what it files; all of them end before Run returns. Only the owner touches
// its fields; others send it messages. The Engine's mutex guards the set of owners alone
// and is never held while an owner works; the mutex of a rollout's keys is held by whoever
// counts a request, and no other with it.
package rollout
