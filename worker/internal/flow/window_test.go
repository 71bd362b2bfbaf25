package flow

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// naive is a Window that keeps every offset it ever took in and looks through
// all of them for each answer.
type naive struct {
	opened   int64
	offsets  []int64
	sizes    map[int64]int64
	finished map[int64]bool
}

func newNaive(next int64) *naive {
	return &naive{opened: next, sizes: make(map[int64]int64), finished: make(map[int64]bool)}
}

func (n *naive) add(offset, size int64) bool {
	if offset < n.opened || len(n.offsets) > 0 && offset <= n.offsets[len(n.offsets)-1] {
		return false
	}
	n.offsets = append(n.offsets, offset)
	n.sizes[offset] = size
	return true
}

func (n *naive) unfinished() []int64 {
	var found []int64
	for _, offset := range n.offsets {
		if !n.finished[offset] {
			found = append(found, offset)
		}
	}
	return found
}

func (n *naive) next() int64 {
	if unfinished := n.unfinished(); len(unfinished) > 0 {
		return unfinished[0]
	}
	if len(n.offsets) > 0 {
		return n.offsets[len(n.offsets)-1] + 1
	}
	return n.opened
}

func (n *naive) inFlight() (messages int, bytes int64, finishedAbove []int64) {
	next := n.next()
	for _, offset := range n.offsets {
		if offset < next {
			continue
		}
		messages++
		bytes += n.sizes[offset]
		if n.finished[offset] {
			finishedAbove = append(finishedAbove, offset)
		}
	}
	return messages, bytes, finishedAbove
}

// windowRun drives both with the same steps and compares them after each.
type windowRun struct {
	*testing.T
	window  Window
	naive   *naive
	tickets map[int64]Ticket
	last    int64
}

func newWindowRun(t *testing.T, next int64) *windowRun {
	return &windowRun{T: t, window: NewWindow(next), naive: newNaive(next), tickets: make(map[int64]Ticket), last: next - 1}
}

// add takes the offset in that is so far above the last one; 0 is the last one
// once more, and what is negative lies below it.
func (r *windowRun) add(above, size int64) {
	r.Helper()
	offset := r.last + above
	ticket, taken := r.window.Add(offset, int(size))
	if want := r.naive.add(offset, size); taken != want {
		r.Fatalf("Add(%d) is %t, want %t", offset, taken, want)
	}
	if taken {
		r.tickets[offset], r.last = ticket, offset
	}
	r.compare()
}

func (r *windowRun) finish(offset int64) {
	r.Helper()
	messagesBefore, bytesBefore, _ := r.naive.inFlight()
	r.naive.finished[offset] = true
	messagesLeft, bytesLeft, _ := r.naive.inFlight()
	messages, bytes := r.window.Finish(r.tickets[offset])
	if messages != messagesBefore-messagesLeft || bytes != bytesBefore-bytesLeft {
		r.Fatalf("Finish(%d) freed %d messages and %d bytes, want %d and %d",
			offset, messages, bytes, messagesBefore-messagesLeft, bytesBefore-bytesLeft)
	}
	r.compare()
}

func (r *windowRun) compare() {
	r.Helper()
	messages, bytes, above := r.naive.inFlight()
	if r.window.Next() != r.naive.next() || r.window.Len() != messages || r.window.Bytes() != bytes {
		r.Fatalf("Next %d, Len %d, Bytes %d; want %d, %d, %d",
			r.window.Next(), r.window.Len(), r.window.Bytes(), r.naive.next(), messages, bytes)
	}
	if got := r.window.FinishedAbove(); !slices.Equal(got, above) {
		r.Fatalf("FinishedAbove %v, want %v", got, above)
	}
}

// play reads steps: of each byte two bits say what, six say which.
func (r *windowRun) play(steps []byte) {
	r.Helper()
	for _, step := range steps {
		which := int64(step >> 2)
		unfinished := r.naive.unfinished()
		switch {
		case step&3 == 0 && len(unfinished) > 0:
			r.finish(unfinished[0])
		case step&3 == 1 && len(unfinished) > 0:
			r.finish(unfinished[int(which)%len(unfinished)])
		default:
			r.add(which%9-1, 7*which) // again and below, next, and gaps of up to 6
		}
	}
}

