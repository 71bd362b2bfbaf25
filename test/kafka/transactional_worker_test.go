package kafka_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/hack/kafka/apache"
	"github.com/lagrange-operator/lagrange/worker"
)

const (
	// processVariable has what a process of these tests is to do.
	processVariable = "LAGRANGE_TEST_TRANSACTIONAL_WORKER"

	txnPartitions = 6
	txnKeys       = 50
)

// txnWorker is what a process is told: it reads In, and produces a result and an
// audit record for each message, in transactions.
type txnWorker struct {
	Servers           []string
	Name, In, Out     string
	Ordering          worker.Ordering
	SessionTimeout    time.Duration
	TransactionID     string
	TransactionsLimit time.Duration
}

func (w txnWorker) config() worker.Config {
	return worker.Config{
		BootstrapServers: w.Servers, GroupID: "group-of-" + w.In, ClientID: w.Name, Topics: []string{w.In},
		Ordering: w.Ordering, Concurrency: 8, MaxInFlight: 400, CommitInterval: 20 * time.Millisecond,
		HeartbeatInterval: 200 * time.Millisecond, SessionTimeout: w.SessionTimeout, RebalanceTimeout: 10 * time.Second,
		Transaction: worker.Transaction{ID: w.TransactionID, Timeout: w.TransactionsLimit},
		Logger:      slog.New(slog.NewTextHandler(os.Stderr, nil)), Registry: prometheus.NewRegistry(),
	}
}

// transform says in each output which message it is of.
func (w txnWorker) transform(ctx context.Context, msg worker.Message) ([]worker.Outgoing, error) {
	if msg.Offset%5 > 0 { // takes some time, so that others overtake it
		work, done := context.WithTimeout(ctx, time.Duration(msg.Offset%5)*200*time.Microsecond)
		<-work.Done()
		done()
	}
	of := fmt.Appendf(nil, "%d/%08d", msg.Partition, msg.Offset)
	return []worker.Outgoing{
		{Topic: w.Out, Key: msg.Key, Value: of},
		{Topic: w.Out + "-audit", Key: of, Value: of},
	}, nil
}

// TestTransactionalWorkerProcess is no test by itself: it is run as a process of
// its own, which can be killed.
func TestTransactionalWorkerProcess(t *testing.T) {
	told := os.Getenv(processVariable)
	if told == "" {
		t.Skip("only as a process of the other tests")
	}
	var w txnWorker
	must(t, "read what to do", json.Unmarshal([]byte(told), &w))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	must(t, "run", worker.RunTransactions(ctx, w.config(), w.transform))
}

// process is a worker that can be killed.
type txnProcess struct {
	*exec.Cmd
	ended chan struct{}
	log   string
}

func (w txnWorker) start(t *testing.T) *txnProcess {
	t.Helper()
	told, err := json.Marshal(w)
	must(t, "say what to do", err)
	p := &txnProcess{
		Cmd:   exec.Command(os.Args[0], "-test.run=^TestTransactionalWorkerProcess$"),
		ended: make(chan struct{}), log: filepath.Join(t.TempDir(), "log"),
	}
	log, err := os.Create(p.log)
	must(t, "make a log", err)
	p.Env = append(os.Environ(), processVariable+"="+string(told))
	p.Stdout, p.Stderr = log, log
	must(t, "start a worker", p.Start())
	go func() {
		_ = p.Wait() // it is killed as a rule
		_ = log.Close()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		if t.Failed() {
			said, _ := os.ReadFile(p.log)
			t.Logf("%s said:\n%s", w.Name, said[max(0, len(said)-4000):])
		}
	})
	return p
}

// signal waits for the end if there is one.
func (p *txnProcess) signal(s syscall.Signal) {
	_ = p.Process.Signal(s) // it may have ended
	if s == syscall.SIGKILL || s == syscall.SIGTERM {
		<-p.ended
	}
}

