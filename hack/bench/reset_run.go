package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

const (
	// resetHold is for how long a group must be without members before its offsets
	// are committed: the heartbeat interval of the groups here, Kafka's default.
	resetHold = 3 * time.Second
	// resetPatience bounds each wait.
	resetPatience = 5 * time.Minute
)

// createGroups makes the groups, without workers, and waits until they are known.
func (s *resetStand) createGroups(ctx context.Context) error {
	for _, size := range resetSizes {
		topics := make([]v1alpha1.TopicName, 0, size/resetTopicSize)
		for _, topic := range resetTopics(size) {
			topics = append(topics, v1alpha1.TopicName(topic))
		}
		g := &v1alpha1.KafkaConsumerGroup{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: resetGroup(size)},
			Spec: v1alpha1.KafkaConsumerGroupSpec{
				Kafka:   v1alpha1.KafkaSource{Connection: v1alpha1.Connection{BootstrapServers: []v1alpha1.BootstrapServer{v1alpha1.BootstrapServer(s.address)}}},
				GroupID: resetGroup(size),
				Topics:  topics,
				Consumer: v1alpha1.ConsumerSpec{
					MaxProcessingTime: v1alpha1.Duration{Duration: time.Second}, HeartbeatInterval: v1alpha1.Duration{Duration: resetHold},
				},
				Scaling: v1alpha1.ScalingSpec{LagTarget: &v1alpha1.LagTarget{MessagesPerReplica: 200}},
				Pause:   &v1alpha1.PauseSpec{Mode: v1alpha1.PauseScaleToZero},
				Workload: v1alpha1.Workload{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
					Containers: []corev1.Container{{Name: "worker", Image: "registry.example/worker:1"}},
				}}},
			},
		}
		if err := s.server.kube.Create(ctx, g); err != nil {
			return fmt.Errorf("create %q: %w", g.Name, err)
		}
		err := s.until(ctx, "the manager has seen the group", func() (bool, error) {
			if err := s.server.kube.Get(ctx, client.ObjectKeyFromObject(g), g); err != nil {
				return false, err
			}
			_, err := playDeployments(ctx, s.server.kube)
			return g.Status.ClusterID != "" && g.Status.Lag != nil, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// until asks again until it is so.
func (s *resetStand) until(ctx context.Context, what string, so func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, resetPatience)
	defer cancel()
	for {
		done, err := so()
		if done || err != nil {
			return err
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("wait until %s: %w", what, err)
		}
	}
}

// reset moves every partition by one, back and ahead in turn.
func (s *resetStand) reset(ctx context.Context, size, round int) (resetRound, error) {
	target := v1alpha1.ResetTarget{Earliest: &v1alpha1.ResetTargetEarliest{}}
	if round%2 == 1 {
		target = v1alpha1.ResetTarget{Latest: &v1alpha1.ResetTargetLatest{}}
	}
	r := &v1alpha1.KafkaOffsetReset{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprintf("of-%d-%d", size, round)},
		Spec: v1alpha1.KafkaOffsetResetSpec{
			GroupRef: v1alpha1.GroupReference{Name: v1alpha1.ObjectName(resetGroup(size))}, Target: target,
			VerifyFor: v1alpha1.Duration{Duration: 100 * time.Millisecond},
		},
	}
	begun, before := time.Now(), s.meter.read().Requests["OffsetCommit"]
	if err := s.server.kube.Create(ctx, r); err != nil {
		return resetRound{}, err
	}
	if err := s.awaitPhase(ctx, r, v1alpha1.PhasePlanned); err != nil {
		return resetRound{}, err
	}
	planned := time.Since(begun)
	if plan := r.Status.Plan; int(plan.Moved) != size {
		return resetRound{}, fmt.Errorf("the plan moves %d partitions of %d", plan.Moved, size)
	}
	if err := s.approve(ctx, r); err != nil {
		return resetRound{}, err
	}
	verified := time.Time{}
	err := s.awaitReset(ctx, r, "is verified", func() bool { return r.Status.Intent != nil && r.Status.Intent.VerifiedAt != nil })
	if err == nil {
		verified = time.Now()
		err = s.awaitPhase(ctx, r, v1alpha1.PhaseSucceeded)
	}
	if err != nil {
		return resetRound{}, err
	}
	one := measured(r, verified)
	one.plan, one.requests = planned.Seconds(), s.meter.read().Requests["OffsetCommit"]-before
	return one, nil
}

func (s *resetStand) approve(ctx context.Context, r *v1alpha1.KafkaOffsetReset) error {
	before := r.DeepCopy()
	r.Spec.Approved = r.Status.Plan.Hash
	if err := s.server.kube.Patch(ctx, r, client.MergeFrom(before)); err != nil {
		return fmt.Errorf("approve %q: %w", r.Name, err)
	}
	return nil
}

func (s *resetStand) awaitPhase(ctx context.Context, r *v1alpha1.KafkaOffsetReset, phase v1alpha1.ResetPhase) error {
	return s.awaitReset(ctx, r, "is "+string(phase), func() bool { return r.Status.Phase == phase })
}

// awaitReset reads the reset until it is so. One that did not succeed is not waited for.
func (s *resetStand) awaitReset(ctx context.Context, r *v1alpha1.KafkaOffsetReset, what string, so func() bool) error {
	return s.until(ctx, fmt.Sprintf("%q %s", r.Name, what), func() (bool, error) {
		if err := s.server.kube.Get(ctx, client.ObjectKeyFromObject(r), r); err != nil {
			return false, fmt.Errorf("get %q: %w", r.Name, err)
		}
		if r.Status.Phase.Finished() && r.Status.Phase != v1alpha1.PhaseSucceeded {
			return false, fmt.Errorf("%q is %s: %s", r.Name, r.Status.Phase, r.Status.Message)
		}
		return so(), nil
	})
}

// measured is by the reset's own status, whose times are exact to the microsecond,
// but for the end of the verification, which is when it was seen.
func measured(r *v1alpha1.KafkaOffsetReset, verified time.Time) resetRound {
	approved, empty, committed := r.Status.Approval.At.Time, r.Status.Draining.EmptySince.Time, r.Status.Intent.CommittedAt.Time
	return resetRound{
		claim: empty.Sub(approved).Seconds(), commit: committed.Sub(empty.Add(resetHold)).Seconds(), verify: verified.Sub(committed).Seconds(),
	}
}
