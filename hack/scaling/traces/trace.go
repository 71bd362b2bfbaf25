package traces

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Trace is an arrival rate over time, and what group it is for.
type Trace struct {
	// Name is unique in a directory.
	Name string
	// PerSecond are messages a second, for each second from the first row's on.
	PerSecond []float64
	// Counted: PerSecond are messages that were counted second by second; otherwise
	// they are means of a longer time and the messages of a second are to be drawn.
	Counted bool
	// Class is what kind of traffic it is; "" is to be told from the rates.
	Class Class
	// Mu is how many messages a second one worker handles, Partitions how many the
	// topic has, and Min the fewest workers; 0, 0 and nil are for the caller to choose.
	Mu         float64
	Partitions int
	Min        *int32
}

// Class is a kind of traffic: figures are also given for each.
type Class string

// The classes.
const (
	// Dense traffic keeps workers busy at any time.
	Dense Class = "dense"
	// Sparse traffic is silent for most of the time.
	Sparse Class = "sparse"
	// Burst traffic is neither: quiet for long, then more than was.
	Burst Class = "burst"
)

// Shipped are the traces of the repository, seen from its root.
const Shipped = "hack/scaling/traces/data"

// ReadDir reads the traces of a directory: those of its manifest in the order there,
// then every other CSV file, by name.
func ReadDir(directory string) ([]Trace, error) {
	m, err := readManifest(directory)
	if err != nil {
		return nil, err
	}
	others, err := m.others(directory)
	if err != nil {
		return nil, err
	}
	var traces []Trace
	for _, e := range slices.Concat(m.Traces, others) {
		trace, err := e.read(directory)
		if err != nil {
			return nil, err
		}
		traces = append(traces, trace)
	}
	if len(traces) == 0 {
		return nil, fmt.Errorf("read traces: no .csv or .csv.gz file in %q", directory)
	}
	return traces, distinct(traces)
}

// others are the CSV files that the manifest does not name.
func (m manifest) others(directory string) ([]Entry, error) {
	files, err := os.ReadDir(directory)
	if err != nil {
		return nil, fmt.Errorf("read traces: %w", err)
	}
	var others []Entry
	for _, file := range files {
		named := slices.ContainsFunc(m.Traces, func(e Entry) bool { return e.File == file.Name() })
		if !named && !file.IsDir() && isCSV(file.Name()) {
			others = append(others, Entry{File: file.Name()})
		}
	}
	return others, nil
}

func isCSV(name string) bool {
	return strings.HasSuffix(strings.TrimSuffix(strings.ToLower(name), ".gz"), ".csv")
}

func distinct(traces []Trace) error {
	seen := map[string]bool{}
	for _, t := range traces {
		if seen[t.Name] {
			return fmt.Errorf("read traces: two are called %q; name them in the manifest", t.Name)
		}
		seen[t.Name] = true
	}
	return nil
}

// read reads one entry's file.
func (e Entry) read(directory string) (Trace, error) {
	perSecond, counted, err := readFile(filepath.Join(directory, e.File), e)
	if err != nil {
		return Trace{}, err
	}
	if perSecond, err = e.cut(perSecond); err != nil {
		return Trace{}, fmt.Errorf("read trace %q: %w", e.File, err)
	}
	for i := range perSecond {
		perSecond[i] *= e.scale()
	}
	return Trace{
		Name: e.name(), PerSecond: perSecond, Counted: counted,
		Class: e.Class, Mu: e.Mu, Partitions: e.Partitions, Min: e.Min,
	}, nil
}

// cut keeps what the manifest wants of the trace.
func (e Entry) cut(perSecond []float64) ([]float64, error) {
	from := int(e.From.Seconds())
	if from >= len(perSecond) {
		return nil, fmt.Errorf("it is %s long and to begin at %s", time.Duration(len(perSecond))*time.Second, e.From.Duration)
	}
	perSecond = perSecond[from:]
	if length := int(e.Length.Seconds()); length > 0 {
		perSecond = perSecond[:min(length, len(perSecond))]
	}
	if !slices.ContainsFunc(perSecond, func(rate float64) bool { return rate > 0 }) {
		return nil, errors.New("no messages in it")
	}
	return perSecond, nil
}
