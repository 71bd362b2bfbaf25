package worker_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// messages are what a step produces, and what each has the handler do. A key
// has one partition, as with every producer of the world until a topic grows.
func (x *trial) messages(s step) (records []*kgo.Record) {
	random := rand.New(rand.NewPCG(x.seed, uint64(s.which)))
	for range s.count {
		topic := x.topics[random.IntN(len(x.topics))]
		number := random.Int32N(x.present[topic])
		value, err := json.Marshal(x.settings.content(random))
		must(x.t, "encode a message", err)
		r := &kgo.Record{Topic: topic, Partition: number, Value: value}
		if x.compacted || random.IntN(4) > 0 {
			r.Key = fmt.Appendf(nil, "key-%d-%d", number, random.IntN(x.keys))
		}
		records = append(records, r)
	}
	return records
}

// contentOf is what the handler of a message does.
func contentOf(value []byte) (what content) {
	if err := json.Unmarshal(value, &what); err != nil {
		panic(fmt.Sprintf("a value that nobody produced: %q", value))
	}
	return what
}

// content is mostly plain work. What no attempt handles is there only where the
// group has a way to go on; and what fails with an end is handled before it is
// buried.
func (s settings) content(random *rand.Rand) content {
	often := 3
	switch {
	case s.Attempts > 0 && s.Bury:
		often = s.Attempts - 1
	case s.Attempts > 0:
		often = 2 * s.Attempts // Run ends, and is begun again
	}
	switch chance := random.IntN(1000); {
	case chance < 30:
		return content{Do: slow, Times: 1, For: time.Duration(10+random.IntN(150)) * time.Millisecond}
	case chance < 34:
		return content{Do: stubborn, Times: 1, For: time.Duration(500+random.IntN(2500)) * time.Millisecond}
	case chance < 54:
		return content{Do: fails, Times: 1 + random.IntN(often)}
	case chance < 64:
		return content{Do: panics, Times: 1 + random.IntN(often)}
	case chance < 72 && s.Bury && s.Attempts > 0:
		return content{Do: fails}
	case chance < 78 && s.Bury:
		return content{Do: permanent}
	}
	return content{}
}
