// Package landau repeats a published comparison of ways to pack partitions into
// consumers: the tables of Landau, Andrade, Barbosa, "Kafka Consumer Group Autoscaler",
// arXiv 2206.11170, and Landau, Saurabh, Andrade, Barbosa, "Latency and cost-aware
// consumer group autoscaling in message broker systems", arXiv 2402.06085 and Journal
// of Parallel and Distributed Computing 201 (2025) 105071.
//
// It is a check of our own laboratory: whoever repeats their figures packs, and
// accounts for what moves, as they do.
//
// A partition writes at a speed, a consumer has a capacity, and both are in percent of
// that capacity here. Each measurement moves all speeds a little, and partitions are
// packed anew. Two figures count: how many consumers that takes, and the Rscore, the
// speed of all partitions that changed hands, in consumers: nobody reads a partition
// while it moves, so that it is the rate at which messages pile up.
package landau
