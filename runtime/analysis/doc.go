// Package analysis turns counts of requests into a verdict on a candidate, by
// evidence that may be looked at after every request. Every function is pure: no
// clock, no I/O, no state, no lock, no goroutine, so that a verdict can be replayed
// from the record of a rollout.
//
// # Usage
//
// Keep one Step for each share that the candidate has had, the present one last, and
// ask Compare after every request. Fail means to take the candidate back at once,
// Pass that the step may end, Inconclusive that more requests are needed; Reason says
// which. With no stable beside the candidate ask Alone. Weigh adds up what is known
// beyond requests.
//
// Whoever counts sees to these, or the guarantee is void: only requests that chance
// has dealt are counted, each for the side it was dealt to, even if that side did
// not get to serve it. What is slow is decided by a threshold that stood before the
// request was dealt. Where keys are dealt, a key is counted once in a rollout as
// failed and once as slow, not once a step.
//
// # Failing beside stable
//
// The candidate is worse if two things are both proven, each at the full level (an
// intersection-union test, Berger 1982).
//
// That it fails more often than stable does. A request is the candidate's by chance,
// with a probability that is its share w: one random slot in each block of 1/w
// requests, or a key's hash. If the side makes no difference to what becomes of a
// request, then the side of each failure is a coin with that probability, whenever
// and for whatever reason it failed: bursts, periods and an outage that both sides
// share change how many coins are thrown, not how they fall. This is Fisher's sharp
// null hypothesis, and only failures count, as in the conditional test of two rates
// (Przyborowski and Wilenski 1940). With a margin ρ for the candidate's risk in terms
// of stable's, the coin is θ(ρ) = ρw/(ρw+1-w), and the evidence is the likelihood
// ratio (Wald 1945), multiplied over the steps and mixed over risks r above ρ with
// weights π (Robbins 1970):
//
//	E = Σ π(r) Π (θ(r)/θ(ρ))^candidate's failures · ((1-θ(r))/(1-θ(ρ)))^stable's failures
//
// That it fails more often than MaxErrors: the same mixture of likelihood ratios over
// all that the candidate has answered.
//
// Under its hypothesis each is an e-process: it is worth at most 1 at whatever moment
// one stops, so that by Ville's inequality (1939) it ever comes to 1/α with a chance
// of at most α (Ramdas, Grünwald, Vovk and Shafer 2023). That is why one may look
// after every request, and fail as soon as the evidence is in.
//
// Slowness is judged in the same way. The margins are 1.5 for failures and 2 for
// slowness; and one failure, or three slow requests, are no pattern whatever they
// are worth.
//
// # Failing with nothing beside it
//
// Alone knows only the second proof, against the greatest of the limit and the
// margin times what stable's share was at the most: an upper confidence bound that
// holds at every moment (Robbins 1970), but no more than 10 % (or what was seen) of
// a stable that has shown too little to tell. Trouble that comes from elsewhere is
// held against the candidate here; the Finding is marked Uncontrolled. Giving stable
// a share again instead of taking the candidate back turns the question into one
// that chance decides.
//
// # Passing
//
// A step passes with MinRequests, less than half of what it takes to fail, and a
// proof for each event that the candidate's share is below 5 % (or the limit, if that
// is more) or that its risk is below twice stable's. The two e-values are averaged,
// and a candidate that is worse than both passes a step with a chance of at most 5 %.
// With none bad it takes 75 requests.
//
// # The guarantee
//
// Over a whole rollout a release that differs from stable in nothing is failed with a
// chance of at most 1 %, made up of
//
//	failures beside stable   0.33 % · 1.20
//	slowness beside stable   0.29 % · 1.15
//	either one alone         0.08 % and 0.05 % for the bound on stable, each
//
// The factors are what a stop in the midst of a block can be worth at the most. With
// m bad requests in a block of L it is, for ρ = 1, exactly m·a^(m-1) - (m-1)·a^m ≤ 1
// at the block's end, a being the ratio of stable's coins; within it at most
// (b/L)(1-a^m)/(1-a) + (1-m/L)·a^m, b being the candidate's. The margin pays for most
// of that: shares up to a half come to 1.05 and 1.00, shares above it, where stable
// has the one slot, to 1.20 and 1.15.
//
// Proven, and counted out in the tests: that each evidence is worth at most 1; the
// factors, for shares (or what they leave) that are one in a whole number and answers in
// the order of the deals; keys that are dealt by an independent hash, with factor 1. Simulated: answers
// out of order, steps that end in the midst of a block, bursts, periods, keys and
// outages. In 10,000 rollouts of a scenario at most 5 were failed. Shares such as 34 %
// have blocks of two lengths; what is said holds for them on the average of the blocks.
//
// Assumed: that the release makes no difference, by itself or by its process. A
// hiccup of one process alone, or a cold cache, is a difference. Alone assumes that a
// request is bad with a chance that does not exceed its bound, whatever came before;
// bursts break that.
//
// # References
//
// Berger: Multiparameter hypothesis testing and acceptance sampling, Technometrics 24
// (1982). Fisher: The design of experiments (1935). Przyborowski, Wilenski:
// Homogeneity of results in testing samples from Poisson series, Biometrika 31 (1940).
// Ramdas, Grünwald, Vovk, Shafer: Game-theoretic statistics and safe anytime-valid
// inference, Statistical Science 38 (2023). Robbins: Statistical methods related to
// the law of the iterated logarithm, Annals of Mathematical Statistics 41 (1970).
// Ville: Étude critique de la notion de collectif (1939). Wald: Sequential tests of
// statistical hypotheses, Annals of Mathematical Statistics 16 (1945).
package analysis
