// Package producerpolicy decides what a KafkaProducerPolicy comes to, what
// speaks against it, and how it is said to clients. It is pure: spec, topics,
// brokers and neighbours go in, settings, findings and files come out; no input
// is changed, and the order of the input makes no difference.
//
//	spec ──> Resolve ──> settings ──> Translate ──> Render: one file for each client, named by its hash
//	           │                          │
//	Facts ─────┴──> Check: Rules ─────────┴──> findings ──> Summarise: status
//	                                              └───────> Judge: are these settings given to workloads?
//
// A Rule is one way in which settings, topics, brokers and neighbours break what
// the durability class promises, or keep a client from starting. It knows for
// which clients it holds. A rule that can't be checked, since the cluster hides
// what it needs, finds just that: severity Unknown, never nothing.
//
// What can't be seen from outside a program is no rule; docs/producer-policy.md
// says it at its end.
package producerpolicy
