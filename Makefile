# Lagrange. `make help` lists every target.
SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS   += --no-print-directory

GO_SOURCES  := ./api/... ./cmd/... ./controllers/... ./examples/... ./hack/... ./internal/... ./test/... ./worker/...
TOOL        := bin/tools
# The cluster that kubectl targets reach; the local one by default.
KUBECONFIG  ?= $(shell go run ./hack/cluster kubeconfig 2>/dev/null)
KUBECTL      = KUBECONFIG="$(KUBECONFIG)" "$$(go run ./hack/cluster binaries)/kubectl"
# What images are called in the cluster.
VERSION     ?= dev
# A comma inside a function of make.
comma       := ,

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^## / {printf "\n%s\n", substr($$0, 4)} /^[a-z0-9-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

## The two commands
.PHONY: demo test
demo: ## a real cluster, a broker, workers, and two days of real traffic in five minutes (KEEP=1 leaves it running, KAFKA=apache takes Apache Kafka)
	@go build -o bin/lagrange-demo ./hack/demo && exec bin/lagrange-demo $(if $(KEEP),--keep) $(if $(KAFKA),--kafka $(KAFKA)) $(DEMO_FLAGS)
test: ## everything that CI runs: generated files, lint, unit, integration, worker, Kafka, end to end; one summary
	@go run ./hack/test all

## Tests one by one
.PHONY: test-unit test-integration test-worker test-kafka test-e2e verify lint soak
test-unit: ## pure decisions, and the Kafka adapters against an in-process broker
	@go run ./hack/test unit
test-integration: ## the controller against a real kube-apiserver and an in-process broker
	@go run ./hack/test integration
test-worker: ## the worker runtime under random failures, and with real databases (Java 17, Maven)
	@go run ./hack/test worker
test-kafka: ## an in-process broker beside Apache Kafka: the lag engine's cases, the worker's starts and transactions (Java 17, Maven)
	@go run ./hack/test kafka
test-e2e: ## the manager and workers as pods on the local cluster (root)
	@go run ./hack/test e2e
verify: ## generated files are what their sources generate
	@go run ./hack/test verify
lint: $(TOOL)/golangci-lint ## linters, with the import rules of the house
	@$(TOOL)/golangci-lint run
soak: ## what repeats for long, with the race detector: the unit and integration tests ROUNDS times over (default 10), resets killed at each write, 100 random schedules of the worker
	@go run ./hack/test soak --rounds=$(or $(ROUNDS),10)

## Generated files
.PHONY: generate manifests
generate: $(TOOL)/controller-gen ## deep copies
	@$(TOOL)/controller-gen object:headerFile=hack/boilerplate.go.txt paths=./api/...
manifests: $(TOOL)/controller-gen ## CRDs and the manager's role
	@$(TOOL)/controller-gen crd:generateEmbeddedObjectMeta=true paths=./api/... output:crd:dir=config/crd/bases
	@$(TOOL)/controller-gen rbac:roleName=manager paths=./controllers/... output:rbac:dir=config/rbac

## Programs and images
.PHONY: build images run
build: ## bin/manager and bin/worker, static
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o bin/ ./cmd/manager ./cmd/worker
images: build ## image archives in bin/images, from scratch and without a container engine
	@go run ./hack/image --name lagrange-manager:$(VERSION) --binary bin/manager --out bin/images/manager.tar
	@go run ./hack/image --name lagrange-worker:$(VERSION) --binary bin/worker --out bin/images/worker.tar
run: install ## the manager on this machine against the cluster of KUBECONFIG
	KUBECONFIG="$(KUBECONFIG)" go run ./cmd/manager --metrics-bind-address=0

## A cluster
.PHONY: cluster-up cluster-down install uninstall deploy undeploy
cluster-up: ## a real Kubernetes on this machine (root; CLUSTER=kind or CLUSTER=existing elsewhere)
	@go run ./hack/cluster up --reuse
cluster-down: ## end it and leave nothing behind
	@go run ./hack/cluster down
