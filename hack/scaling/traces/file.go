package traces

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// readFile reads a file, compressed or not: messages a second, and whether they were
// counted each second.
func readFile(path string, e Entry) (perSecond []float64, counted bool, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, false, fmt.Errorf("read trace: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var plain io.Reader = file
	if strings.HasSuffix(strings.ToLower(path), ".gz") {
		if plain, err = gzip.NewReader(file); err != nil {
			return nil, false, fmt.Errorf("read trace %q: %w", path, err)
		}
	}
	t, err := readTable(plain, e)
	if err == nil {
		perSecond, counted, err = t.perSecond()
	}
	if err != nil {
		return nil, false, fmt.Errorf("read trace: %s:%w", path, err)
	}
	return perSecond, counted, nil
}

// readTable reads a header, if there is one, and rows. Its errors begin with the line.
func readTable(from io.Reader, e Entry) (*table, error) {
	buffered := bufio.NewReaderSize(from, 1<<16)
	lines := csv.NewReader(buffered)
	lines.Comma, lines.FieldsPerRecord, lines.ReuseRecord = separator(buffered), -1, true
	lines.TrimLeadingSpace = true
	t := &table{}
	for {
		record, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, badCSV(err)
		}
		line, _ := lines.FieldPos(0)
		if err := t.take(line, record, e); err != nil {
			return nil, fmt.Errorf("%d: %w", line, err)
		}
	}
	if len(t.rows) < 2 {
		return nil, errors.New("1: fewer than two rows")
	}
	return t, t.tellFormat(e)
}

// badCSV puts the line first.
func badCSV(err error) error {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return fmt.Errorf("%d: %w", parse.Line, parse.Err)
	}
	return fmt.Errorf("1: %w", err)
}

// separator is the first of the usual ones in the first line.
func separator(file *bufio.Reader) rune {
	start, _ := file.Peek(4096)
	line, _, _ := strings.Cut(string(start), "\n")
	if i := strings.IndexAny(line, ",|;\t"); i >= 0 {
		return rune(line[i])
	}
	return ','
}