func FuzzWindow(f *testing.F) {
	f.Add(int64(0), []byte{})
	f.Add(int64(3), []byte("\x0e\x16\x0a\x05\x05\x00\x00"))                                     // 3, 7 and 8, the first one finished last
	f.Add(int64(100), []byte("\x06\x02\x0e\x0e\x04\x02\x06"))                                   // the same offset again, and one below
	f.Add(int64(1<<40), []byte("\x0a\x0a\x0a\x0a\x0a\x00\x00\x0a\x0a\x0a\x0a\x0d\x0d\x00\x0a")) // the room is used again
	f.Fuzz(func(t *testing.T, next int64, steps []byte) {
		if next < 0 || next > 1<<60 || len(steps) > 1000 {
			t.Skip()
		}
		newWindowRun(t, next).play(steps)
	})
}

func TestWindowIsTheNaiveOneOnRandomSchedules(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 0))
		steps := make([]byte, 300)
		for i := range steps {
			steps[i] = byte(random.Uint32())
			if seed%2 == 0 && i < len(steps)/2 && steps[i]&3 == 0 {
				steps[i]++ // the head is stuck more often than not, so the window grows
			}
		}
		newWindowRun(t, int64(seed)).play(steps)
	}
}

// What is in the documentation of Window.
func TestWindowGoesByTheOffsetsThatAreThere(t *testing.T) {
	w := NewWindow(3)
	tickets := make(map[int64]Ticket)
	for _, offset := range []int64{3, 7, 8, 12} {
		tickets[offset], _ = w.Add(offset, 1)
	}
	for _, step := range []struct{ finish, next int64 }{{7, 3}, {8, 3}, {3, 12}, {12, 13}} {
		w.Finish(tickets[step.finish])
		if w.Next() != step.next {
			t.Errorf("after %d is finished Next is %d, want %d", step.finish, w.Next(), step.next)
		}
	}
}

// A log that was compacted up to offset 50 has nothing to wait for below it.
func TestWindowSkipsAGapBeforeTheFirstMessage(t *testing.T) {
	w := NewWindow(10)
	w.Add(50, 1)
	if w.Next() != 50 {
		t.Errorf("Next is %d, want 50", w.Next())
	}
}

func TestWindowBehindAStuckHead(t *testing.T) {
	const behind = 100_000
	w := NewWindow(0)
	head, _ := w.Add(0, 10)
	for offset := int64(1); offset <= behind; offset++ {
		ticket, _ := w.Add(2*offset, 10)
		if messages, bytes := w.Finish(ticket); messages != 0 || bytes != 0 {
			t.Fatalf("offset %d freed %d messages while offset 0 is unfinished", 2*offset, messages)
		}
	}
	if w.Next() != 0 || w.Len() != behind+1 || w.Bytes() != 10*(behind+1) || len(w.FinishedAbove()) != behind {
		t.Fatalf("Next %d, Len %d, Bytes %d", w.Next(), w.Len(), w.Bytes())
	}
	if messages, bytes := w.Finish(head); messages != behind+1 || bytes != 10*(behind+1) {
		t.Errorf("the head freed %d messages and %d bytes, want all", messages, bytes)
	}
	if w.Next() != 2*behind+1 || w.Len() != 0 || w.Bytes() != 0 {
		t.Errorf("Next %d, Len %d, Bytes %d when all are finished", w.Next(), w.Len(), w.Bytes())
	}
}

// A window of steady size takes no memory for what passes through it.
func TestWindowUsesItsRoomAgain(t *testing.T) {
	w := NewWindow(0)
	var tickets []Ticket
	offset := int64(0)
	pass := func(finish bool) {
		ticket, _ := w.Add(offset, 1)
		tickets = append(tickets, ticket)
		offset++
		if finish {
			w.Finish(tickets[0])
			tickets = append(tickets[:0], tickets[1:]...)
		}
	}
	for range 100 {
		pass(false)
	}
	for range 1000 {
		pass(true)
	}
	if allocs := testing.AllocsPerRun(10_000, func() { pass(true) }); allocs != 0 {
		t.Errorf("%v allocations for each message", allocs)
	}
	if room := cap(w.entries); room > 1000 {
		t.Errorf("room for %d entries, with 100 in flight", room)
	}
}
