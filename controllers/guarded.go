package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

const (
	// guardedTries is how often a guarded write is made again at once. A try takes
	// about 5 ms, and one in twenty meets a change that comes each 100 ms: ten in a
	// row never do.
	guardedTries = 10
	// afterConflict is when it is looked again at what has changed meanwhile.
	afterConflict = 100 * time.Millisecond
)

// guarded makes a write that is refused when the object is newer than the one that
// it was decided on. refresh takes in the newer one, and tells whether the write is
// decided as well by that; then it is made once more.
func guarded(write func() error, refresh func() (same bool, err error)) error {
	for try := 1; ; try++ {
		err := write()
		if !apierrors.IsConflict(err) || try == guardedTries {
			return err
		}
		if same, failed := refresh(); failed != nil {
			return failed
		} else if !same {
			return err
		}
	}
}

// sameObject: the two are one object, with the same spec: the API server counts a
// generation on when that changes, and when the object is deleted.
func sameObject(a, b metav1.Object) bool {
	return a.GetUID() == b.GetUID() && a.GetGeneration() == b.GetGeneration() && a.GetDeletionTimestamp().IsZero() == b.GetDeletionTimestamp().IsZero()
}

// sameReset: nothing by which a reset goes on is another. What its annotations ask
// for is looked at in a turn of its own.
func sameReset(a, b *v1alpha1.KafkaOffsetReset) bool {
	return sameObject(a, b) && equality.Semantic.DeepEqual(a.Status, b.Status)
}
