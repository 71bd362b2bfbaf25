package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestParseOptions(t *testing.T) {
	defaults := options{serviceTime: 10 * time.Millisecond, listen: ":8080"}
	fromEnvironment := options{serviceTime: time.Second, listen: ":1", gracePeriod: 5 * time.Second, tallyAddress: "host:2"}
	withFlag := fromEnvironment
	withFlag.serviceTime = 0
	environment := map[string]string{
		"WORKER_SERVICE_TIME": "1s", "WORKER_LISTEN": ":1", "WORKER_GRACE_PERIOD": "5s", "WORKER_TALLY_ADDR": "host:2",
	}
	cases := map[string]struct {
		reason string
		args   []string
		env    map[string]string
		want   options
	}{
		"Defaults":            {reason: "Nothing has to be set.", want: defaults},
		"Environment":         {reason: "Every option has a variable.", env: environment, want: fromEnvironment},
		"FlagOverEnvironment": {reason: "A flag is nearer than a variable.", args: []string{"--service-time=0s"}, env: environment, want: withFlag},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := parseOptions(tc.args, func(name string) string { return tc.env[name] })
			if err != nil || got != tc.want {
				t.Errorf("%s\ngot %+v, %v; want %+v", tc.reason, got, err, tc.want)
			}
		})
	}
}

// Who asks for help is told of all there is.
func TestHelp(t *testing.T) {
	for _, ask := range []string{"help", "-h", "--help"} {
		command := exec.Command(os.Args[0], ask)
		command.Env = append(os.Environ(), beWorker+"=1")
		output, err := command.CombinedOutput()
		if err != nil || !strings.Contains(string(output), "worker replay") || !strings.Contains(string(output), "as many at a time as concurrency") {
			t.Errorf("%s: %v\n%s", ask, err, output)
		}
	}
}

func TestParseOptionsNamesWhatIsWrong(t *testing.T) {
	cases := map[string]struct {
		args []string
		env  map[string]string
		want string
	}{
		"Variable": {env: map[string]string{"WORKER_SERVICE_TIME": "soon"}, want: "WORKER_SERVICE_TIME"},
		"Negative": {args: []string{"--service-time=-1s"}, want: "negative"},
		"Argument": {args: []string{"run"}, want: `"run"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := parseOptions(tc.args, func(name string) string { return tc.env[name] })
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("parseOptions: %v, want it to contain %s", err, tc.want)
			}
		})
	}
}
