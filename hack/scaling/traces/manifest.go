package traces

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// manifestNames are the manifests that are looked for, in this order.
var manifestNames = []string{"manifest.yaml", "manifest.yml", "manifest.json"}

type manifest struct {
	Traces []Entry `json:"traces"`
}

// Entry is a trace in a manifest. The same file may be in several.
type Entry struct {
	// File is the CSV file's name in the directory of the manifest.
	File string `json:"file"`
	// Name is what the trace is called: else the file's name without endings, and with
	// the scale if there is one.
	Name string `json:"name,omitempty"`
	// Format is what rows are; "" is guessed.
	Format Format `json:"format,omitempty"`
	// TimeColumn and ValueColumn are what the header calls them; else the time is
	// first, and the value second.
	TimeColumn  string `json:"timeColumn,omitempty"`
	ValueColumn string `json:"valueColumn,omitempty"`
	// Scale multiplies the messages; 0 is 1.
	Scale float64 `json:"scale,omitempty"`
	// From and Length are what is used of the trace: "36h", "90m"; else all of it.
	From   metav1.Duration `json:"from,omitempty"`
	Length metav1.Duration `json:"length,omitempty"`
	// Class is the kind of traffic; "" is told from the rates.
	Class Class `json:"class,omitempty"`
	// Mu is how many messages a second one worker handles; 0 is chosen by the peak.
	Mu float64 `json:"mu,omitempty"`
	// Partitions of the topic; 0 is the benchmark's own choice.
	Partitions int `json:"partitions,omitempty"`
	// Min is the fewest workers: 0 lets the group go to zero.
	Min *int32 `json:"min,omitempty"`
}

// readManifest is empty where there is none.
func readManifest(directory string) (manifest, error) {
	for _, name := range manifestNames {
		path := filepath.Join(directory, name)
		raw, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return manifest{}, fmt.Errorf("read manifest: %w", err)
		}
		var m manifest
		if err := yaml.UnmarshalStrict(raw, &m); err != nil {
			return manifest{}, fmt.Errorf("read manifest %q: %w", path, err)
		}
		if err := m.validate(); err != nil {
			return manifest{}, fmt.Errorf("read manifest %q: %w", path, err)
		}
		return m, nil
	}
	return manifest{}, nil
}

func (m manifest) validate() error {
	for i, e := range m.Traces {
		if err := e.validate(); err != nil {
			return fmt.Errorf("trace %d (%q): %w", i+1, e.File, err)
		}
	}
	return nil
}

func (e Entry) validate() error {
	switch {
	case !isCSV(e.File) || filepath.Base(e.File) != e.File:
		return errors.New("file is to be a .csv or .csv.gz file of the manifest's directory")
	case e.Format != "" && e.Format != Rate && e.Format != Count && e.Format != Requests:
		return fmt.Errorf("format %q is none of rate, count, requests", e.Format)
	case e.Class != "" && e.Class != Dense && e.Class != Sparse && e.Class != Burst:
		return fmt.Errorf("class %q is none of dense, sparse, burst", e.Class)
	case e.Scale < 0 || e.Mu < 0 || e.Partitions < 0 || e.From.Duration < 0 || e.Length.Duration < 0 || (e.Min != nil && *e.Min < 0):
		return errors.New("scale, mu, partitions, from, length and min can't be negative")
	}
	return nil
}

func (e Entry) scale() float64 {
	if e.Scale == 0 {
		return 1
	}
	return e.Scale
}

// name of elb.csv.gz with scale 100 is elb-x100.
func (e Entry) name() string {
	if e.Name != "" {
		return e.Name
	}
	name := e.File
	for _, ending := range []string{".gz", ".csv"} {
		if strings.HasSuffix(strings.ToLower(name), ending) {
			name = name[:len(name)-len(ending)]
		}
	}
	if e.scale() == 1 {
		return name
	}
	return name + "-x" + strconv.FormatFloat(e.scale(), 'g', -1, 64)
}
