package kafkaauth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func msk(aws AWS) SASL {
	aws.Region = "eu-west-1"
	return SASL{Mechanism: MSKIAM, AWS: aws}
}

// signedBy is the access key and the session token of a token.
func signedBy(t *testing.T, from *tokens) (key, session string) {
	t.Helper()
	given, err := from.Token()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(given.Token)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := url.Parse(string(raw))
	if err != nil || signed.Host != "kafka.eu-west-1.amazonaws.com" || signed.Query().Get("Action") != "kafka-cluster:Connect" {
		t.Fatalf("the token is %q, %v", raw, err)
	}
	key, _, _ = strings.Cut(signed.Query().Get("X-Amz-Credential"), "/")
	return key, signed.Query().Get("X-Amz-Security-Token")
}

// ambient gives the process credentials of its own, and no others.
func ambient(t *testing.T, key string) {
	t.Helper()
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": key, "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_ROLE_ARN": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "",
	} {
		t.Setenv(name, value)
	}
}

// fakeSTS stands for AWS's service that gives roles: AKIAROLE to who may.
func fakeSTS(t *testing.T, life time.Duration) (calls *atomic.Int64) {
	t.Helper()
	calls = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		if !strings.Contains(r.Header.Get("Authorization"), "Credential=AKIAGIVEN/") {
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprintf(w, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>s3cr3t</Message></Error><RequestId>%d</RequestId></ErrorResponse>", calls.Load())
			return
		}
		_, _ = fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
			<AccessKeyId>AKIAROLE</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>role-session</SessionToken>
			<Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`, time.Now().Add(life).UTC().Format(time.RFC3339))
	}))
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL_STS", server.URL)
	return calls
}

func TestMSKTokensAreSignedWithTheCredentialsGiven(t *testing.T) {
	given := AWS{AccessKeyID: "AKIAGIVEN", SecretAccessKey: "s3cr3t"}
	session := given
	session.SessionToken = "session"
	role := given
	role.RoleARN = "arn:aws:iam::1:role/kafka"
	cases := map[string]struct {
		reason       string
		aws          AWS
		key, session string
	}{
		"Given":   {"given ones count, not the process's own", given, "AKIAGIVEN", ""},
		"Session": {"temporary ones come with a token", session, "AKIAGIVEN", "session"},
		"Role":    {"a role is assumed with them", role, "AKIAROLE", "role-session"},
		"Ambient": {"without any the process's own are used", AWS{}, "AKIAAMBIENT", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			ambient(t, "AKIAAMBIENT")
			fakeSTS(t, time.Hour)
			key, session := signedBy(t, newTokens(constant(msk(tc.aws))))
			if key != tc.key || session != tc.session {
				t.Errorf("%s: signed by %q with session %q, want %q and %q", tc.reason, key, session, tc.key, tc.session)
			}
		})
	}
}

func TestMSKTokensLiveFifteenMinutesAndRolesLonger(t *testing.T) {
	ambient(t, "")
	calls := fakeSTS(t, time.Hour)
	from := newTokens(constant(msk(AWS{AccessKeyID: "AKIAGIVEN", SecretAccessKey: "s3cr3t", RoleARN: "arn:aws:iam::1:role/kafka"})))
	now := time.Now()
	from.now = func() time.Time { return now }
	first, err := from.Token()
	if err != nil {
		t.Fatal(err)
	}
	if life := from.held.expires.Sub(now); life < 14*time.Minute || life > 16*time.Minute {
		t.Errorf("a token lives for %s", life)
	}
	now = now.Add(11 * time.Minute)
	if again, err := from.Token(); err != nil || again.Token != first.Token {
		t.Errorf("after 11 of 15 minutes: another token, %v", err)
	}
	now = now.Add(2 * time.Minute)
	if from.held.fresh(now) {
		t.Error("fresh with 2 of 15 minutes left")
	}
	signedBy(t, from)
	if got := calls.Load(); got != 1 {
		t.Errorf("the role was assumed %d times in its first hour", got)
	}
}

func TestMSKTokensLiveNoLongerThanTheirCredentials(t *testing.T) {
	ambient(t, "")
	fakeSTS(t, 5*time.Minute)
	from := newTokens(constant(msk(AWS{AccessKeyID: "AKIAGIVEN", SecretAccessKey: "s3cr3t", RoleARN: "arn:aws:iam::1:role/kafka"})))
	signedBy(t, from)
	if life := from.held.expires.Sub(from.held.issued); life > 5*time.Minute {
		t.Errorf("a token of credentials for 5 minutes lives for %s", life)
	}
}

func TestMSKFailuresAreExplained(t *testing.T) {
	cases := map[string]struct {
		aws  AWS
		want string
	}{
		"NoneAmbient": {AWS{}, "sasl.aws: no credentials of the process's own were found"},
		"RoleDenied": {
			AWS{AccessKeyID: "AKIAOTHER", SecretAccessKey: "s3cr3t", RoleARN: "arn:aws:iam::1:role/kafka"},
			`sasl.aws.roleARN: AWS answered "AccessDenied"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			ambient(t, "")
			fakeSTS(t, time.Hour)
			from := newTokens(constant(msk(tc.aws)))
			for range 2 { // the second answer has another request id
				_, err := from.Token()
				var field *FieldError
				if !errors.As(err, &field) || err.Error() != tc.want {
					t.Errorf("got %v, want %q", err, tc.want)
				}
			}
		})
	}
}
