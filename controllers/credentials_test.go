package controllers

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var errBoom = errors.New("boom")

// vault is an API server that holds Secrets and counts reads. It can't list.
type vault struct {
	client.Reader
	mu      sync.Mutex
	secrets map[types.NamespacedName]map[string]string
	version string
	err     error
	reads   int
}

func (v *vault) Get(_ context.Context, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.reads++
	data, found := v.secrets[key]
	switch {
	case v.err != nil:
		return v.err
	case !found:
		return apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, key.Name)
	}
	secret := o.(*corev1.Secret)
	*secret = corev1.Secret{ObjectMeta: metav1.ObjectMeta{ResourceVersion: v.version}, Data: map[string][]byte{}}
	for k, value := range data {
		secret.Data[k] = []byte(value)
	}
	return nil
}

func (v *vault) set(version string, data map[string]string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.version, v.secrets = version, map[types.NamespacedName]map[string]string{{Namespace: "shop", Name: "user"}: data}
}

var (
	userSecret = objectRef{secretKind, "shop", "user"}
	orders     = credentialUser{groupKind, types.NamespacedName{Namespace: "shop", Name: "orders"}}
	returns    = credentialUser{groupKind, types.NamespacedName{Namespace: "shop", Name: "returns"}}
)

// watched are credentials over a vault, with the users that were told of changes.
func watched(t *testing.T) (*Credentials, *vault, *testclock.FakeClock, *[]string) {
	t.Helper()
	clock, told := testclock.NewFakeClock(noon), &[]string{}
	v := &vault{}
	v.set("1", map[string]string{"password": "old"})
	c := &Credentials{Reader: v, Refresh: 25 * time.Second, Clock: clock}
	var mu sync.Mutex
	c.onChange(groupKind, func(key types.NamespacedName) {
		mu.Lock()
		defer mu.Unlock()
		*told = append(*told, key.Name)
	})
	return c, v, clock, told
}

func passwordOf(t *testing.T, c *Credentials) string {
	t.Helper()
	data, err := c.get(context.Background(), userSecret)
	if err != nil {
		t.Fatal(err)
	}
	return data["password"]
}

// TestCredentialsRead: one read serves all users until it is old; then one more
// tells all of them of a change, and none of none.
func TestCredentialsRead(t *testing.T) {
	c, v, clock, told := watched(t)
	for _, user := range []credentialUser{orders, returns} {
		if got := passwordOf(t, c); got != "old" {
			t.Errorf("password %q", got)
		}
		c.keep(user, []objectRef{userSecret})
	}
	c.readDue(context.Background())
	if v.reads != 1 {
		t.Errorf("%d reads for two users, want one", v.reads)
	}
	clock.Step(25 * time.Second)
	c.readDue(context.Background())
	if v.reads != 2 || len(*told) != 0 {
		t.Errorf("%d reads after Refresh and %v told, want 2 and nobody: nothing changed", v.reads, *told)
	}
	v.set("2", map[string]string{"password": "new"})
	clock.Step(25 * time.Second)
	c.readDue(context.Background())
	if got := passwordOf(t, c); got != "new" || len(*told) != 2 {
		t.Errorf("password %q and %v told, want the new one and both", got, *told)
	}
}

// TestCredentialsDropped: what nobody uses is not read and not held.
func TestCredentialsDropped(t *testing.T) {
	c, v, clock, _ := watched(t)
	passwordOf(t, c)
	c.keep(orders, []objectRef{userSecret})
	c.keep(returns, []objectRef{userSecret})
	c.keep(orders, nil)
	clock.Step(time.Minute)
	c.readDue(context.Background())
	if v.reads != 2 {
		t.Errorf("%d reads, want 2: one user is left", v.reads)
	}
	c.keep(returns, nil)
	clock.Step(time.Minute)
	c.readDue(context.Background())
	if v.reads != 2 || len(c.objects) != 0 {
		t.Errorf("%d reads, %d objects held, want no more of either", v.reads, len(c.objects))
	}
}

// TestCredentialsTaken: the last user goes while another one has just read the
// object and not yet said that it keeps it: it is read on for that one.
func TestCredentialsTaken(t *testing.T) {
	c, v, clock, told := watched(t)
	passwordOf(t, c)
	c.keep(orders, []objectRef{userSecret})
	passwordOf(t, c) // for returns
	c.keep(orders, nil)
	c.keep(returns, []objectRef{userSecret})
	c.readDue(context.Background())
	v.set("2", map[string]string{"password": "new"})
	clock.Step(25 * time.Second)
	*told = nil
	c.readDue(context.Background())
	if len(*told) != 1 || (*told)[0] != "returns" {
		t.Errorf("told %v of the change, want returns", *told)
	}
}

// TestCredentialsSuspect: a refused login has them read again at once, but not
// again and again.
func TestCredentialsSuspect(t *testing.T) {
	c, v, clock, _ := watched(t)
	passwordOf(t, c)
	c.keep(orders, []objectRef{userSecret})
	clock.Step(6 * time.Second)
	for range 3 {
		c.suspect(orders)
		c.readDue(context.Background())
	}
	if v.reads != 2 {
		t.Errorf("%d reads, want 2: one more for three refusals at one time", v.reads)
	}
	clock.Step(5 * time.Second)
	c.readDue(context.Background())
	if v.reads != 3 {
		t.Errorf("%d reads, want 3: it was asked for less than 5 s after the last read, and is due now", v.reads)
	}
}

// TestCredentialsFailures: an API server that is away takes nothing; a Secret
// that is gone, or forbidden, does; a missing one is soon found when it comes.
func TestCredentialsFailures(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "user", errBoom)
	cases := map[string]struct {
		reason string
		change func(*vault)
		want   error
		told   int
	}{
		"Away":      {"it may come back with the same", func(v *vault) { v.err = errBoom }, nil, 0},
		"Gone":      {"somebody deleted it", func(v *vault) { v.secrets = nil }, errNoObject, 1},
		"Forbidden": {"a Role was taken away", func(v *vault) { v.err = forbidden }, errForbidden, 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c, v, clock, told := watched(t)
			passwordOf(t, c)
			c.keep(orders, []objectRef{userSecret})
			tc.change(v)
			clock.Step(25 * time.Second)
			c.readDue(context.Background())
			data, err := c.get(context.Background(), userSecret)
			if !errors.Is(err, tc.want) || (tc.want == nil) != (data["password"] == "old") || len(*told) != tc.told {
				t.Errorf("%s: %v, %v, told %v", tc.reason, data, err, *told)
			}
			c.suspect(orders) // which makes it no later
			v.err = nil
			v.set("2", map[string]string{"password": "back"})
			clock.Step(2 * time.Second)
			c.readDue(context.Background())
			if got := passwordOf(t, c); got != "back" || len(*told) != tc.told+1 {
				t.Errorf("%s: after 2 s %q, told %v", tc.reason, got, *told)
			}
		})
	}
}
