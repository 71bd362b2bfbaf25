package controllers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The kinds of objects that connections name.
const (
	secretKind    = "Secret"
	configMapKind = "ConfigMap"
)

// objectRef names a Secret or a ConfigMap.
type objectRef struct{ kind, namespace, name string }

// String is how messages name it; the namespace is that of whoever names it.
func (o objectRef) String() string { return fmt.Sprintf("%s %q", o.kind, o.name) }

// credentialUser is an object whose connection names Secrets or ConfigMaps.
type credentialUser struct {
	kind string
	key  types.NamespacedName
}

// What keeps an object from being read for longer than a moment.
var (
	errNoObject  = errors.New("does not exist")
	errForbidden = errors.New("can't be read: the manager has no right to get it")
)

// Credentials are the Secrets and ConfigMaps that connections name. Each is read
// by its name, from the API server, when it is first needed and then again and
// again while somebody uses it: nothing is listed or watched, so that the
// manager needs no right to see what nobody named.
//
//	first use ──> read ──> held, read again within Refresh ──> last user gone: dropped
//	                        └─ missing, or refused by a broker: read again sooner
type Credentials struct {
	// Reader reads from the API server, not from a cache.
	Reader client.Reader
	// Refresh is how old what is held may grow. Default 25s: with the tick and
	// the read a changed Secret is known within half a minute.
	Refresh time.Duration
	// Clock tells the time; the real one if nil.
	Clock clock.WithTicker

	mu      sync.Mutex
	objects map[objectRef]*heldObject
	uses    map[credentialUser][]objectRef
	changed map[string]func(types.NamespacedName) // by kind of user
}

// heldObject is one Secret or ConfigMap.
type heldObject struct {
	data     map[string]string
	version  string // uid and resourceVersion, so that an unchanged one costs nothing more
	err      error  // why there is no data
	readAt   time.Time
	due      time.Time
	failures int
	reading  chan struct{} // closed when the read that is under way ends; nil while none is
}

const (
	credentialsRefresh = 25 * time.Second
	// ticksPerRefresh is how finely the reads are spread.
	ticksPerRefresh = 25
	// readsAtOnce bounds the reads of one tick. With 20 ms each, 16 at once are
	// 800 a second: 20,000 Secrets within Refresh.
	readsAtOnce = 16
	// readTimeout ends a read that the API server doesn't answer.
	readTimeout = 10 * time.Second
)

func (c *Credentials) refresh() time.Duration {
	if c.Refresh <= 0 {
		return credentialsRefresh
	}
	return c.Refresh
}

func (c *Credentials) clock() clock.WithTicker {
	if c.Clock == nil {
		return clock.RealClock{}
	}
	return c.Clock
}

// onChange registers who is told when an object changed that a user of the kind reads.
func (c *Credentials) onChange(kind string, tell func(types.NamespacedName)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changed == nil {
		c.changed = map[string]func(types.NamespacedName){}
	}
	c.changed[kind] = tell
}

// get is the object's data as last read; what was never read is read now.
func (c *Credentials) get(ctx context.Context, ref objectRef) (map[string]string, error) {
	c.mu.Lock()
	held := c.hold(ref)
	unread := held.readAt.IsZero()
	c.mu.Unlock()
	if unread {
		c.read(ctx, ref, held)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return held.data, held.err
}

// keep says what all a user reads now; what nobody reads any more is dropped.
func (c *Credentials) keep(user credentialUser, refs []objectRef) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.uses[user]
	if slices.Equal(before, refs) {
		return
	}
	if c.uses == nil {
		c.uses = map[credentialUser][]objectRef{}
	}
	c.uses[user] = refs
	if len(refs) == 0 {
		delete(c.uses, user)
	}
	for _, ref := range before {
		if len(c.usersOf(ref)) == 0 {
			delete(c.objects, ref)
		}
	}
	for _, ref := range refs {
		c.hold(ref)
	}
}

// hold is what is held of the object, not read yet if it is new. The last user
// of an object may go between another's get and keep and take it along: then it
// is held anew, and read with the next tick. The caller holds the lock.
func (c *Credentials) hold(ref objectRef) *heldObject {
	if c.objects == nil {
		c.objects = map[objectRef]*heldObject{}
	}
	if c.objects[ref] == nil {
		c.objects[ref] = &heldObject{}
	}
	return c.objects[ref]
}

// usersOf are the users of an object. The caller holds the lock.
func (c *Credentials) usersOf(ref objectRef) []credentialUser {
	var users []credentialUser
	for user, refs := range c.uses {
		if slices.Contains(refs, ref) {
			users = append(users, user)
		}
	}
	return users
}