// transactionStand is a broker that looks for overdue transactions often.
func transactionStand(t *testing.T, listeners ...apache.Listener) *stand {
	t.Helper()
	settings := maps.Clone(eager)
	settings["transaction.abort.timed.out.transaction.cleanup.interval.ms"] = "500"
	settings["group.initial.rebalance.delay.ms"] = "0"
	settings["group.min.session.timeout.ms"] = "1000"
	cluster := startApache(t, apache.Options{Settings: settings, Listeners: listeners})
	return (&stand{kind: onApache, servers: cluster.BootstrapServers(), own: cluster.Admin(), apache: cluster}).connected(t)
}

// Processes are killed at random, and others come.
func (s *tappedStand) killAtRandom(t *testing.T) {
	for _, ordering := range []worker.Ordering{worker.OrderByPartition, worker.OrderByKey, worker.OrderNone} {
		t.Run(string(ordering), func(t *testing.T) {
			c := s.transactionCase(t, string(ordering), ordering)
			stop := s.feed(t, c.In)
			random := rand.New(rand.NewPCG(1, uint64(len(ordering))))
			workers := make([]*txnProcess, 3)
			for i := range workers {
				workers[i] = c.named(fmt.Sprint("worker-", i)).start(t)
			}
			c.goesOn(t, "at first")
			for kill := range 8 {
				which := random.IntN(len(workers))
				c.goesOnBy(t, random.Int64N(1500))
				workers[which].signal(syscall.SIGKILL)
				name := fmt.Sprint("worker-", which)
				if kill%2 == 1 {
					name = fmt.Sprint("another-", kill) // a transaction that nobody ends
				}
				workers[which] = c.named(name).start(t)
			}
			c.goesOn(t, "after they were killed")
			c.exactlyOnce(t, stop())
		})
	}
}

// steps are those of a transaction, and of its producer's beginning.
func steps(client string) []step {
	var all []step
	for _, key := range []kmsg.Key{
		kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.Produce, kmsg.AddOffsetsToTxn, kmsg.TxnOffsetCommit, kmsg.EndTxn,
	} {
		all = append(all, step{client, key, false}, step{client, key, true})
	}
	return all
}

// tappedStand is a broker behind a tap.
type tappedStand struct {
	*stand
	tap *tap
}

