// Package apache runs Apache Kafka itself on this machine, for tests, the demo
// and measurements: one or three KRaft nodes on loopback, each broker and
// controller in one process, in plain text, with TLS, SCRAM and ACLs.
//
// It needs Java 17 or newer and Maven, which fetches Kafka's jars from Maven
// Central once, into the user's cache folder (44 MB, about 10 s). A node takes
// about 3 s and 400 MB. Kafka's own command-line tools run from the same jars.
//
// What it starts ends with it: Close kills the processes, and on Linux so does
// the kernel when this process ends in any other way.
package apache
