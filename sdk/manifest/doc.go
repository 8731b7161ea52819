// Package manifest is what a module declares of itself: the YAML document that an
// author embeds in the executable, its checks, and how it is found in the bytes
// without running anything. It is a leaf shared by the SDK and the host.
package manifest
