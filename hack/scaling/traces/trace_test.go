package traces

import (
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func write(t *testing.T, directory, name, content string) {
	t.Helper()
	file, err := os.Create(filepath.Join(directory, name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if !strings.HasSuffix(name, ".gz") {
		_, err = file.WriteString(content)
	} else {
		compressed := gzip.NewWriter(file)
		_, _ = compressed.Write([]byte(content))
		err = compressed.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

const series = "timestamp,value\n0,1\n1,2\n"

func TestReadDir(t *testing.T) {
	directory := t.TempDir()
	write(t, directory, "b.csv.gz", series)
	write(t, directory, "a.csv", series)
	write(t, directory, "notes.txt", "not a trace")
	write(t, directory, "manifest.yaml", "traces:\n- {file: b.csv.gz, scale: 100, mu: 7, partitions: 6, min: 0, class: sparse}\n- {file: b.csv.gz, name: again}\n")
	got, err := ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, trace := range got {
		names = append(names, trace.Name)
	}
	if want := []string{"b-x100", "again", "a"}; !slices.Equal(names, want) {
		t.Fatalf("got %v, want %v: the manifest's, then the others", names, want)
	}
	b := got[0]
	if !slices.Equal(b.PerSecond, []float64{100, 200}) || b.Mu != 7 || b.Partitions != 6 || b.Min == nil || *b.Min != 0 || b.Class != Sparse {
		t.Errorf("got %+v", b)
	}
	if again := got[1]; !slices.Equal(again.PerSecond, []float64{1, 2}) || again.Min != nil || again.Class != "" {
		t.Errorf("the same file without a scale: %+v", again)
	}
}

func TestManifestErrors(t *testing.T) {
	cases := map[string]struct{ manifest, want string }{
		"Unknown field":   {"traces:\n- {file: a.csv, skale: 2}", `unknown field "skale"`},
		"Format":          {"traces:\n- {file: a.csv, format: weekly}", `format "weekly"`},
		"Class":           {"traces:\n- {file: a.csv, class: odd}", `class "odd"`},
		"Negative":        {"traces:\n- {file: a.csv, scale: -1}", "negative"},
		"Elsewhere":       {"traces:\n- {file: ../a.csv}", "of the manifest's directory"},
		"Not a CSV":       {"traces:\n- {file: a.json}", ".csv"},
		"Missing":         {"traces:\n- {file: b.csv}", "b.csv"},
		"Twice one name":  {"traces:\n- {file: a.csv}\n- {file: a.csv}", `two are called "a"`},
		"Duration":        {"traces:\n- {file: a.csv, length: long}", "duration"},
		"Bad row's place": {"traces:\n- {file: bad.csv}", "bad.csv:3: "},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			write(t, directory, "a.csv", series)
			if name == "Bad row's place" {
				write(t, directory, "bad.csv", "timestamp,value\n0,1\n1,x\n")
			}
			write(t, directory, "manifest.yaml", tc.manifest)
			if _, err := ReadDir(directory); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
	if _, err := ReadDir(t.TempDir()); err == nil {
		t.Error("an empty directory is no error")
	}
}

func TestManifestInJSON(t *testing.T) {
	directory := t.TempDir()
	write(t, directory, "a.csv", series)
	write(t, directory, "manifest.json", `{"traces": [{"file": "a.csv", "name": "mine", "scale": 0.5}]}`)
	got, err := ReadDir(directory)
	if err != nil || len(got) != 1 || got[0].Name != "mine" || !slices.Equal(got[0].PerSecond, []float64{0.5, 1}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestShipped holds the shipped traces to what their sources say of them.
func TestShipped(t *testing.T) {
	got, err := ReadDir("data")
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		seconds     int
		least, most float64
		counted     bool
	}{
		"cars":       {seconds: 64803, least: 5e3, most: 36e3, counted: true},
		"azure-conv": {seconds: 3503, least: 5, most: 6, counted: true},
		"elb-x100":   {seconds: 96 * 3600, least: 15, most: 30},
		"elb":        {seconds: 96 * 3600, least: 0.15, most: 0.3},
	}
	if len(got) != len(cases) {
		t.Errorf("%d traces", len(got))
	}
	for _, trace := range got {
		want, sum := cases[trace.Name], 0.0
		for _, rate := range trace.PerSecond {
			sum += rate
		}
		mean := sum / float64(len(trace.PerSecond))
		if len(trace.PerSecond) != want.seconds || trace.Counted != want.counted || mean < want.least || mean > want.most {
			t.Errorf("%s: %d seconds, counted %t, mean %g, want %+v", trace.Name, len(trace.PerSecond), trace.Counted, mean, want)
		}
	}
}