install: ## the CRDs
	$(KUBECTL) apply --server-side -k config/crd
uninstall: ## remove the CRDs, and with them every KafkaConsumerGroup and its workers
	$(KUBECTL) delete --ignore-not-found -k config/crd
deploy: images ## load the images and install everything
	@go run ./hack/cluster load bin/images/manager.tar bin/images/worker.tar
	$(KUBECTL) apply --server-side -k config/default
	$(KUBECTL) -n lagrange-system rollout status deployment/lagrange-manager --timeout=120s
undeploy: ## remove everything
	$(KUBECTL) delete --ignore-not-found -k config/default

## Examples
.PHONY: example-im
example-im: ## instant messages through Kafka into MariaDB while workers and brokers fail: MESSAGES=100000 ROUNDS=1 (Java 17, Maven)
	@go run ./examples/im --messages=$(or $(MESSAGES),100000) --rounds=$(or $(ROUNDS),1)

## Figures
.PHONY: bench-reconcile bench-lag bench-worker bench-reset bench-policy bench-scaling
bench-lag: ## cost of a poll cycle over GROUPS=3000 TOPICS=600 PARTITIONS=16 BROKERS=3 RTT=2ms METADATA=60; JSON on the last line
	@go run ./hack/bench lag --groups=$(or $(GROUPS),3000) --topics=$(or $(TOPICS),600) --partitions=$(or $(PARTITIONS),16) \
		--brokers=$(or $(BROKERS),3) --rtt=$(or $(RTT),2ms) --metadata=$(or $(METADATA),60)
bench-reconcile: ## cost of OBJECTS groups, idle and with traffic; JSON on the last line
	@go run ./hack/bench reconcile --objects=$(or $(OBJECTS),500)
bench-worker: ## cost of a message in the worker beside a bare sarama loop and a bare pool, median of ROUNDS=7; KAFKA=apache takes Apache Kafka; JSON on the last line
	@go run ./hack/bench worker --rounds=$(or $(ROUNDS),7) $(if $(KAFKA),--kafka=$(KAFKA))
bench-reset: ## what resets of 1,000 and 10,000 partitions take on Apache Kafka, median of ROUNDS=5, and the kill table on kfake and Apache Kafka; JSON on the last line
	@go run ./hack/bench reset --rounds=$(or $(ROUNDS),5)
bench-policy: ## cost of POLICIES=500 producer policies over TOPICS=2000 topics while nothing changes, in CYCLES=5 of a minute; JSON on the last line
	@go run ./hack/bench policy --policies=$(or $(POLICIES),500) --topics=$(or $(TOPICS),2000) --cycles=$(or $(CYCLES),5)
bench-scaling: ## cost of the scaling decision beside KEDA's and others', simulated on the arrival rates of TRACES=dir (default: those shipped) into OUT=dir (default: a temporary one), SEEDS=5, TARGETS=60s,300s, SCENARIO=usual; JSON on the last line
	@go run ./hack/scaling -traces=$(or $(TRACES),hack/scaling/traces/data) -out=$(OUT) -seeds=$(or $(SEEDS),5) \
		-targets=$(or $(TARGETS),60s$(comma)300s) -scenario=$(or $(SCENARIO),usual)

## Evidence
.PHONY: evidence
evidence: ## show on Apache Kafka that the producer rules are true, and write docs/producer-policy-evidence.md: ONLY=P2,P6 ROUNDS=10 (Java 17, Maven)
	@go run ./hack/evidence -rounds=$(or $(ROUNDS),10) $(if $(ONLY),-only=$(ONLY),-into=docs/producer-policy-evidence.md)

$(TOOL)/controller-gen: hack/tools/go.mod
	@echo "building controller-gen (about a minute the first time)"
	@go build -modfile=hack/tools/go.mod -o $@ sigs.k8s.io/controller-tools/cmd/controller-gen
$(TOOL)/golangci-lint: hack/tools/go.mod
	@echo "building golangci-lint (about 3 min the first time)"
	@go build -modfile=hack/tools/go.mod -o $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
