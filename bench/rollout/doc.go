// Command rollout simulates rollouts.
package main
