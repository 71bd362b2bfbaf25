package workerconfig

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
)

// How a KafkaProducerPolicy reaches a program, and how the program says that it did.
const (
	// EnvProducerConfig is the path of a ProducerFile; set where a policy has
	// the client sarama.
	EnvProducerConfig = "LAGRANGE_PRODUCER_CONFIG"
	// ProducerFileName, JavaFileName and LibrdkafkaFileName are the files of the
	// clients: in MountPath for the workers of a KafkaConsumerGroup, in
	// ProducerMountPath for the Deployments and StatefulSets of a policy.
	ProducerFileName   = "producer.json"
	JavaFileName       = "producer.properties"
	LibrdkafkaFileName = "librdkafka.conf"
	// ProducerMountPath is the folder of the files in a workload that asked for them.
	ProducerMountPath = "/etc/lagrange-producer"
	// ReportPath is where a process answers with a ProducerReport, on the port of
	// its probes.
	ReportPath = "/producer"
	// HashNotInForce is what a ProducerReport has in the place of a hash where the
	// file was read and the producers run other settings. A hash is 16
	// hexadecimal digits, so that this is none.
	HashNotInForce = "notInForce"
)

// ProducerFile is the content of producer.json.
type ProducerFile struct {
	// Policy is namespace/name, Hash that of Settings: what a worker reports as in force.
	Policy   string           `json:"policy"`
	Hash     string           `json:"hash"`
	Settings ProducerSettings `json:"settings"`
	// Differs is how Settings are not what Hash stands for, as LoadProducer found:
	// the file has a field that this version does not know, or was edited. It is
	// empty where they are.
	Differs string `json:"-"`
}

// ProducerSettings are the same twice: for the worker runtime, and for a program
// that fills a sarama.Config itself.
type ProducerSettings struct {
	Producer Producer          `json:"producer"`
	Sarama   map[string]string `json:"sarama"`
}

// hashLength is as many hexadecimal digits of a sha256 as a Hash has.
const hashLength = 16

// Hash is that of a ProducerFile with these settings: of their JSON, indented by two
// spaces. The order of the fields counts, and a field that is absent does not.
func (s ProducerSettings) Hash() string {
	content, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("workerconfig: producer settings that can't be written as JSON: %v", err)) // no field is of such a type
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])[:hashLength]
}

// ProducerReport is what a process says of its producers.
type ProducerReport struct {
	// Policy and Hash are those of the ProducerFile that its producers were made
	// of; both are empty for one that read none. Hash is HashNotInForce where they
	// were made of other settings.
	Policy string `json:"policy"`
	Hash   string `json:"hash"`
}

// LoadProducer reads and parses the ProducerFile at path. One that names no
// policy or no hash is something else, and an error.
func LoadProducer(path string) (ProducerFile, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return ProducerFile{}, fmt.Errorf("read producer configuration: %w", err)
	}
	var file ProducerFile
	if err := json.Unmarshal(raw, &file); err != nil {
		return ProducerFile{}, fmt.Errorf("parse producer configuration %q: %w", path, err)
	}
	if file.Policy == "" || file.Hash == "" {
		return ProducerFile{}, fmt.Errorf("parse producer configuration %q: it names no policy and hash, so it is not one", path)
	}
	file.Differs = file.differs(raw)
	return file, nil
}

// differs names the first field that a newer version wrote, or tells that the
// settings are not those that were hashed; "" for neither.
func (f ProducerFile) differs(raw []byte) string {
	strict := json.NewDecoder(bytes.NewReader(raw))
	strict.DisallowUnknownFields()
	if err := strict.Decode(new(ProducerFile)); err != nil {
		return err.Error()
	}
	if hash := f.Settings.Hash(); hash != f.Hash {
		return fmt.Sprintf("the settings have the hash %s, and the file says %s: it was edited", hash, f.Hash)
	}
	return ""
}
