package controllers

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestGivesOtherwise: the other policies of a namespace are woken by what may
// change whose turn it is at a workload, and by nothing else.
func TestGivesOtherwise(t *testing.T) {
	made := func(selects bool, generation int64, inForce *v1alpha1.ProducerInForce) *v1alpha1.KafkaProducerPolicy {
		p := &v1alpha1.KafkaProducerPolicy{ObjectMeta: metav1.ObjectMeta{Generation: generation}}
		if p.Status.InForce = inForce; selects {
			p.Spec.Selector = &metav1.LabelSelector{}
		}
		return p
	}
	some, others := &v1alpha1.ProducerInForce{Generation: 1}, &v1alpha1.ProducerInForce{Generation: 2}
	updates := map[string]struct {
		before, after *v1alpha1.KafkaProducerPolicy
		want          bool
	}{
		"FirstInForce":   {made(true, 1, nil), made(true, 1, some), true},
		"OthersInForce":  {made(true, 1, some), made(true, 1, others), false},
		"Selector":       {made(true, 1, some), made(false, 2, some), true},
		"SelectsNothing": {made(false, 1, nil), made(false, 2, some), false},
		"Status":         {made(true, 1, some), made(true, 1, some), false},
	}
	for name, tc := range updates {
		if got := givesOtherwise().Update(event.UpdateEvent{ObjectOld: tc.before, ObjectNew: tc.after}); got != tc.want {
			t.Errorf("%s: woken %t", name, got)
		}
	}
	for selects, want := range map[bool]bool{true: true, false: false} {
		if got := givesOtherwise().Delete(event.DeleteEvent{Object: made(selects, 1, some)}); got != want {
			t.Errorf("deleted, selecting %t: woken %t", selects, got)
		}
	}
	if givesOtherwise().Create(event.CreateEvent{Object: made(true, 1, some)}) {
		t.Error("woken by a policy that is younger than all")
	}
}
