package producerpolicy

import (
	"time"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// ruleCase is facts, and what one rule finds in them; nothing where want is nil.
type ruleCase struct {
	reason string
	facts  Facts
	want   []string
}

var (
	sarama = clients(v1alpha1.ClientSarama)
	java   = clients(v1alpha1.ClientJava)
	rdk    = clients(v1alpha1.ClientLibrdkafka)
)

func retryBudget(d time.Duration) func(*Facts) {
	return settings(func(s *v1alpha1.ProducerSettings) { s.RetryBudget = of(d) })
}

func delivery(d time.Duration) func(*Facts) {
	return settings(func(s *v1alpha1.ProducerSettings) { s.DeliveryTimeout = of(d) })
}

func linger(d time.Duration) func(*Facts) {
	return settings(func(s *v1alpha1.ProducerSettings) { s.Batch.Linger = of(d) })
}

func inFlightOf(n int32) func(*Facts) {
	return settings(func(s *v1alpha1.ProducerSettings) { s.MaxInFlight = n })
}

func responseTimeout(d time.Duration) func(*Facts) {
	return settings(func(s *v1alpha1.ProducerSettings) { s.ResponseTimeout = of(d) })
}

func requestTimeout(d time.Duration) func(*Facts) {
	return settings(func(s *v1alpha1.ProducerSettings) { s.RequestTimeout = of(d) })
}

func transactionOf(timeout time.Duration) func(*Facts) {
	return settings(func(s *v1alpha1.ProducerSettings) {
		s.Transaction = &v1alpha1.ProducerTransaction{ID: "a-" + PodName, Timeout: of(timeout)}
	})
}

func size(n int32) func(*Facts) {
	return settings(func(s *v1alpha1.ProducerSettings) { s.MaxMessageBytes = n })
}

// settingsCases are of the rules that look at settings alone.
var settingsCases = map[string][]ruleCase{
	"acks-none": {
		{"the default", good(), nil},
		{"for one that must not lose", good(acks(v1alpha1.AcksNone)), []string{"Error acks=none"}},
		{"what may be lost is still not told", good(class(v1alpha1.BestEffort), acks(v1alpha1.AcksNone)), []string{"Warning acks=none"}},
	},
	"acks-leader": {
		{"the default", good(), nil},
		{"for one that must not lose", good(class(v1alpha1.AtLeastOnce), acks(v1alpha1.AcksLeader)), []string{"Error acks=leader"}},
		{"what the class says", good(class(v1alpha1.BestEffort)), nil},
	},
	"idempotence-needs-acks": {
		{"the default", good(), nil},
		{"idempotence follows acks where it is not set", good(acks(v1alpha1.AcksLeader)), nil},
		{"both are set", good(acks(v1alpha1.AcksNone), idempotence(true)), []string{
			"Error java idempotence=true acks=none", "Error librdkafka idempotence=true acks=none", "Error sarama idempotence=true acks=none"}},
		{"the class has acks: leader", good(sarama, class(v1alpha1.BestEffort), idempotence(true)), []string{"Error sarama idempotence=true acks=leader"}},
	},
	"idempotence-in-flight": {
		{"the default fits each client", good(), nil},
		{"one suffices for all", good(inFlightOf(1)), nil},
		{"no bound without idempotence", good(inFlightOf(100), idempotence(false)), nil},
		{"sarama has one", good(inFlightOf(5)), []string{"Error sarama idempotence=true maxInFlight=5"}},
		{"the brokers remember five", good(inFlightOf(6)), []string{
			"Error java idempotence=true maxInFlight=6", "Error librdkafka idempotence=true maxInFlight=6", "Error sarama idempotence=true maxInFlight=6"}},
	},
	"retries-double": {
		{"the default", good(), nil},
		{"without idempotence", good(idempotence(false)), []string{"Error idempotence=false retryBudget=2m0s"}},
		{"acks: leader leaves idempotence too", good(acks(v1alpha1.AcksLeader)), []string{"Error idempotence=false retryBudget=2m0s"}},
		{"the class allows it", good(class(v1alpha1.AtLeastOnce)), nil},
	},
	"retries-reorder": {
		{"the default", good(), nil},
		{"one after another", good(idempotence(false), inFlightOf(1)), nil},
		{"sarama has one batch of a partition on its way", good(sarama, idempotence(false)), nil},
		{"the others have five", good(idempotence(false)), []string{
			"Error java idempotence=false maxInFlight=5", "Error librdkafka idempotence=false maxInFlight=5"}},
		{"the class allows it", good(class(v1alpha1.AtLeastOnce)), nil},
	},
	"retry-budget-short": {
		{"the default", good(), nil},
		{"just enough", good(retryBudget(30 * time.Second)), nil},
		{"less than an election", good(sarama, retryBudget(29*time.Second)), []string{"Error sarama retryBudget=29s deliveryTimeout=44s"}},
		{"java and librdkafka are bounded by delivery", good(delivery(20 * time.Second)), []string{
			"Error java retryBudget=2m0s deliveryTimeout=20s", "Error librdkafka retryBudget=2m0s deliveryTimeout=20s"}},
		{"the linger is part of that", good(java, delivery(31*time.Second), linger(2*time.Second)), []string{"Error java retryBudget=2m0s deliveryTimeout=31s"}},
		{"a transaction's default timeout is enough", good(txn), nil},
		{"librdkafka is bounded by the transaction", good(transactionOf(29 * time.Second)), []string{
			"Error librdkafka retryBudget=2m0s deliveryTimeout=2m15s transaction.timeout=29s"}},
		{"just enough for librdkafka", good(rdk, transactionOf(31*time.Second), linger(time.Second)), nil},
		{"the transaction is longer than delivery", good(rdk, transactionOf(time.Minute), delivery(20*time.Second)), []string{
			"Error librdkafka retryBudget=2m0s deliveryTimeout=20s"}},
		{"the class allows it", good(class(v1alpha1.BestEffort)), nil},
	},
	"delivery-cuts-retries": {
		{"the default", good(), nil},
		{"the budget fits", good(delivery(2 * time.Minute)), nil},
		{"sarama has no such bound", good(sarama, delivery(time.Minute)), nil},
		{"half of it", good(delivery(time.Minute)), []string{
			"Warning java deliveryTimeout=1m0s retryBudget=2m0s batch.linger=0s", "Warning librdkafka deliveryTimeout=1m0s retryBudget=2m0s batch.linger=0s"}},
		{"a transaction cuts librdkafka's", good(txn), []string{
			"Info librdkafka deliveryTimeout=2m15s retryBudget=2m0s batch.linger=0s transaction.timeout=1m0s"}},
		{"the budget fits into the transaction", good(rdk, transactionOf(2*time.Minute)), nil},
		{"both cut", good(rdk, transactionOf(5*time.Second), delivery(time.Minute)), []string{
			"Warning librdkafka deliveryTimeout=1m0s retryBudget=2m0s batch.linger=0s transaction.timeout=5s"}},
	},
	"failure-overtaken": {
		{"the default stops, where a client can", good(), []string{"Info java stopOnError=true", "Info librdkafka stopOnError=true"}},
		{"the default of sarama", good(sarama), nil},
		{"a transaction fails as a whole", good(transaction("a-" + PodName)), nil},
		{"order was given up", good(partitioner(v1alpha1.PartitionRandom)), nil},
		{"the class allows it", good(class(v1alpha1.AtLeastOnce)), nil},
		{"it goes on", good(stopOnError(false)), []string{"Info java stopOnError=false", "Warning librdkafka stopOnError=false", "Warning sarama stopOnError=false"}},
	},
	"answer-after-patience": {
		{"the default", good(), nil},
		{"a repeat is recognized", good(responseTimeout(10 * time.Second)), []string{"Warning librdkafka requestTimeout=10s responseTimeout=10s"}},
		{"a repeat is a duplicate", good(rdk, idempotence(false), responseTimeout(9*time.Second)), []string{
			"Error librdkafka requestTimeout=10s responseTimeout=9s"}},
		{"nobody answers", good(acks(v1alpha1.AcksNone), responseTimeout(9*time.Second)), nil},
		{"java has one time for both", good(java, responseTimeout(9*time.Second)), nil},
		{"the worker runtime has its own", good(sarama, idempotence(false), responseTimeout(9*time.Second)), nil},
		{"within one millisecond", good(rdk, responseTimeout(10*time.Second+2*time.Microsecond), requestTimeout(10*time.Second+time.Microsecond)), []string{
			"Warning librdkafka requestTimeout=10.000001s responseTimeout=10.000002s"}},
		{"a transaction's default timeout is enough", good(txn), nil},
		{"cut to the transaction", good(rdk, transactionOf(5*time.Second)), []string{
			"Warning librdkafka requestTimeout=10s responseTimeout=15s transaction.timeout=5s"}},
		{"cut, and 100 ms are left", good(rdk, transactionOf(10*time.Second)), nil},
	},
	"delivery-shorter-than-a-try": {
		{"the default", good(), nil},
		{"just enough for java", good(delivery(15 * time.Second)), nil},
		{"java wants to wait for an answer", good(delivery(14999 * time.Millisecond)), []string{
			"Error java deliveryTimeout=14.999s batch.linger=0s responseTimeout=15s"}},
		{"librdkafka wants to have sent it", good(rdk, delivery(time.Second), linger(time.Second)), []string{
			"Error librdkafka deliveryTimeout=1s batch.linger=1s responseTimeout=15s"}},
		{"which is cut to the transaction", good(rdk, transaction("a-"+PodName), linger(time.Minute)), []string{
			"Error librdkafka deliveryTimeout=3m15s batch.linger=1m0s responseTimeout=15s"}},
		{"java rounds up", good(java, delivery(12*time.Millisecond), linger(1500*time.Microsecond), responseTimeout(10500*time.Microsecond)), []string{
			"Error java deliveryTimeout=12ms batch.linger=1.5ms responseTimeout=10.5ms"}},
		{"just enough for librdkafka", good(rdk, delivery(1001*time.Millisecond), linger(time.Second)), nil},
	},
	"batch-without-linger": {
		{"the default", good(), nil},
		{"with a linger", good(linger(time.Millisecond), settings(func(s *v1alpha1.ProducerSettings) { s.Batch.Messages = 10 })), nil},
		{"the others send what is there", good(java, settings(func(s *v1alpha1.ProducerSettings) { s.Batch.Messages = 10 })), nil},
		{"messages", good(settings(func(s *v1alpha1.ProducerSettings) { s.Batch.Messages = 10 })), []string{"Error sarama batch.messages=10 batch.bytes=0 batch.linger=0s"}},
		{"bytes", good(settings(func(s *v1alpha1.ProducerSettings) { s.Batch.Bytes = 10 })), []string{"Error sarama batch.messages=0 batch.bytes=10 batch.linger=0s"}},
	},
	"message-above-request": {
		{"the default", good(), nil},
		{"the largest", good(size(100<<20 - 1)), nil},
		{"one more", good(size(100 << 20)), []string{"Error sarama maxMessageBytes=104857600"}},
		{"the others take it", good(java, size(100<<20)), nil},
	},
	"compression-level-range": {
		{"no level", good(compressed(v1alpha1.CompressionLZ4, 0)), nil},
		{"gzip", good(compressed(v1alpha1.CompressionGzip, 9)), nil},
		{"gzip has nine", good(compressed(v1alpha1.CompressionGzip, 10)), []string{
			"Error java compression=gzip compressionLevel=10", "Error librdkafka compression=gzip compressionLevel=10", "Error sarama compression=gzip compressionLevel=10"}},
		{"zstd of all clients", good(compressed(v1alpha1.CompressionZstd, 12)), nil},
		{"zstd", good(compressed(v1alpha1.CompressionZstd, 13)), []string{"Error librdkafka compression=zstd compressionLevel=13"}},
		{"lz4", good(compressed(v1alpha1.CompressionLZ4, 12)), nil},
		{"lz4 of java", good(compressed(v1alpha1.CompressionLZ4, 17)), []string{"Error librdkafka compression=lz4 compressionLevel=17"}},
		{"lz4 of nobody", good(java, compressed(v1alpha1.CompressionLZ4, 18)), []string{"Error java compression=lz4 compressionLevel=18"}},
	},
	"transaction-needs-idempotence": {
		{"no transaction", good(idempotence(false)), nil},
		{"the default", good(transaction("a-" + PodName)), nil},
		{"without", good(transaction("a-"+PodName), idempotence(false)), []string{
			"Error java transaction.id=a-$(POD_NAME) idempotence=false acks=all", "Error librdkafka transaction.id=a-$(POD_NAME) idempotence=false acks=all",
			"Error sarama transaction.id=a-$(POD_NAME) idempotence=false acks=all"}},
		{"the class has none", good(java, class(v1alpha1.AtLeastOnce), transaction("a-"+PodName)), []string{
			"Error java transaction.id=a-$(POD_NAME) idempotence=false acks=all"}},
	},
	"transactional-id-shared": {
		{"no transaction", good(), nil},
		{"one for each pod", good(transaction("a-" + PodName + "-b")), nil},
		{"one for all", good(transaction("a")), []string{"Error transaction.id=a"}},
	},
	"hash-not-offered": {
		{"the default", good(), nil},
		{"the program's own", good(partitioner(v1alpha1.PartitionManual)), nil},
		{"sarama's default", good(partitioner(v1alpha1.PartitionFNV1a)), []string{"Error java partitioner=fnv1a"}},
		{"librdkafka's default", good(class(v1alpha1.AtLeastOnce), partitioner(v1alpha1.PartitionCRC32)), []string{"Warning java partitioner=crc32"}},
		{"no order is lost", good(partitioner(v1alpha1.PartitionRoundRobin)), []string{"Warning librdkafka partitioner=roundRobin"}},
		{"sarama has all", good(sarama, partitioner(v1alpha1.PartitionRoundRobin)), nil},
	},
	"keys-spread": {
		{"the default", good(), nil},
		{"no order", good(partitioner(v1alpha1.PartitionRandom)), []string{"Warning partitioner=random"}},
		{"the class allows it", good(class(v1alpha1.AtLeastOnce), partitioner(v1alpha1.PartitionRandom)), nil},
	},
	"stop-without-order": {
		{"the default", good(), nil},
		{"the default follows", good(partitioner(v1alpha1.PartitionRandom)), nil},
		{"no order", good(partitioner(v1alpha1.PartitionRandom), stopOnError(true)), []string{"Error sarama acks=all partitioner=random"}},
		{"no failure is known", good(acks(v1alpha1.AcksNone), stopOnError(true)), []string{"Error sarama acks=none partitioner=murmur2"}},
		{"of the runtime only", good(java, acks(v1alpha1.AcksNone), stopOnError(true)), nil},
	},
	"setting-not-honoured": {
		{"what durability sets has rules of its own", good(), nil},
		{"sarama", good(sarama, delivery(3*time.Minute), responseTimeout(time.Minute), transaction("a-"+PodName)), []string{
			"Warning sarama deliveryTimeout=3m0s", "Warning sarama responseTimeout=1m0s", "Warning sarama transaction=a-$(POD_NAME)"}},
		{"sarama without idempotence", good(sarama, idempotence(false), inFlightOf(1)), []string{"Warning sarama maxInFlight=1"}},
		{"what it has", good(sarama, responseTimeout(15*time.Second), inFlightOf(1)), nil},
		{"sarama's levels", good(sarama, compressed(v1alpha1.CompressionLZ4, 1)), []string{"Warning sarama compressionLevel=1"}},
		{"nobody's levels", good(java, compressed(v1alpha1.CompressionNone, 1)), []string{"Warning java compressionLevel=1"}},
		{"java", good(java, stopOnError(true), settings(func(s *v1alpha1.ProducerSettings) { s.RequestTimeout, s.Batch.Messages = of(time.Second), 5 })), []string{
			"Warning java batch.messages=5", "Warning java requestTimeout=1s", "Warning java stopOnError=true"}},
		{"librdkafka", good(rdk, idempotence(false), stopOnError(true)), []string{"Warning librdkafka stopOnError=true"}},
		{"librdkafka in transactions", good(rdk, transaction("a-"+PodName), delivery(2*time.Minute), responseTimeout(2*time.Minute)), []string{
			"Warning librdkafka deliveryTimeout=2m0s", "Warning librdkafka responseTimeout=2m0s", "Warning librdkafka transaction=a-$(POD_NAME)"}},
	},
	"value-out-of-range": {
		{"the default", good(), nil},
		{"the largest", good(responseTimeout(5 * time.Minute)), nil},
		{"a socket", good(responseTimeout(5*time.Minute + time.Millisecond)), []string{"Error librdkafka socket.timeout.ms=300001"}},
		{"java takes it", good(java, responseTimeout(time.Hour)), nil},
		{"a linger", good(linger(16 * time.Minute)), []string{"Error librdkafka linger.ms=960000"}},
	},
}
