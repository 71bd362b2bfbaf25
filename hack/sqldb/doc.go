// Package sqldb runs a real MariaDB and a real PostgreSQL on this machine, for
// tests and the examples: one process each, on a free port of loopback, with
// its data in a temporary folder.
//
// A server is, in this order, one that is given by its DSN (MySQLDSN,
// PostgreSQLDSN: then nothing is started), the machine's own programs, or on
// Debian and Ubuntu the distribution's packages, fetched once into the user's
// cache folder and not installed (MariaDB 7 MB, PostgreSQL 41 MB). Where
// there is none of these the error is an UnavailableError.
//
// Root's servers run as nobody: PostgreSQL refuses to be root. What is started
// ends with Close, and on Linux also when this process ends in any other way.
package sqldb
