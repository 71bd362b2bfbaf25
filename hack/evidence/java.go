package main

import (
	"bufio"
	"context"
	_ "embed" // the program
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lagrange-operator/lagrange/internal/producerpolicy"
)

//go:embed Produce.java
var javaProgram string

// kafkasOwn sends the load with Kafka's own producer and the policy's file for Java.
func kafkasOwn(ctx context.Context, s *scene, a arm, topic string, book *ledger, enough <-chan struct{}) error {
	folder := filepath.Join(s.dir, topic)
	if err := s.prepareJava(folder, a); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := s.kafka.Tool(ctx, filepath.Join(folder, "Produce.java"), folder, strings.Join(s.servers(), ","), topic,
			strconv.Itoa(s.load.rate), strconv.Itoa(s.load.keys), strconv.Itoa(s.load.bytes))
		ended <- err
	}()
	results := resultFile{path: filepath.Join(folder, "results"), book: book}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case err := <-ended:
			return errors.Join(err, results.read())
		case <-enough:
			enough = nil
			if err := os.WriteFile(filepath.Join(folder, "enough"), nil, 0o600); err != nil {
				return fmt.Errorf("end the program: %w", err)
			}
		case <-look.C:
			if err := results.read(); err != nil {
				return err
			}
		}
	}
}

// prepareJava writes the program and the policy's file.
func (s *scene) prepareJava(folder string, a arm) error {
	files := producerpolicy.Render("evidence/policy", a.policy)
	java := slices.IndexFunc(files, func(f producerpolicy.File) bool { return f.Name == "producer.properties" })
	if err := os.Mkdir(folder, 0o700); err != nil {
		return fmt.Errorf("make a folder for the program: %w", err)
	}
	for name, content := range map[string]string{"Produce.java": javaProgram, "producer.properties": files[java].Content} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			return fmt.Errorf("write the program: %w", err)
		}
	}
	return nil
}

// resultFile is what the program writes, as far as it is read.
type resultFile struct {
	path string
	at   int64
	book *ledger
}

// read takes the lines that are whole. The file isn't there at first.
func (r *resultFile) read() error {
	file, err := os.Open(r.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the program's results: %w", err)
	}
	defer func() { _ = file.Close() }() // read only
	if _, err := file.Seek(r.at, io.SeekStart); err != nil {
		return fmt.Errorf("read the program's results: %w", err)
	}
	for lines := bufio.NewReader(file); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return nil // the rest comes later
		}
		if err := note(r.book, line); err != nil {
			return err
		}
		r.at += int64(len(line))
	}
}

// note takes one line: what became of a message.
func note(book *ledger, line string) error {
	fields := strings.Fields(line)
	if len(fields) < 3 {
		return fmt.Errorf("a line that the program didn't mean: %q", line)
	}
	number, err := strconv.Atoi(fields[2])
	if err != nil {
		return fmt.Errorf("read the number in %q: %w", line, err)
	}
	m := message{fields[1], number}
	switch fields[0] {
	case "s":
		book.send(m)
	case "a":
		book.tell(m, nil)
	default:
		book.tell(m, errors.New(strings.Join(fields[3:], " ")))
	}
	return nil
}
