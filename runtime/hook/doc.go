// Package hook asks others whether a rollout may go on: an operator's HTTP hook, and
// the candidate itself by one request.
//
// # A hook
//
// Call sends one POST with a Payload as application/json, a User-Agent, and in the
// header Segue-Hook a key, "ROLLOUT/POINT/STEP". Any 2xx is consent. 403, 409, 412 and
// 422 are a refusal, and the first line of the body is the reason. Every other answer
// says that nobody has looked at the question. After a 5xx, 404, 407, 408, 425 or 429,
// and after failures of the network, it is asked again until the context's deadline; what
// is left (a redirect, 400, 401, 405, …) does not pass by itself, and ends the call. The
// key is the same for each try and after a restart of the runtime, so that a hook that
// works once can tell.
//
// HTTP_PROXY, HTTPS_PROXY and NO_PROXY are respected as everywhere; they never hold
// for loopback addresses. No redirect is followed: what a hook leads to was not
// written down by an operator, and would be sent the payload.
//
// # What always holds
//
//   - A refusal is a module.Error of kind Invalid. What is not the release's fault, an
//     unreachable or misconfigured hook for one, is of kind Unavailable or Timeout, never
//     Invalid.
//   - An answer is read to a bound, in size and in time, and its words are printable
//     and short wherever they are told.
//   - Of a hook's address errors and logs have scheme and host alone: credentials stand
//     in the rest. Where an answer repeats the rest, it is taken out.
//   - A key names one decision: two of one rollout never share it.
//
// Neither Caller nor Check leaves a goroutine or a connection behind when it returns.
// There are no locks.
package hook
