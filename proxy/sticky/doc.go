// Package sticky tells users apart, so that one user stays on one side of a rollout:
// by a cookie that the proxy issues, or by a header. From what a user is known by and
// the rollout it makes a Place, a number that the user keeps for as long as the rollout
// lasts.
//
// What always holds:
//   - Places are uniform, and those of two rollouts have nothing to do with each other.
//     A user is the candidate's where the place lies below its weight; so as the weight
//     rises each user moves once at most, from stable to the candidate, and none moves
//     back.
//   - Everything is a pure function of the secret, the user and the rollout: it is the
//     same after a restart, and nobody can foresee it without the secret.
//   - A cookie that the secret did not sign is as good as none.
//
// What it cannot do: a client that throws its cookie away is a new user, and one that
// chooses its own header chooses its own place. Neither costs more than a request, so
// what many users show must not be taken for one user's word, nor the reverse; a place
// is told along with each outcome for this.
//
// An answer that issues a cookie is one user's alone. The cookie says nothing of
// caches: an application that has its answers kept by shared caches says so by itself.
//
// All values are immutable. There are no goroutines and no locks.
package sticky
