package resetplan

import "github.com/lagrange-operator/lagrange/api/v1alpha1"

// CommitLimit is how many bytes of records one request may cause: the default of
// max.message.bytes, 1,048,588 (Kafka's LogConfig), for the batch that the
// group's coordinator appends, less the batch's header of 61 bytes and a margin
// of 16,323. Measured on Kafka 4.2: 7,281 partitions at 144 bytes are taken,
// 7,282 are not. Where __consumer_offsets has a lower limit, or the broker
// stores more with each offset, the answer is kafka.ErrTooLarge, nothing is
// written, and a smaller limit is to be tried.
const CommitLimit = 1_048_588 - 61 - 16_323

// recordOverhead is what a committed offset takes beside group, topic and
// metadata: key 10 (version, two lengths, partition), value 24 (version,
// offset, epoch, length, timestamp), and 10 to 12 for the record around them, by
// how many bytes its lengths and its place in the batch take. The deletion of
// one has no value and takes less.
const recordOverhead = 46

func recordSize(groupID string, w v1alpha1.SavedOffset) int {
	return recordOverhead + len(groupID) + len(w.Topic) + len(MetadataOf(w))
}

// Split divides the writes into requests, each of them below limit in bytes of
// the records that it causes, and none both commits and deletions: these are two
// calls of Kafka, first the commits, then the deletions, both in the order of
// writes. A record that is larger than limit goes alone. The same writes are
// always divided the same.
func Split(groupID string, writes []v1alpha1.SavedOffset, limit int) [][]v1alpha1.SavedOffset {
	var commits, deletions []v1alpha1.SavedOffset
	for _, w := range writes {
		if w.Offset != nil {
			commits = append(commits, w)
		} else {
			deletions = append(deletions, w)
		}
	}
	return append(chunks(groupID, commits, limit), chunks(groupID, deletions, limit)...)
}

func chunks(groupID string, writes []v1alpha1.SavedOffset, limit int) [][]v1alpha1.SavedOffset {
	var requests [][]v1alpha1.SavedOffset
	begin, size := 0, 0
	for i, w := range writes {
		record := recordSize(groupID, w)
		if i > begin && size+record > limit {
			requests = append(requests, writes[begin:i])
			begin, size = i, 0
		}
		size += record
	}
	if begin < len(writes) {
		requests = append(requests, writes[begin:])
	}
	return requests
}
