package producerpolicy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// File is the settings as a client reads them.
type File struct {
	Client v1alpha1.ProducerClient
	// Name is what the file is called, Content what is in it.
	Name, Content string
	// Hash is that of the settings in it, without the header: the same settings
	// of two policies have one hash. It is in the header, for whoever reports it.
	Hash string
}

// Render makes the files of a policy, namespace/name: one for each client, in
// the order of their names.
func Render(policy string, spec v1alpha1.KafkaProducerPolicySpec) []File {
	settings := Resolve(spec)
	clients := clientsOf(spec)
	files := make([]File, 0, len(clients))
	for _, client := range clients {
		files = append(files, fileOf(policy, client, settings))
	}
	return files
}

// RenderInForce makes the files of what a policy has in force. They have the
// hashes that were kept with it, unless another version of Lagrange says the
// same settings in other words.
func RenderInForce(policy string, inForce v1alpha1.ProducerInForce) []File {
	spec := v1alpha1.KafkaProducerPolicySpec{Durability: inForce.Settings.Durability, ProducerSettings: inForce.Settings.ProducerSettings}
	for _, file := range inForce.Files {
		spec.Clients = append(spec.Clients, file.Client)
	}
	return Render(policy, spec)
}

func fileOf(policy string, client v1alpha1.ProducerClient, s Settings) File {
	switch client {
	case v1alpha1.ClientJava:
		return properties(File{Client: client, Name: workerconfig.JavaFileName}, policy, s)
	case v1alpha1.ClientLibrdkafka:
		return properties(File{Client: client, Name: workerconfig.LibrdkafkaFileName}, policy, s)
	default:
		return workerFile(File{Client: client, Name: workerconfig.ProducerFileName}, policy, s)
	}
}

// properties are lines of name=value, which java.util.Properties and librdkafka's
// tools read. No value has a backslash or a line break, which Properties would
// read as something else: the API takes none.
func properties(file File, policy string, s Settings) File {
	var body strings.Builder
	for _, option := range Translate(file.Client, s).Options {
		fmt.Fprintf(&body, "%s=%s\n", option.Name, option.Value)
	}
	file.Hash = hashOf([]byte(body.String()))
	file.Content = fmt.Sprintf("# Lagrange: KafkaProducerPolicy %s, durability %s\n# hash %s\n%s", policy, s.Durability, file.Hash, body.String())
	return file
}

func workerFile(file File, policy string, s Settings) File {
	settings := workerconfig.ProducerSettings{Producer: WorkerProducer(s), Sarama: make(map[string]string)}
	for _, option := range Translate(file.Client, s).Options {
		settings.Sarama[option.Name] = option.Value
	}
	file.Hash = settings.Hash()
	file.Content = string(marshal(workerconfig.ProducerFile{Policy: policy, Hash: file.Hash, Settings: settings})) + "\n"
	return file
}

// WorkerProducer is what the worker runtime is told, in its file's words. All of
// it is said, its defaults too.
func WorkerProducer(s Settings) workerconfig.Producer {
	return workerconfig.Producer{
		Acks:             string(s.Acks),
		Idempotence:      s.Idempotence,
		RetryBudget:      workerconfig.Duration(s.RetryBudget.Duration),
		RequestTimeout:   workerconfig.Duration(s.RequestTimeout.Duration),
		StopOnError:      stops(s),
		Partitioner:      string(s.Partitioner),
		Compression:      string(s.Compression),
		CompressionLevel: int(levelOf(v1alpha1.ClientSarama, s)),
		Batch: workerconfig.ProducerBatch{
			Linger: workerconfig.Duration(s.Batch.Linger.Duration), Messages: int(s.Batch.Messages), Bytes: int(s.Batch.Bytes),
		},
		MaxMessageBytes: int(s.MaxMessageBytes),
	}
}

func marshal(of any) []byte {
	content, err := json.MarshalIndent(of, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("producerpolicy: settings that can't be written as JSON: %v", err)) // no type of the API is one
	}
	return content
}

// hashLength is as much of a sha256 as is needed: ConfigMaps are named by it.
const hashLength = 16

func hashOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])[:hashLength]
}
