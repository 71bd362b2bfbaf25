// Package controllers reconciles the kinds of api/v1alpha1.
//
// Each kind has files of one grammar: <kind>_controller.go holds Reconcile, a
// table of contents; <kind>_observe.go reads everything into one snapshot;
// <kind>_decide.go asks the pure packages; <kind>_apply.go writes what was
// decided; <kind>_status.go and <kind>_conditions.go turn snapshot, decision and
// what was done into status. What all kinds share is in outcome.go, status.go, events.go and metrics.go.
//
//	observe ──> decide (internal/lag, internal/autoscale) ──> apply ──> report
//
// Nothing held in memory is needed for correctness: after a restart the
// present count is read from the Deployment and scale-downs wait one window.
package controllers
