package flow

// Window is what is in flight of one partition: messages that were taken and
// are not finished, and finished ones behind them, which can't be committed yet.
//
// It goes by the offsets that are really there. Compaction and transaction
// markers leave gaps: of a log with the offsets 3, 7 and 8 the window is
// finished up to 9 when three messages are, whatever lay between.
//
//	added    3  7  8  12
//	finished    x  x          Next 3: nothing can be committed
//	finished x  x  x          Next 12: the lowest that is unfinished
//	finished x  x  x  x       Next 13: one past the last
type Window struct {
	next    int64
	highest int64
	bytes   int64
	// entries[head:] is what is in flight, in the order of offsets; dropped is
	// how many came before entries[0].
	entries []entry
	head    int
	dropped Ticket
}

type entry struct {
	offset int64
	size   int32
	done   bool
}

// Ticket names a message of a Window.
type Ticket uint64

// NewWindow is empty and would have next committed: the offset of the first
// message to come, or any before it.
func NewWindow(next int64) Window { return Window{next: next, highest: next - 1} }

// Add takes a message in and returns its ticket. Offsets ascend: false means
// that this one is not above the last, and was not taken.
func (w *Window) Add(offset int64, size int) (Ticket, bool) {
	if offset <= w.highest {
		return 0, false
	}
	w.highest = offset
	if w.Len() == 0 {
		// Everything before is finished, and what lies between was never there.
		w.next = offset
	}
	w.compact()
	w.entries = append(w.entries, entry{offset: offset, size: int32(size)})
	w.bytes += int64(size)
	return w.dropped + Ticket(len(w.entries)) - 1, true
}

// Finish notes that a message is done, and returns how many messages and bytes
// are no longer in flight by that: none while one before it is unfinished.
func (w *Window) Finish(ticket Ticket) (messages int, bytes int64) {
	at := int(ticket - w.dropped)
	w.entries[at].done = true
	if at != w.head {
		return 0, 0
	}
	for w.head < len(w.entries) && w.entries[w.head].done {
		messages++
		bytes += int64(w.entries[w.head].size)
		w.head++
	}
	w.bytes -= bytes
	w.next = w.highest + 1
	if w.head < len(w.entries) {
		w.next = w.entries[w.head].offset
	}
	return messages, bytes
}

// compact gives the room of what has left the window back to what comes. It
// moves an entry at most once for each that left.
func (w *Window) compact() {
	empty, full := w.head == len(w.entries), len(w.entries) == cap(w.entries)
	if w.head == 0 || !empty && (!full || w.head < len(w.entries)/2) {
		return
	}
	rest := copy(w.entries, w.entries[w.head:])
	w.dropped += Ticket(w.head)
	w.entries, w.head = w.entries[:rest], 0
}

// Next is the offset to commit: the lowest that is unfinished, or one past the
// last message when all are finished.
func (w *Window) Next() int64 { return w.next }

// Len is how many messages are in flight, those that are finished behind an
// unfinished one included.
func (w *Window) Len() int { return len(w.entries) - w.head }

// Bytes is their size.
func (w *Window) Bytes() int64 { return w.bytes }

// Head is the ticket of the lowest message in flight, or the one that the next
// message will have: what has a lower one is finished and covered by Next.
func (w *Window) Head() Ticket { return w.dropped + Ticket(w.head) }

// FinishedAbove are the offsets that are finished and not covered by Next.
func (w *Window) FinishedAbove() []int64 {
	var offsets []int64
	for _, e := range w.entries[w.head:] {
		if e.done {
			offsets = append(offsets, e.offset)
		}
	}
	return offsets
}
