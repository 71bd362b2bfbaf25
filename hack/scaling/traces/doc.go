// Package traces reads arrival rates from CSV files: messages a second, one value for
// each second. A manifest beside the files says what is in them; without one it is
// guessed from their first rows.
package traces
