package flow

// Amount is how much is in flight.
type Amount struct {
	Messages int64
	Bytes    int64
}

// Plus is the sum.
func (a Amount) Plus(b Amount) Amount {
	return Amount{Messages: a.Messages + b.Messages, Bytes: a.Bytes + b.Bytes}
}

// Minus is the difference.
func (a Amount) Minus(b Amount) Amount {
	return Amount{Messages: a.Messages - b.Messages, Bytes: a.Bytes - b.Bytes}
}

// Share is how much of the limit one partition may have in flight while all have
// used: half of what the others leave, which is Dynamic Threshold with a factor
// of 1 (Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory
// packet switches", 1998). A single partition gets half of the limit, two that
// fill up together a third each. Those that get stuck one after another leave
// half, a quarter, an eighth: after ten the next one may still have 5 of 10,000,
// and after that it is fetched once whenever it has nothing in flight.
//
// The others never leave more than all: own may be of a later moment than used.
//
// With a limit of 10,000, 4,000 in flight of the partition and 1,000 of others
// the share is (10,000 - 1,000) / 2 = 4,500.
func (a Amount) Share(used, own Amount) Amount {
	return Amount{
		Messages: max(0, a.Messages-max(0, used.Messages-own.Messages)) / 2,
		Bytes:    max(0, a.Bytes-max(0, used.Bytes-own.Bytes)) / 2,
	}
}

// Half is half of it.
func (a Amount) Half() Amount { return Amount{Messages: a.Messages / 2, Bytes: a.Bytes / 2} }

// Exceeds tells whether either is above.
func (a Amount) Exceeds(share Amount) bool {
	return a.Messages > share.Messages || a.Bytes > share.Bytes
}
