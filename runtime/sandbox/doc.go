// Package sandbox turns permissions and quotas into what the kernel enforces, and says
// what this kernel can.
package sandbox
