package controllers

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// held is what is kept of each object of a kind between reconciles. An object is
// reconciled by one worker at a time, so only the map needs the lock.
type held[T any] struct {
	mu    sync.Mutex
	byKey map[types.NamespacedName]*heldFor[T]
}

type heldFor[T any] struct {
	uid   types.UID
	value T
}

// of is what is held for the object, the zero value when it was re-created.
func (h *held[T]) of(key types.NamespacedName, uid types.UID) *T {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byKey == nil {
		h.byKey = map[types.NamespacedName]*heldFor[T]{}
	}
	if known, ok := h.byKey[key]; !ok || known.uid != uid {
		h.byKey[key] = &heldFor[T]{uid: uid}
	}
	return &h.byKey[key].value
}

func (h *held[T]) forget(key types.NamespacedName) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.byKey, key)
}
