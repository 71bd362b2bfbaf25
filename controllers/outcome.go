package controllers

import (
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
)

// resync is how often a group is looked at without any news: what only time
// changes (a sample growing stale, a deadline passing) is then noticed.
const resync = 30 * time.Second

// outcome maps what happened to one of the endings of a reconcile: an error is
// tried again with back-off, a conflict soon and in silence, and everything else
// waits for news or until time itself may change something.
func outcome(d decision, done applyResult, wrote statusResult, err error) (ctrl.Result, error) {
	if err := errors.Join(done.err, err); err != nil {
		if apierrors.IsConflict(err) {
			return ctrl.Result{RequeueAfter: time.Second}, nil
		}
		return ctrl.Result{}, err
	}
	after := resync
	for _, wait := range []time.Duration{d.scale.RecheckAfter, d.reset.recheckAfter(), d.kept.again, d.seed.again, wrote.retryAfter} {
		if wait > 0 && wait < after {
			after = wait
		}
	}
	return ctrl.Result{RequeueAfter: after}, nil
}
