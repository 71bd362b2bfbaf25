package worker

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Hash tells two configurations apart: members that run the same have the same,
// whatever their pods are called. It covers every setting but ClientID,
// InstanceID, ListenAddress and ProducerPolicy, and none of what is set in Go as
// a function or a value with behaviour. A policy's settings are in Producer; under
// another name they are the same, and members that have them run the same. Of credentials it covers the names of files, never
// what is in them. It is 16 hexadecimal digits, and what the metric
// lagrange_worker_config_info exports.
func (c Config) Hash() string {
	c.ClientID, c.InstanceID, c.ListenAddress = "", "", ""
	raw, err := json.Marshal(c)
	if err != nil {
		panic("a worker's configuration has no JSON form: " + err.Error()) // its fields are plain values
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}
