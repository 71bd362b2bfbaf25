package controllers

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/internal/producerpolicy"
)

// producerFileSet are the files of a policy beside worker.json, in the order of
// their names; none for a group without a policy.
type producerFileSet []producerpolicy.File

func sortedFiles(files []producerpolicy.File) producerFileSet {
	slices.SortFunc(files, func(a, b producerpolicy.File) int { return cmp.Compare(a.Name, b.Name) })
	return files
}

func (s producerFileSet) has(name string) bool {
	return slices.ContainsFunc(s, func(f producerpolicy.File) bool { return f.Name == name })
}

// data is what a ConfigMap has of them.
func (s producerFileSet) data() map[string]string {
	data := make(map[string]string, len(s))
	for _, file := range s {
		data[file.Name] = file.Content
	}
	return data
}

// told is what a status says of them.
func (s producerFileSet) told() []v1alpha1.ProducerFile {
	files := make([]v1alpha1.ProducerFile, 0, len(s))
	for _, file := range s {
		files = append(files, v1alpha1.ProducerFile{Client: file.Client, Name: file.Name, Hash: file.Hash})
	}
	return files
}

// appendTo is what a ConfigMap is named by: without files it is the content alone.
func (s producerFileSet) appendTo(content []byte) []byte {
	all := bytes.NewBuffer(slices.Clone(content))
	for _, file := range s {
		all.WriteString("\x00" + file.Name + "\x00" + file.Content)
	}
	return all.Bytes()
}

// sameHashes: the same clients read the same settings in both.
func (s producerFileSet) sameHashes(other producerFileSet) bool {
	return slices.EqualFunc(s, other, func(a, b producerpolicy.File) bool { return a.Name == b.Name && a.Hash == b.Hash })
}

// headerStart begins the first line of a file, which names the policy and, for
// clients other than the Go runtime, its durability.
const headerStart = "# Lagrange: KafkaProducerPolicy "

// withHeadersOf has the first lines of files that have the same names. What follows
// is not theirs: somebody may have edited it.
func (s producerFileSet) withHeadersOf(others producerFileSet) producerFileSet {
	for i, other := range others {
		header, _, _ := strings.Cut(other.Content, "\n")
		_, rest, _ := strings.Cut(s[i].Content, "\n")
		if strings.HasPrefix(header, headerStart) {
			s[i].Content = header + "\n" + rest
		}
	}
	return s
}

// policy is the one that the headers name, as namespace/name; "" for none.
func (s producerFileSet) policy() string {
	if len(s) == 0 {
		return ""
	}
	policy, _ := headerOf(s[0].Name, s[0].Content)
	return policy
}

// policyName is the same without the namespace, which is the group's.
func (s producerFileSet) policyName() string {
	_, name, _ := strings.Cut(s.policy(), "/")
	return name
}

// clientOfFile is who reads a file.
var clientOfFile = map[string]v1alpha1.ProducerClient{
	workerconfig.ProducerFileName:   v1alpha1.ClientSarama,
	workerconfig.JavaFileName:       v1alpha1.ClientJava,
	workerconfig.LibrdkafkaFileName: v1alpha1.ClientLibrdkafka,
}

// readProducerFiles finds the files in what a ConfigMap has.
func readProducerFiles(data map[string]string) producerFileSet {
	var files []producerpolicy.File
	for name, client := range clientOfFile {
		content, has := data[name]
		if !has {
			continue
		}
		_, hash := headerOf(name, content)
		files = append(files, producerpolicy.File{Client: client, Name: name, Content: content, Hash: hash})
	}
	return sortedFiles(files)
}

// headerOf reads which policy a file is of, and the hash of its settings, as
// package producerpolicy writes them.
func headerOf(name, content string) (policy, hash string) {
	if name == workerconfig.ProducerFileName {
		var file workerconfig.ProducerFile
		if err := json.Unmarshal([]byte(content), &file); err != nil {
			return "", "" // nobody's: no hash is like this
		}
		return file.Policy, file.Hash
	}
	for line := range strings.Lines(content) {
		line = strings.TrimSuffix(line, "\n")
		if text, is := strings.CutPrefix(line, headerStart); is {
			policy, _, _ = strings.Cut(text, ", ")
		}
		if text, is := strings.CutPrefix(line, "# hash "); is {
			hash = text
		}
	}
	return policy, hash
}
