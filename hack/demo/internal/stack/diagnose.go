package stack

import (
	"context"
	"fmt"
	"strings"
	"time"
)

const (
	diagnoseTimeout = 20 * time.Second
	// conditions is one line for each condition of the group.
	conditions = `jsonpath={range .status.conditions[*]}{.type}={.status} {.reason}: {.message}{"\n"}{end}`
	// warnings leave out what is so on purpose: the local cluster has no DNS.
	warnings = "--field-selector=type=Warning,reason!=MissingClusterDNS"
)

// Diagnose is what kubectl says, shortly, about what was brought up last and
// may not run. It is empty while nothing was.
func (s *Stack) Diagnose(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), diagnoseTimeout)
	defer cancel()
	var text strings.Builder
	for _, question := range s.questions() {
		answer, err := s.output(ctx, s.kubectl, append([]string{"--kubeconfig", s.kubeconfig}, question...)...)
		if err != nil {
			answer = err.Error()
		}
		fmt.Fprintf(&text, "$ kubectl %s\n%s\n", strings.Join(question, " "), indent(lastLines(answer, 20)))
	}
	return text.String()
}

func (s *Stack) questions() [][]string {
	manager := [][]string{
		{"-n", system, "get", "pods"},
		{"-n", system, "get", "events", warnings},
		{"-n", system, "logs", "deployment/lagrange-manager", "--tail=5"},
	}
	group := [][]string{
		{"-n", Namespace, "get", "kcg", Group, "-o", conditions},
		{"-n", Namespace, "get", "pods"},
		{"-n", Namespace, "get", "events", warnings},
		{"-n", Namespace, "logs", "deployment/" + Group, "--tail=5"},
	}
	switch s.began {
	case beganGroup:
		return append(group, manager...)
	case beganManager:
		return manager
	default:
		return nil
	}
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(text, "\n", "\n    ")
}
