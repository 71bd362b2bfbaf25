// Package baselines are the policies that Lagrange is compared with: those people run
// (KEDA with an HPA, an HPA on CPU), those that were published (Ezzeddine's bin pack,
// Flink's autoscaler, Uber's), and two plain ones (linear, static peak). Each is as its
// source has it, and is told what it would have to be tuned to: the lag target, and
// how many messages a second a worker handles.
package baselines
