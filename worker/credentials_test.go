package worker

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// written makes one file for each name, with the name as its content.
func written(t *testing.T, names ...string) (path func(string) string) {
	t.Helper()
	folder := t.TempDir()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return func(name string) string { return filepath.Join(folder, name) }
}

func TestEveryFileThatIsNamedIsRead(t *testing.T) {
	path := written(t, "user", "password", "id", "secret", "ca", "key", "secret-key", "session")
	cases := map[string]struct {
		files workerconfig.SASL
		want  kafkaauth.SASL
	}{
		"Password": {
			workerconfig.SASL{Mechanism: "PLAIN", UsernameFile: path("user"), PasswordFile: path("password")},
			kafkaauth.SASL{Mechanism: kafkaauth.Plain, Username: "user", Password: "password"},
		},
		"NamedUser": {
			workerconfig.SASL{Mechanism: "SCRAM-SHA-256", Username: "workers", PasswordFile: path("password")},
			kafkaauth.SASL{Mechanism: kafkaauth.ScramSHA256, Username: "workers", Password: "password"},
		},
		"OAuth": {
			workerconfig.SASL{Mechanism: "OAUTHBEARER", OAuth: &workerconfig.OAuth{
				TokenEndpoint: "https://login", Scopes: []string{"read", "write"}, Audience: "kafka",
				ClientIDFile: path("id"), ClientSecretFile: path("secret"), CAFile: path("ca"),
			}},
			kafkaauth.SASL{Mechanism: kafkaauth.OAuthBearer, OAuth: kafkaauth.OAuth{
				TokenEndpoint: "https://login", Scopes: "read write", Audience: "kafka", ClientID: "id", ClientSecret: "secret", CA: "ca",
			}},
		},
		"AWS": {
			workerconfig.SASL{Mechanism: "AWS_MSK_IAM", AWS: &workerconfig.AWS{
				Region: "eu-west-1", RoleARN: "arn", AccessKeyIDFile: path("key"), SecretAccessKeyFile: path("secret-key"), SessionTokenFile: path("session"),
			}},
			kafkaauth.SASL{Mechanism: kafkaauth.MSKIAM, AWS: kafkaauth.AWS{
				Region: "eu-west-1", RoleARN: "arn", AccessKeyID: "key", SecretAccessKey: "secret-key", SessionToken: "session",
			}},
		},
		"AmbientAWS": {
			workerconfig.SASL{Mechanism: "AWS_MSK_IAM", AWS: &workerconfig.AWS{Region: "eu-west-1"}},
			kafkaauth.SASL{Mechanism: kafkaauth.MSKIAM, AWS: kafkaauth.AWS{Region: "eu-west-1"}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := credentialFiles{sasl: &tc.files}.credentials()
			if got != tc.want || err != nil {
				t.Errorf("%v, -want +got:\n%s", err, cmp.Diff(tc.want, got))
			}
		})
	}
}

func TestAFileThatIsMissingIsNamedByItsField(t *testing.T) {
	path := written(t, "ca")
	cases := map[string]struct {
		read func() error
		want string
	}{
		"Password": {func() error {
			_, err := credentialFiles{sasl: &workerconfig.SASL{PasswordFile: path("none")}}.credentials()
			return err
		}, "sasl.password"},
		"Key": {func() error {
			_, err := credentialFiles{tls: &workerconfig.TLS{CAFile: path("ca"), KeyFile: path("none")}}.tlsConfig("kafka:9092")
			return err
		}, "tls.key"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := tc.read()
			var field *kafkaauth.FieldError
			if !errors.As(err, &field) || field.Field != tc.want || !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path("none")) {
				t.Errorf("got %v, want the field %s and the path", err, tc.want)
			}
		})
	}
}

func TestTheServerNameIsTheHostUnlessGiven(t *testing.T) {
	for given, want := range map[string]string{"": "kafka-0", "kafka": "kafka"} {
		config, err := credentialFiles{tls: &workerconfig.TLS{ServerName: given}}.tlsConfig("kafka-0:9092")
		if err != nil || config.ServerName != want {
			t.Errorf("with server name %q: %q, %v", given, config.ServerName, err)
		}
	}
}

// A user name and the password of another never go together, whatever moment
// the files change at.
func TestFilesAreNeverReadHalfChanged(t *testing.T) {
	folder := t.TempDir()
	data, next := filepath.Join(folder, "data"), filepath.Join(folder, "next")
	become := func(version int) {
		target := filepath.Join(folder, strconv.Itoa(version))
		errs := []error{os.Mkdir(target, 0o755)}
		for _, name := range []string{"username", "password"} {
			errs = append(errs, os.WriteFile(filepath.Join(target, name), []byte(strconv.Itoa(version)), 0o600))
		}
		errs = append(errs, os.Symlink(target, next), os.Rename(next, data))
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
	}
	become(0)
	done := make(chan struct{})
	var changing sync.WaitGroup
	changing.Go(func() {
		for version := 1; version < 2000; version++ {
			become(version)
		}
		close(done)
	})
	files := credentialFiles{sasl: &workerconfig.SASL{
		UsernameFile: filepath.Join(data, "username"), PasswordFile: filepath.Join(data, "password"),
	}}
	read := map[string]bool{}
	for changed := false; !changed; {
		select {
		case <-done:
			changed = true
		default:
		}
		got, err := files.credentials()
		switch {
		case errors.Is(err, errKeepChanging):
		case err != nil:
			t.Error(err)
		case got.Username != got.Password:
			t.Errorf("user %q with the password of %q", got.Username, got.Password)
		default:
			read[got.Username] = true
		}
	}
	changing.Wait()
	if !read["1999"] || len(read) < 10 {
		t.Errorf("read %d of 2,000 versions, the last: %t", len(read), read["1999"])
	}
}
