package worker

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

const sampleFile = `{
  "bootstrapServers": ["one:9092", "two:9092"],
  "kafkaVersion": "3.8.0",
  "groupID": "orders",
  "topics": ["a", "b"],
  "tls": {"caFile": "/c/ca.crt"},
  "sasl": {"mechanism": "PLAIN", "username": "u", "passwordFile": "/c/password"},
  "consumer": {"initialOffset": "latest", "isolationLevel": "read_committed", "assignment": "sticky", "maxProcessingTime": "1m30s"}
}`

func TestLoad(t *testing.T) {
	fromSample := Config{
		BootstrapServers: []string{"one:9092", "two:9092"}, KafkaVersion: "3.8.0", GroupID: "orders",
		Topics: []string{"a", "b"}, InitialOffset: Latest, Assignment: Sticky, MaxProcessingTime: 90 * time.Second,
		TLS:            &workerconfig.TLS{CAFile: "/c/ca.crt"},
		SASL:           &workerconfig.SASL{Mechanism: "PLAIN", Username: "u", PasswordFile: "/c/password"},
		IsolationLevel: ReadCommitted,
	}
	byPattern := fromSample
	byPattern.Topics, byPattern.TopicPattern = nil, "a.*"
	overridden := fromSample
	overridden.GroupID, overridden.ClientID, overridden.Topics = "mine", "pod-1", []string{"c", "d"}
	overridden.DedupNamespace = "chat/2"
	cases := map[string]struct {
		reason string
		file   string
		env    map[string]string
		want   Config
	}{
		"File": {
			reason: "Everything in the file arrives.",
			file:   sampleFile,
			want:   fromSample,
		},
		"EnvironmentOverFile": {
			reason: "A variable replaces what the file says, spaces and empty entries don't count.",
			file:   sampleFile,
			env: map[string]string{
				workerconfig.EnvGroupID: "mine", workerconfig.EnvClientID: "pod-1", workerconfig.EnvTopics: "c, d,",
				workerconfig.EnvDedupNamespace: "chat/2",
			},
			want: overridden,
		},
		"PatternOverList": {
			reason: "A pattern in a variable replaces the file's list.",
			file:   sampleFile,
			env:    map[string]string{workerconfig.EnvTopicPattern: "a.*"},
			want:   byPattern,
		},
		"ListOverPattern": {
			reason: "And the other way round.",
			file:   `{"topicPattern": "a.*"}`,
			env:    map[string]string{workerconfig.EnvTopics: "t"},
			want:   Config{Topics: []string{"t"}},
		},
		"Pattern": {
			reason: "A pattern in the file arrives.",
			file:   `{"topicPattern": "a.*"}`,
			want:   Config{TopicPattern: "a.*"},
		},
		"EnvironmentAlone": {
			reason: "Without a file the variables do.",
			env: map[string]string{
				workerconfig.EnvBootstrapServers: "one:9092,two:9092", workerconfig.EnvGroupID: "g", workerconfig.EnvTopics: "t",
				workerconfig.EnvDedupNamespace: "chat/2",
			},
			want: Config{BootstrapServers: []string{"one:9092", "two:9092"}, GroupID: "g", Topics: []string{"t"}, DedupNamespace: "chat/2"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			setEnvironment(t, tc.file, tc.env)
			got, err := Load()
			if err != nil {
				t.Fatalf("%s\nLoad: %v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// setEnvironment leaves only the variables given, and the file's if it isn't
// empty.
func setEnvironment(t *testing.T, file string, env map[string]string) {
	t.Helper()
	for _, name := range []string{
		workerconfig.EnvConfig, workerconfig.EnvClientID, workerconfig.EnvBootstrapServers,
		workerconfig.EnvGroupID, workerconfig.EnvTopics, workerconfig.EnvTopicPattern,
		workerconfig.EnvDedupNamespace, workerconfig.EnvProducerConfig,
	} {
		t.Setenv(name, env[name])
	}
	if file == "" {
		return
	}
	path := filepath.Join(t.TempDir(), workerconfig.FileName)
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(workerconfig.EnvConfig, path)
}

func TestLoadNamesTheFileThatItCouldNotRead(t *testing.T) {
	cases := map[string]struct {
		reason string
		file   string
		want   string
	}{
		"NotJSON":     {reason: "The path is part of the message.", file: "{", want: workerconfig.FileName},
		"BadDuration": {reason: "So is the value.", file: `{"consumer":{"maxProcessingTime":"soon"}}`, want: `"soon"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			setEnvironment(t, tc.file, nil)
			if _, err := Load(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s\nLoad: %v, want it to contain %s", tc.reason, err, tc.want)
			}
		})
	}
	t.Run("Missing", func(t *testing.T) {
		setEnvironment(t, "", nil)
		t.Setenv(workerconfig.EnvConfig, "/does/not/exist.json")
		if _, err := Load(); err == nil || !strings.Contains(err.Error(), "/does/not/exist.json") {
			t.Errorf("a file that was named must be there; Load: %v", err)
		}
	})
}

func TestValidate(t *testing.T) {
	valid := Config{BootstrapServers: []string{"b:9092"}, GroupID: "g", Topics: []string{"t"}}
	cases := map[string]struct {
		reason string
		change func(*Config)
		want   string // empty: valid
	}{
		"Minimal":         {reason: "Only three fields are required.", change: func(*Config) {}},
		"NoServers":       {reason: "There is no default broker.", change: func(c *Config) { c.BootstrapServers = nil }, want: "no bootstrapServers given"},
		"NoGroup":         {reason: "There is no default group.", change: func(c *Config) { c.GroupID = "" }, want: "no groupID given"},
		"NoTopics":        {reason: "A worker without topics would idle for ever.", change: func(c *Config) { c.Topics = nil }, want: "no topics given"},
		"Pattern":         {reason: "A pattern does instead of topics.", change: func(c *Config) { c.Topics, c.TopicPattern = nil, "a.*" }},
		"BothTopics":      {reason: "Which of them would count?", change: func(c *Config) { c.TopicPattern = "a" }, want: "topics and topicPattern are given"},
		"BadPattern":      {reason: "It is compiled before anything starts.", change: func(c *Config) { c.Topics, c.TopicPattern = nil, "a)|(b" }, want: "topicPattern: error parsing regexp"},
		"Isolation":       {reason: "As in the API.", change: func(c *Config) { c.IsolationLevel = "committed" }, want: `isolationLevel "committed" is not one of ["read_uncommitted" "read_committed"]`},
		"KeyAlone":        {reason: "A key is of no use alone.", change: func(c *Config) { c.TLS = &workerconfig.TLS{KeyFile: "k"} }, want: "only one is given"},
		"Mechanism":       {reason: "Kerberos is not supported.", change: func(c *Config) { c.SASL = &workerconfig.SASL{Mechanism: "GSSAPI"} }, want: `sasl.mechanism "GSSAPI" is not one of ["PLAIN"`},
		"NoMechanism":     {reason: "SASL without a mechanism is none that is known.", change: func(c *Config) { c.SASL = &workerconfig.SASL{UsernameFile: "u", PasswordFile: "p"} }, want: `sasl.mechanism "" is not one of ["PLAIN"`},
		"TwoParts":        {reason: "So has this one.", change: func(c *Config) { c.KafkaVersion = "3.6" }, want: `kafkaVersion "3.6" is not a version of three parts`},
		"TopicWithSpace":  {reason: "No broker would ever have such a topic.", change: func(c *Config) { c.Topics = []string{"t", "a b"} }, want: `topics: "a b" is no name of a topic`},
		"TopicEmpty":      {reason: "Nor this one.", change: func(c *Config) { c.Topics = []string{""} }, want: `topics: "" is no name of a topic`},
		"TopicDots":       {reason: "Nor a folder.", change: func(c *Config) { c.Topics = []string{".."} }, want: `topics: ".." is no name`},
		"TopicLong":       {reason: "Files are named after topics.", change: func(c *Config) { c.Topics = []string{strings.Repeat("t", 250)} }, want: "is no name of a topic"},
		"TopicAllowed":    {reason: "All that Kafka allows.", change: func(c *Config) { c.Topics = []string{"aZ9._-", "__t", "..."} }},
		"DeadLetterTopic": {reason: "A letter that can never be sent would hold up its message for ever.", change: func(c *Config) { c.DeadLetter = &DeadLetter{Topic: "a b"} }, want: `deadLetter.topic: "a b" is no name`},
		"NoPort":          {reason: "It would be tried for ever.", change: func(c *Config) { c.BootstrapServers = []string{"b:9092", "kafka"} }, want: `bootstrapServers: "kafka" is not host:port`},
		"NoHost":          {reason: "Nor is a port of no host.", change: func(c *Config) { c.BootstrapServers = []string{":9092"} }, want: `bootstrapServers: ":9092" is not host:port`},
		"PortByName":      {reason: "Kafka's port has no name.", change: func(c *Config) { c.BootstrapServers = []string{"kafka:kafka"} }, want: `"kafka:kafka" is not host:port`},
		"IPv6":            {reason: "An address is a host.", change: func(c *Config) { c.BootstrapServers = []string{"[::1]:9092"} }},
		"OutOfRange":      {reason: "The field is named, as it is in the file.", change: func(c *Config) { c.OnOutOfRange = "z" }, want: `onOutOfRange "z" is not one of ["earliest" "latest" "fail"]`},
		"StuckInTime":     {reason: "Liveness would end what is in time.", change: func(c *Config) { c.StuckAfter = 5 * time.Second }, want: "stuckAfter 5s is shorter than maxProcessingTime 10s"},
		"StuckLater":      {reason: "The same time is enough.", change: func(c *Config) { c.StuckAfter = 10 * time.Second }},
		"ManyHands":       {reason: "Nor could so many messages be taken.", change: func(c *Config) { c.Concurrency, c.MaxInFlight = 5, 4 }, want: "concurrency 5 is above maxInFlight 4"},
		"NoPassword":      {reason: "A password comes from a file only.", change: func(c *Config) { c.SASL = &workerconfig.SASL{Mechanism: "PLAIN", Username: "u"} }, want: "no sasl.passwordFile given"},
		"NoUser":          {reason: "The user name from either.", change: func(c *Config) { c.SASL = &workerconfig.SASL{Mechanism: "SCRAM-SHA-256", PasswordFile: "p"} }, want: "no sasl.usernameFile, nor sasl.username, given"},
		"NoOAuth":         {reason: "All that is missing is named.", change: func(c *Config) { c.SASL = &workerconfig.SASL{Mechanism: "OAUTHBEARER"} }, want: "no sasl.oauth.tokenEndpoint given\nno sasl.oauth.clientIDFile, nor sasl.oauth.clientID, given\nno sasl.oauth.clientSecretFile given"},
		"NoRegion":        {reason: "Tokens are signed for a region.", change: func(c *Config) { c.SASL = &workerconfig.SASL{Mechanism: "AWS_MSK_IAM"} }, want: "no sasl.aws.region given"},
		"InitialOffset":   {reason: "The value and the allowed ones are named.", change: func(c *Config) { c.InitialOffset = "oldest" }, want: `initialOffset "oldest" is not one of ["earliest" "latest"]`},
		"Assignment":      {reason: "Case matters, as in the API.", change: func(c *Config) { c.Assignment = "roundrobin" }, want: `assignment "roundrobin" is not one of`},
		"Version":         {reason: "Versions have three parts.", change: func(c *Config) { c.KafkaVersion = "3.x" }, want: `kafkaVersion "3.x" is not a version of three parts, such as 3.6.0`},
		"OldVersion":      {reason: "Commits need the leader epoch field.", change: func(c *Config) { c.KafkaVersion = "1.0.0" }, want: "older than 2.1.0"},
		"NegativeTime":    {reason: "Zero means the default, below it means nothing.", change: func(c *Config) { c.MaxProcessingTime = -1 }, want: "maxProcessingTime -1ns is negative"},
		"NegativeGrace":   {reason: "As above.", change: func(c *Config) { c.GracePeriod = -1 }, want: "gracePeriod"},
		"SeveralProblems": {reason: "All problems are named at once.", change: func(c *Config) { c.GroupID, c.Assignment = "", "x" }, want: "no groupID given\nassignment"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			config := valid
			tc.change(&config)
			err := config.Validate()
			if tc.want == "" && err != nil {
				t.Errorf("%s\nValidate: %v", tc.reason, err)
			}
			if tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("%s\nValidate: %v, want it to contain %q", tc.reason, err, tc.want)
			}
		})
	}
}

func TestDefaultsLeaveRoomForTheLongestMessage(t *testing.T) {
	config, err := Config{MaxProcessingTime: time.Minute}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	if config.drainTimeout() < config.MaxProcessingTime || config.drainTimeout() >= config.RebalanceTimeout {
		t.Errorf("drain timeout %s does not lie between the processing time %s and the rebalance timeout %s",
			config.drainTimeout(), config.MaxProcessingTime, config.RebalanceTimeout)
	}
	client, err := saramaConfig(config, newDialer(credentialFiles{}))
	if err != nil {
		t.Fatal(err)
	}
	if client.Net.ReadTimeout <= config.RebalanceTimeout {
		t.Errorf("a join that waits for the slowest member (%s) would be broken off after %s",
			config.RebalanceTimeout, client.Net.ReadTimeout)
	}
	if config.ClientID == "" {
		t.Error("the client id has no default")
	}
}

// What is negative is told of once, and not compared as well.
func TestANegativeLimitIsOneProblem(t *testing.T) {
	config := Config{BootstrapServers: []string{"b:9092"}, GroupID: "g", Topics: []string{"t"}, MaxInFlight: -1, SessionTimeout: -1}
	if err := config.Validate(); err == nil || err.Error() != "maxInFlight -1 is negative\nsessionTimeout -1ns is negative" {
		t.Errorf("Validate: %v", err)
	}
}

// TestGraceFollowsMaxProcessingTime: a message being handled at SIGTERM may use its whole time.
func TestGraceFollowsMaxProcessingTime(t *testing.T) {
	for longest, want := range map[time.Duration]time.Duration{time.Second: DefaultGracePeriod, time.Minute: time.Minute} {
		config, err := Config{MaxProcessingTime: longest}.withDefaults()
		if err != nil || config.GracePeriod != want {
			t.Errorf("with maxProcessingTime %s the grace period is %s, %v; want %s", longest, config.GracePeriod, err, want)
		}
	}
}
