package kafkaauth_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"

	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// public are the fields that come from the object's spec and may be shown.
var public = []string{"TLS.ServerName", "SASL.Mechanism", "SASL.OAuth.TokenEndpoint", "SASL.AWS.Region", "SASL.AWS.RoleARN"}

// filled gives each string field of the value a secret that no other has.
func filled(t *testing.T, value reflect.Value, path string, secrets map[string]string) {
	t.Helper()
	for i := range value.NumField() {
		name := strings.TrimPrefix(path+"."+value.Type().Field(i).Name, ".")
		switch field := value.Field(i); field.Kind() {
		case reflect.Struct:
			filled(t, field, name, secrets)
		case reflect.Bool:
			field.SetBool(true)
		case reflect.String:
			secrets[name] = fmt.Sprintf("s3cr3t-%d-%s", i, strings.ToLower(strings.ReplaceAll(name, ".", "-")))
			field.SetString(secrets[name])
		default:
			t.Fatalf("field %s is a %s: say here how it is kept secret", name, field.Kind())
		}
	}
}

// ways are all that may become of a value on its way to a log or an answer. %w
// of what is no error is refused by go vet.
func ways(value any) map[string]string {
	printed := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
		printed[verb] = fmt.Sprintf(verb, value)
		printed[verb+" of a pointer"] = fmt.Sprintf(verb, &value)
		printed[verb+" in a struct"] = fmt.Sprintf(verb, struct{ Field any }{value})
		printed[verb+" in a list"] = fmt.Sprintf(verb, []any{value})
	}
	encoded, err := json.Marshal(map[string]any{"value": value})
	printed["JSON"] = fmt.Sprint(string(encoded), err)
	var text, object bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("x", "value", value)
	slog.New(slog.NewJSONHandler(&object, nil)).Info("x", "value", value)
	printed["slog text"], printed["slog JSON"] = text.String(), object.String()
	funcr.New(func(_, line string) { printed["logr"] = line }, funcr.Options{}).Info("x", "value", value)
	return printed
}

func TestNoSecretIsPrinted(t *testing.T) {
	for _, mechanism := range []kafkaauth.Mechanism{
		"", kafkaauth.Plain, kafkaauth.ScramSHA256, kafkaauth.ScramSHA512, kafkaauth.OAuthBearer, kafkaauth.MSKIAM,
	} {
		var security kafkaauth.Security
		secrets := map[string]string{}
		filled(t, reflect.ValueOf(&security).Elem(), "", secrets)
		security.SASL.Mechanism = mechanism
		security.SASL.OAuth.TokenEndpoint = "https://name:" + secrets["SASL.Password"] + "@login.example.com/token?key=" + secrets["SASL.Password"]
		for _, value := range []any{
			security, &security, security.TLS, security.SASL, security.SASL.OAuth, security.SASL.AWS, &security.SASL,
			security.String(), security.TLS.String(), security.SASL.String(), security.SASL.OAuth.String(), security.SASL.AWS.String(),
		} {
			for way, text := range ways(value) {
				for name, secret := range secrets {
					if !slices.Contains(public, name) && strings.Contains(text, secret) {
						t.Errorf("%q, %T by %s shows %s: %s", mechanism, value, way, name, text)
					}
				}
			}
		}
	}
}

func TestSecurityIsDescribed(t *testing.T) {
	cases := map[string]struct {
		security kafkaauth.Security
		want     string
	}{
		"None": {want: "plain text, no SASL"},
		"All": {
			security: kafkaauth.Security{
				TLS:  kafkaauth.TLS{Enabled: true, CA: "x", Certificate: "x", ServerName: "kafka"},
				SASL: kafkaauth.SASL{Mechanism: kafkaauth.ScramSHA512, Username: "x"},
			},
			want: `TLS with a CA of its own with a client certificate to "kafka", SASL SCRAM-SHA-512`,
		},
		"OAuth": {
			security: kafkaauth.Security{SASL: kafkaauth.SASL{
				Mechanism: kafkaauth.OAuthBearer, OAuth: kafkaauth.OAuth{TokenEndpoint: "https://login.example.com/token"},
			}},
			want: `plain text, SASL OAUTHBEARER by token endpoint "login.example.com"`,
		},
		"AWS": {
			security: kafkaauth.Security{
				TLS:  kafkaauth.TLS{Enabled: true},
				SASL: kafkaauth.SASL{Mechanism: kafkaauth.MSKIAM, AWS: kafkaauth.AWS{Region: "eu-west-1", RoleARN: "arn"}},
			},
			want: `TLS, SASL AWS_MSK_IAM by ambient credentials and role "arn" in region "eu-west-1"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for way, got := range map[string]string{
				"String": tc.security.String(), "%v": fmt.Sprintf("%v", tc.security), "%#v": fmt.Sprintf("%#v", tc.security),
				"MarshalLog": fmt.Sprint(tc.security.MarshalLog()),
			} {
				if got != tc.want {
					t.Errorf("%s gives %q, want %q", way, got, tc.want)
				}
			}
		})
	}
}
