package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/autoscale"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

const (
	// keepAttempt is what one reading, or making again, of all commits may take.
	keepAttempt = 20 * time.Second
	// keepAgain is when that is tried again while workers wait, and keepIdle while none do.
	keepAgain = time.Second
	keepIdle  = 30 * time.Second
	// retentionAge is how old the brokers' retention may be: it changes when they restart.
	retentionAge = time.Hour
)

// keep sees to it that commits outlive the brokers' retention. Workers wait,
// however long, while some are gone and not made again: started then, they would
// skip everything since, or repeat everything that the log has.
func (r *KafkaConsumerGroupReconciler) keep(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot, d decision, m *memory) decision {
	d.kept.after, d.kept.unkept = seen.kept, m.keeping.unkept
	if d.blocked != nil || d.held != nil {
		return d
	}
	if seen.usable(r.Settings.SampleMaxAge) {
		m.keeping.note(seen.sample)
		d.kept.unkept = m.keeping.unkept
	}
	present, _ := presentReplicas(group, seen, m)
	stopped := present == 0 && !anyWorker(seen)
	if stopped && d.reset.granted {
		// The workers are stopped by the next reconcile: none is started for a
		// moment, whose offsets may be gone.
		d.scale.Replicas, d.scale.Reason = 0, autoscale.ReasonOffsetReset
		d.scale.Message = fmt.Sprintf("0: KafkaOffsetReset %q is given the group", d.reset.active.Name)
	}
	switch err := r.takeOver(ctx, group, &seen, d.reset, m); {
	case err != nil && mayCommit(seen, d.reset):
		return r.keptUnread(d, &seen, err)
	case err != nil: // a reset has the say, and no workers
		return d
	}
	d.kept.after = seen.kept
	w := keptWorld{seen: seen, table: m.keeping.table.by, free: mayCommit(seen, d.reset), empty: m.keeping.empty, read: m.keeping.read}
	w.starts = stopped && d.scale.Replicas > 0
	w.idle = stopped && !w.starts && seen.resets.active == nil
	switch step, err := w.step(r.Settings.SampleMaxAge); step {
	case keptForget:
		d.kept.after = nil
	case keptWhole:
		m.keeping.unkept, d.kept.unkept = nil, nil
		d.kept.settled, d.kept.after = true, r.keptOn(ctx, group, seen, m)
	case keptBlind:
		return keptWaits(d, &seen, fmt.Errorf("it can't be seen whether they are still there: %w", err))
	case keptShut:
		return keptWaits(d, &seen, fmt.Errorf("commit them again: %w: stop whoever has joined it", kafka.ErrGroupNotEmpty))
	case keptRead, keptGone:
		return r.tryKeep(ctx, group, seen, d, step, m)
	case keptRest:
	}
	return d
}

// keptUnread has workers wait for what is kept and can't be read. While none are
// wanted nothing waits for it, and only the status tells.
func (r *KafkaConsumerGroupReconciler) keptUnread(d decision, seen *groupSnapshot, why error) decision {
	d = keptWaits(d, seen, why)
	if d.scale.Replicas > 0 {
		return d
	}
	d.kept.again = keepIdle
	switch missing, _, err := commitsIn(*seen, r.Settings.SampleMaxAge); {
	case err != nil: // it can't be seen either whether it is needed
	case missing > 0:
		d.kept.told = notRestored(seen.now, why)
	default:
		d.kept.unkept = why
	}
	return d
}

// notRestored is a failure to make commits again, as the status has it.
func notRestored(now time.Time, why error) *v1alpha1.RestoredOffsets {
	return &v1alpha1.RestoredOffsets{At: atSecond(now), Failed: why.Error()}
}

// keptWaits has workers wait, with why.
func keptWaits(d decision, seen *groupSnapshot, why error) decision {
	d.seed, d.kept.again = seedDecision{}, keepAgain
	if d.scale.Replicas == 0 {
		return d
	}
	message := fmt.Sprintf("the group has had no members since %s, Kafka removes the committed offsets of such a group after a time, and no worker is started before the %d that were kept are committed again: %s",
		seen.kept.EmptySince.UTC().Format(time.RFC3339), seen.kept.Offsets.Count, why)
	if maySucceed(why) && !errors.Is(why, errLost) {
		d.held = &blocked{v1alpha1.ReasonRestoringOffsets, message}
		return d
	}
	d.blocked = &blocked{v1alpha1.ReasonOffsetsNotRestored, message +
		". Give Lagrange what it lacks, or say with a KafkaOffsetReset of all partitions where the group goes on"}
	return d
}

// tryKeep makes an attempt when it is time for one. Where commits are gone nothing
// else is committed for the group, and no worker starts, until one succeeds. Where
// they are there and only not kept, workers don't wait, since they find them.
func (r *KafkaConsumerGroupReconciler) tryKeep(
	ctx context.Context, group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot, d decision, step keptStep, m *memory,
) decision {
	k, pace := &m.keeping, keepIdle
	if step == keptGone && d.scale.Replicas > 0 || k.failed == nil {
		pace = keepAgain
	}
	if k.tried.IsZero() || seen.now.Sub(k.tried) >= pace {
		ctx, cancel := context.WithTimeout(ctx, keepAttempt)
		defer cancel()
		k.tried = seen.now
		k.failed = r.keepNow(ctx, group, seen, &d, m)
		k.unkept = unkeptBy(step, k.failed)
		d.kept.unkept = k.unkept
		if k.failed == nil {
			return d
		}
		log.FromContext(ctx).Info("committed offsets could not be kept, which is tried again", "group", group.Spec.GroupID, "why", k.failed.Error())
	}
	if step != keptGone {
		d.kept.again = pace
		return d
	}
	why := errors.New("that was done a moment ago, and they are gone again")
	if k.failed != nil {
		why, d.kept.told = k.failed, notRestored(seen.now, k.failed)
	}
	d = keptWaits(d, &seen, why)
	d.kept.again = pace
	return d
}

// unkeptBy is why commits are not kept that are there, nil where they are. That
// somebody has joined is no failure: while he is there they don't expire.
func unkeptBy(step keptStep, failed error) error {
	if step != keptRead || errors.Is(failed, kafka.ErrGroupNotEmpty) {
		return nil
	}
	return failed
}
