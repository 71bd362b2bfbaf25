package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// offsetKeeper keeps offsets as a group without members: by sarama's OffsetManager,
// whose commits carry no generation. Kafka refuses those for a group that has
// members, so a group of workers can't be moved, whatever it does meanwhile. A
// one without a name keeps nothing.
type offsetKeeper struct {
	topic, name string
	client      sarama.Client
	look        lookup
	manager     sarama.OffsetManager // nil before begin
	partitions  map[int32]sarama.PartitionOffsetManager
}

// errHasMembers is why offsets can't be kept under a name.
var errHasMembers = errors.New("the group has members, whose offsets a replay would move:" +
	" keep its own under a name that no worker uses")

// ofMembers tells that a commit was refused because the group has members. For
// those of the newer protocol a broker may say that it is of too old a version:
// a client that speaks it would have a generation.
func ofMembers(err error) bool {
	return lostOwnership(err) || errors.Is(err, sarama.ErrUnsupportedVersion)
}

func (r *replay) newKeeper() *offsetKeeper {
	return &offsetKeeper{
		topic: r.options.Topic, name: r.options.KeepAs, client: r.client,
		look:       newLookup(r.client, r.options.KeepAs),
		partitions: make(map[int32]sarama.PartitionOffsetManager),
	}
}

// kept reads the offsets kept of the partitions, kafka.NoOffset where there is none.
func (k *offsetKeeper) kept(ctx context.Context, partitions []int32) (map[int32]int64, error) {
	offsets := make(map[int32]int64, len(partitions))
	for _, number := range partitions {
		offsets[number] = kafka.NoOffset
	}
	if k.name == "" {
		return offsets, nil
	}
	asked := map[string][]int32{k.topic: partitions}
	commits, err := k.look.commits(ctx, asked, asked)
	if errors.Is(err, sarama.ErrGroupIDNotFound) {
		return offsets, nil
	}
	for tp, c := range commits {
		offsets[tp.Partition] = c.offset
	}
	return offsets, err
}

// begin commits where reading begins, which finds out a group that has members
// before anything is read, and from then on keeps what is marked.
func (k *offsetKeeper) begin(ctx context.Context, spans []replayRange) (err error) {
	if k.name == "" {
		return nil
	}
	if err := k.commitStarts(ctx, spans); err != nil {
		return fmt.Errorf("keep offsets as %q: %w", k.name, err)
	}
	if k.manager, err = sarama.NewOffsetManagerFromClient(k.name, k.client); err != nil {
		return fmt.Errorf("keep offsets as %q: %w", k.name, err)
	}
	for _, s := range spans {
		if k.partitions[s.partition], err = k.manager.ManagePartition(k.topic, s.partition); err != nil {
			return fmt.Errorf("keep the offset of partition %d as %q: %w", s.partition, k.name, err)
		}
	}
	return nil
}

// commitStarts tries again while the coordinator is not ready, as it is for the
// first commit of all.
func (k *offsetKeeper) commitStarts(ctx context.Context, spans []replayRange) error {
	for attempt := 1; ; attempt++ {
		err := k.commitOnce(spans)
		switch {
		case ofMembers(err):
			return errHasMembers
		case err == nil || attempt == lookupAttempts || !passesByItself(err):
			return err
		case !pause(ctx, lookupBackoff*time.Duration(attempt)):
			return err
		}
		if err := k.client.RefreshCoordinator(k.name); err != nil {
			return fmt.Errorf("find the coordinator: %w", err)
		}
	}
}

func (k *offsetKeeper) commitOnce(spans []replayRange) error {
	coordinator, err := k.client.Coordinator(k.name)
	if err != nil {
		return fmt.Errorf("find the coordinator: %w", err)
	}
	request := sarama.NewOffsetCommitRequest(k.client.Config(), k.name) // of no member and no generation
	for _, s := range spans {
		request.AddBlockWithLeaderEpoch(k.topic, s.partition, s.from, -1, 0, "") // -1 is no epoch
	}
	response, err := coordinator.CommitOffset(request)
	if err != nil {
		_ = coordinator.Close() // a broker that broke off has to be closed to be dialled again
		return &connectionError{err}
	}
	for _, s := range spans {
		switch code, answered := response.Errors[k.topic][s.partition]; {
		case !answered:
			return sarama.ErrIncompleteResponse
		case code != sarama.ErrNoError:
			return code
		}
	}
	return nil
}

// of is where a partition's offset is marked, nil if none is kept. What is
// marked is the next offset to read: the last one handled, and 1.
func (k *offsetKeeper) of(partition int32) sarama.PartitionOffsetManager {
	return k.partitions[partition]
}

// regularly commits until stop is called, and tells of a group that has become
// one with members. Any other failure is made good by a later commit.
func (k *offsetKeeper) regularly(every time.Duration, refused func(error)) (stop func()) {
	if k.manager == nil {
		return func() {}
	}
	ctx, end := context.WithCancel(context.Background())
	var committing sync.WaitGroup
	committing.Go(func() {
		for pause(ctx, every) {
			if err := k.commit(); errors.Is(err, errHasMembers) {
				refused(err)
				return
			}
		}
	})
	return func() {
		end()
		committing.Wait()
	}
}

// commit returns what sarama says of it, of one partition for all: they go in
// one request. nil is no proof: of a coordinator that is moving it says nothing.
func (k *offsetKeeper) commit() error {
	k.manager.Commit()
	var last error
	for number, manager := range k.partitions {
		if err := lastError(manager); ofMembers(err) {
			return fmt.Errorf("keep offsets as %q: %w", k.name, errHasMembers)
		} else if err != nil {
			last = fmt.Errorf("keep the offset of partition %d as %q: %w", number, k.name, err)
		}
	}
	return last
}

// lastError takes away what went wrong in a commit. Nothing is added between two.
func lastError(manager sarama.PartitionOffsetManager) (last error) {
	for {
		select {
		case failure := <-manager.Errors():
			last = failure.Err
		default:
			return last
		}
	}
}

// confirm commits and returns nil once Kafka has what was marked.
func (k *offsetKeeper) confirm(ctx context.Context) error {
	for attempt := 1; k.manager != nil; attempt++ {
		err := k.commit()
		if err == nil {
			err = k.verify(ctx)
		}
		if err == nil || attempt == commitAttempts || errors.Is(err, errHasMembers) {
			return err
		}
		pause(ctx, commitBackoff*time.Duration(attempt))
	}
	return nil
}

// verify reads back what was committed.
func (k *offsetKeeper) verify(ctx context.Context) error {
	kept, err := k.kept(ctx, slices.Collect(maps.Keys(k.partitions)))
	if err != nil {
		return err
	}
	for number, manager := range k.partitions {
		if marked, _ := manager.NextOffset(); kept[number] != marked {
			return fmt.Errorf("offset %d of partition %d was committed as %q, and %d is kept: does somebody else commit under this name?",
				marked, number, k.name, kept[number])
		}
	}
	return nil
}

func (k *offsetKeeper) close() error {
	if k.manager == nil {
		return nil
	}
	return k.manager.Close()
}