// suspect has what a user reads read again soon: a broker refused it, so it may
// have been changed. No object is read more often than every fifth of Refresh
// for that, however many users a broker refuses.
func (c *Credentials) suspect(user credentialUser) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ref := range c.uses[user] {
		if held := c.objects[ref]; held != nil {
			if soon := held.readAt.Add(c.refresh() / 5); soon.Before(held.due) {
				held.due = soon
			}
		}
	}
}

// Start reads again what is in use, until ctx is done.
func (c *Credentials) Start(ctx context.Context) error {
	tick := c.clock().NewTicker(c.refresh() / ticksPerRefresh)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C():
			c.readDue(ctx)
		}
	}
}

// readDue reads what is due, several at once, and tells the users of what changed.
func (c *Credentials) readDue(ctx context.Context) {
	due := c.due()
	var reading sync.WaitGroup
	slots := make(chan struct{}, readsAtOnce)
	for ref, held := range due {
		slots <- struct{}{}
		reading.Go(func() {
			defer func() { <-slots }()
			if c.read(ctx, ref, held) {
				c.tell(ref)
			}
		})
	}
	reading.Wait()
}

func (c *Credentials) due() map[objectRef]*heldObject {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock().Now()
	due := map[objectRef]*heldObject{}
	for ref, held := range c.objects {
		if !held.due.After(now) {
			due[ref] = held
		}
	}
	return due
}

func (c *Credentials) tell(ref objectRef) {
	c.mu.Lock()
	users, changed := c.usersOf(ref), maps.Clone(c.changed)
	c.mu.Unlock()
	for _, user := range users {
		if tell := changed[user.kind]; tell != nil {
			tell(user.key)
		}
	}
}

// read reads one object and tells whether it is another than before. Several
// callers at once share one read.
func (c *Credentials) read(ctx context.Context, ref objectRef, held *heldObject) (changed bool) {
	c.mu.Lock()
	if held.reading != nil {
		under := held.reading
		c.mu.Unlock()
		<-under
		return false
	}
	held.reading = make(chan struct{})
	c.mu.Unlock()
	data, version, err := c.fetch(ctx, ref)
	c.mu.Lock()
	defer c.mu.Unlock()
	close(held.reading)
	held.reading = nil
	return held.take(data, version, err, c.clock().Now(), c.refresh())
}

// take holds what was read. An API server that doesn't answer costs nothing that
// is held; an object that is gone, or that we may no longer read, does.
func (h *heldObject) take(data map[string]string, version string, err error, now time.Time, refresh time.Duration) (changed bool) {
	h.readAt = now
	h.due = now.Add(refresh*4/5 + rand.N(refresh/5)) //nolint:gosec // spreads reads, hides nothing
	if err == nil {
		h.failures = 0
		changed = h.version != version || h.err != nil
		h.data, h.version, h.err = data, version, nil
		return changed
	}
	// 1/16, 1/8, ... of Refresh: an object that comes right after who names it is found soon.
	h.due = now.Add(min(refresh, refresh/16<<min(h.failures, 4)))
	h.failures++
	if h.data != nil && !errors.Is(err, errNoObject) && !errors.Is(err, errForbidden) {
		return false
	}
	changed = h.err == nil || h.err.Error() != err.Error()
	h.data, h.version, h.err = nil, "", err
	return changed
}

// fetch reads the object from the API server.
func (c *Credentials) fetch(ctx context.Context, ref objectRef) (map[string]string, string, error) {
	var secret corev1.Secret
	var configMap corev1.ConfigMap
	object := client.Object(&secret)
	if ref.kind == configMapKind {
		object = &configMap
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	err := c.Reader.Get(ctx, client.ObjectKey{Namespace: ref.namespace, Name: ref.name}, object)
	switch {
	case apierrors.IsNotFound(err):
		return nil, "", fmt.Errorf("%s %w", ref, errNoObject)
	case apierrors.IsForbidden(err):
		return nil, "", fmt.Errorf("%s %w", ref, errForbidden)
	case err != nil:
		return nil, "", fmt.Errorf("get %s: %w", ref, err)
	}
	data := make(map[string]string, len(secret.Data)+len(configMap.Data))
	for key, value := range secret.Data {
		data[key] = string(value)
	}
	maps.Copy(data, configMap.Data)
	return data, string(object.GetUID()) + "/" + object.GetResourceVersion(), nil
}
