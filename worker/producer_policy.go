package worker

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// ProducerPolicy is the KafkaProducerPolicy whose file Load has read.
type ProducerPolicy struct {
	// Name is the policy's, as namespace/name.
	Name string
	// Hash is that of the file's settings, as the policy's status has it.
	Hash string
	// Settings are the file's. Load puts them into Config.Producer.
	Settings ProducerSettings
	// Differs is how the file's settings, as this version of the runtime knows them,
	// are not those that Hash stands for: it does not know one, or the file was edited.
	// It is empty where they are.
	Differs string
}

// inForce tells whether a producer with these settings is what the policy wants.
// How much the program holds at a time is its own to choose, unless the file says.
func (p ProducerPolicy) inForce(settings ProducerSettings) bool {
	wanted := p.Settings
	wanted.MaxInFlight = cmp.Or(wanted.MaxInFlight, settings.MaxInFlight)
	wanted.MaxInFlightBytes = cmp.Or(wanted.MaxInFlightBytes, settings.MaxInFlightBytes)
	return p.Differs == "" && wanted.withDefaults() == settings.withDefaults()
}

// produceBy takes over what a policy's file says, instead of all that the
// worker's own says of the producer.
func (c *Config) produceBy(file workerconfig.ProducerFile) {
	c.Producer = producerFromFile(&file.Settings.Producer)
	c.ProducerPolicy = ProducerPolicy{Name: file.Policy, Hash: file.Hash, Settings: c.Producer, Differs: file.Differs}
}

// overridden are the policies that a producer of this process was made against,
// also by a copy of the Config: the report is one for the whole process.
var overridden sync.Map // of ProducerPolicy

// ProducerReport is what this process says of its producers: the policy and hash
// of the file that Load has read. The hash is workerconfig.HashNotInForce where
// Producer was changed after Load in more than MaxInFlight and MaxInFlightBytes,
// here or in a copy that NewProducer or Run was given, and where the file's
// settings are not those of its hash: this version does not know all of them, or
// somebody has edited the file. Of producers that were not made by this package it
// knows nothing.
func (c Config) ProducerReport() workerconfig.ProducerReport {
	report := workerconfig.ProducerReport{Policy: c.ProducerPolicy.Name, Hash: c.ProducerPolicy.Hash}
	_, elsewhere := overridden.Load(c.ProducerPolicy)
	if elsewhere || c.againstPolicy() {
		report.Hash = workerconfig.HashNotInForce
	}
	return report
}

// againstPolicy: there is a policy, and it is not what Producer says.
func (c Config) againstPolicy() bool {
	return c.ProducerPolicy != (ProducerPolicy{}) && !c.ProducerPolicy.inForce(c.Producer)
}

// ServeProducerReport answers a request with the ProducerReport, as JSON. Run
// serves it at ListenAddress. A program that only produces mounts it on the port
// that the httpGet probe of its container names, so that the operator sees what
// is in force:
//
//	mux.HandleFunc("GET "+workerconfig.ReportPath, config.ServeProducerReport)
func (c Config) ServeProducerReport(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(c.ProducerReport()) // whoever asked is gone if this fails
}

// announcePolicy notes, logs and exports the policy, if there is one. It is for
// whoever makes producers of the configuration, once its defaults are filled in.
func (c Config) announcePolicy(log *slog.Logger) error {
	if c.ProducerPolicy == (ProducerPolicy{}) {
		return nil
	}
	log.Info("producer policy", "policy", c.ProducerPolicy.Name, "hash", c.ProducerPolicy.Hash)
	if c.againstPolicy() {
		overridden.Store(c.ProducerPolicy, true)
		log.Warn("producers run other settings than the policy's: the program has changed them, or the file's are not those of its hash",
			"policy", c.ProducerPolicy.Name, "hash", c.ProducerPolicy.Hash, "differs", c.ProducerPolicy.Differs)
	}
	info := &producerInfo{c}
	if err := share(c.Registry, &info); err != nil {
		return fmt.Errorf("register the metric of the producer policy: %w", err)
	}
	return nil
}

var producerInfoDesc = stateDesc("producer_info", "The KafkaProducerPolicy by which this process produces, and the hash of its settings: 1.", "policy", "hash")

// producerInfo exports the report. Those of one registry are one: it stays when
// Run returns, as the metrics of producers do.
type producerInfo struct{ config Config }

// Describe implements prometheus.Collector.
func (i *producerInfo) Describe(to chan<- *prometheus.Desc) { to <- producerInfoDesc }

// Collect implements prometheus.Collector.
func (i *producerInfo) Collect(to chan<- prometheus.Metric) {
	report := i.config.ProducerReport()
	to <- prometheus.MustNewConstMetric(producerInfoDesc, prometheus.GaugeValue, 1, report.Policy, report.Hash)
}
