package lag

// Round keeps two significant digits: 5,249 becomes 5,200, 87 stays. Status
// shows rounded numbers, so that it isn't written anew for every message.
func Round(n int64) int64 {
	unit := int64(1)
	for n/unit >= 100 {
		unit *= 10
	}
	return (n + unit/2) / unit * unit
}
