package v1alpha1

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Duration is a length of time, written such as 500ms or 1m30s. The zero value
// is not set.
//
// +kubebuilder:validation:Type=string
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1ms') && duration(self) <= duration('24h')",message="must be a duration between 1ms and 24h, such as 500ms or 1m30s"
type Duration struct{ time.Duration }

// MarshalJSON writes the duration as Go does: 90 seconds are "1m30s".
func (d Duration) MarshalJSON() ([]byte, error) {
	return []byte(strconv.Quote(d.String())), nil
}

// UnmarshalJSON reads what time.ParseDuration reads.
func (d *Duration) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return fmt.Errorf("read duration %s: %w", raw, err)
	}
	parsed, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("read duration %q: %w", text, err)
	}
	d.Duration = parsed
	return nil
}