// One broker serves them all.
func TestTransactionalWorkers(t *testing.T) {
	t.Parallel()
	before := newTap(t)
	s := &tappedStand{tap: before}
	s.stand = transactionStand(t, apache.Listener{Name: "CLIENT", Advertise: []string{before.listener.Addr().String()}})
	before.leadTo(s.apache.Listening("CLIENT")[0])
	for name, test := range map[string]func(*testing.T){
		"KilledAtEachStep": s.killAtEachStep, "KilledAtRandom": s.killAtRandom, "ZombieAtEachStep": s.zombieAtEachStep,
		"RefusedOutput": s.refusedOutput, "TimeoutAboveTheBrokers": s.timeoutAboveTheBrokers,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

func (h *trap) await(t *testing.T) {
	t.Helper()
	select {
	case <-h.caught:
	case <-time.After(patience):
		t.Fatalf("%s never came to %s (after: %t)", h.client, h.key.Name(), h.after)
	}
}

// A process is killed at each step of a transaction. What the broker has got of
// its request by then may still arrive later.
func (s *tappedStand) killAtEachStep(t *testing.T) {
	for _, ordering := range []worker.Ordering{worker.OrderByPartition, worker.OrderByKey, worker.OrderNone} {
		t.Run(string(ordering), func(t *testing.T) {
			t.Parallel()
			c := s.transactionCase(t, "step-"+string(ordering), ordering)
			stop := s.feed(t, c.In)
			c.named("witness-" + string(ordering)).start(t)
			for number, at := range steps(fmt.Sprint("victim-", ordering)) {
				held := s.tap.hold(at)
				victim := c.named(at.client).start(t)
				held.await(t)
				victim.signal(syscall.SIGKILL)
				held.release <- number%4 < 2
				c.goesOn(t, fmt.Sprintf("after a death at %s (after: %t)", at.key.Name(), at.after))
			}
			c.exactlyOnce(t, stop())
		})
	}
}

// A process stands still at each step, for longer than its session and its
// transaction last, and its request arrives after that.
func (s *tappedStand) zombieAtEachStep(t *testing.T) {
	c := s.transactionCase(t, "zombies", worker.OrderByKey)
	stop := s.feed(t, c.In)
	c.named("witness").start(t)
	zombie := c.named("zombie").start(t)
	c.goesOn(t, "at first")
	for _, at := range steps("zombie")[2:] {
		held := s.tap.hold(at)
		held.await(t)
		zombie.signal(syscall.SIGSTOP)
		c.goesOn(t, "without the zombie")
		held.release <- true
		zombie.signal(syscall.SIGCONT)
		c.goesOn(t, fmt.Sprintf("with a zombie at %s (after: %t)", at.key.Name(), at.after))
	}
	c.exactlyOnce(t, stop())
}

// The broker, which is every coordinator, is killed and comes back.
func TestTransactionsGoOnOverARestartOfTheBroker(t *testing.T) {
	t.Parallel()
	s := transactionStand(t)
	c := s.transactionCase(t, "restarted", worker.OrderByPartition)
	stop := s.feed(t, c.In)
	for i := range 2 {
		c.named(fmt.Sprint("worker-", i)).start(t)
	}
	c.goesOn(t, "at first")
	for range 2 {
		s.apache.Kill(0)
		must(t, "start the broker again", s.apache.StartAgain(within(t), 0))
		c.goesOn(t, "over another broker process")
	}
	c.exactlyOnce(t, stop())
}

// A limit that the broker doesn't take ends the run, and says so.
func (s *tappedStand) timeoutAboveTheBrokers(t *testing.T) {
	c := s.transactionCase(t, "long", worker.OrderByPartition)
	w := c.named("worker")
	w.TransactionsLimit = time.Hour
	config := w.config()
	config.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	err := worker.RunTransactions(within(t), config, w.transform)
	if err == nil || !strings.Contains(err.Error(), "transaction.max.timeout.ms") {
		t.Errorf("RunTransactions: %v, want the broker's setting named", err)
	}
}

// The broker refuses one output in a hundred: the transaction is divided until
// it is found, and the session goes on.
func (s *tappedStand) refusedOutput(t *testing.T) {
	c := s.transactionCase(t, "refused", worker.OrderByKey)
	s.createTopic(t, "recent", 1, nil)
	s.createTopic(t, "letters", 1, nil)
	s.fill(t, c.In, 0, 300)
	config := c.named("worker").config()
	config.DeadLetter = &worker.DeadLetter{Topic: "letters"}
	config.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var calls atomic.Int64
	done := make(chan error, 1)
	go func() {
		done <- worker.RunTransactions(ctx, config, func(_ context.Context, msg worker.Message) ([]worker.Outgoing, error) {
			calls.Add(1)
			out := worker.Outgoing{Topic: "recent", Value: fmt.Append(nil, msg.Offset)}
			if msg.Offset%100 == 50 {
				out.Timestamp = time.Now().Add(1000 * time.Hour) // the broker takes an hour at most
			}
			return []worker.Outgoing{out}, nil
		})
	}()
	eventually(t, "all messages to be committed", func() bool { return c.committed(t)[0] == 300 })
	cancel()
	must(t, "run", errors.Join(<-done))
	if got := len(s.readCommitted(t, "recent")[0]); got != 297 {
		t.Errorf("%d outputs, want 297", got)
	}
	if got := len(s.readCommitted(t, "letters")[0]); got != 3 {
		t.Errorf("%d dead letters, want 3", got)
	}
	if calls.Load() != 300 {
		t.Errorf("%d calls for 300 messages: the session did not go on", calls.Load())
	}
}
