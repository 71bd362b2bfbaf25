package kafkaauth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-msk-iam-sasl-signer-go/signer"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// sessionName is how AWS's logs call who assumed a role here.
const sessionName = "lagrange"

func (a AWS) check() error {
	if err := secretText("sasl.aws.region", a.Region); err != nil {
		return err
	}
	if a.AccessKeyID == "" && a.SecretAccessKey == "" {
		return nil
	}
	if a.AccessKeyID == "" {
		return &FieldError{"sasl.aws.accessKeyID", errors.New("is missing beside the secret")}
	}
	err := firstOf(secretText("sasl.aws.accessKeyID", a.AccessKeyID), secretText("sasl.aws.secretAccessKey", a.SecretAccessKey))
	if err == nil && a.SessionToken != "" {
		err = secretText("sasl.aws.sessionToken", a.SessionToken)
	}
	return err
}

// source signs tokens, which takes no call to AWS but for credentials that are
// assumed or ambient.
func (a AWS) source() tokenSource {
	var mu sync.Mutex
	var provider aws.CredentialsProvider // made once it works: it keeps what AWS gave
	return func(ctx context.Context) (token, error) {
		mu.Lock()
		defer mu.Unlock()
		if provider == nil {
			made, err := a.provider(ctx)
			if err != nil {
				return token{}, a.problem(err)
			}
			provider = made
		}
		found, err := provider.Retrieve(ctx)
		if err != nil {
			return token{}, a.problem(err)
		}
		return a.sign(ctx, found)
	}
}

func (a AWS) sign(ctx context.Context, found aws.Credentials) (token, error) {
	issued := time.Now()
	text, expiry, err := signer.GenerateAuthTokenFromCredentialsProvider(ctx, a.Region, credentials.StaticCredentialsProvider{Value: found})
	if err != nil {
		return token{}, a.problem(err)
	}
	expires := time.UnixMilli(expiry)
	if found.CanExpire && found.Expires.Before(expires) {
		expires = found.Expires
	}
	return token{text: text, issued: issued, expires: expires}, nil
}

// provider is where the credentials come from: given, or the process's own,
// and a role assumed with either. With given ones AWS's library looks at
// nothing else.
func (a AWS) provider(ctx context.Context) (aws.CredentialsProvider, error) {
	options := []func(*config.LoadOptions) error{config.WithRegion(a.Region)}
	if a.AccessKeyID != "" {
		given := credentials.NewStaticCredentialsProvider(a.AccessKeyID, a.SecretAccessKey, a.SessionToken)
		if a.RoleARN == "" {
			return given, nil
		}
		options = append(options, config.WithCredentialsProvider(given))
	}
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("read the AWS configuration: %w", err)
	}
	if a.RoleARN == "" {
		return loaded.Credentials, nil
	}
	role := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(loaded), a.RoleARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = sessionName
	})
	return aws.NewCredentialsCache(role), nil
}

// problem names AWS's error code. The rest of its answer has a request id in
// it, which is another each time.
func (a AWS) problem(err error) error {
	var answer smithy.APIError
	switch {
	case errors.As(err, &answer):
		return &FieldError{fieldOfAWS(answer.ErrorCode()), fmt.Errorf("AWS answered %q", shortened(answer.ErrorCode()))}
	case errors.Is(err, context.DeadlineExceeded):
		return &FieldError{"sasl.aws", errors.New("AWS did not answer in time")}
	case a.AccessKeyID == "":
		return &FieldError{"sasl.aws", errors.New("no credentials of the process's own were found")}
	default:
		return &FieldError{"sasl.aws", errors.New("no token could be made from the credentials")}
	}
}

func fieldOfAWS(code string) string {
	switch code {
	case "InvalidClientTokenId":
		return "sasl.aws.accessKeyID"
	case "SignatureDoesNotMatch":
		return "sasl.aws.secretAccessKey"
	case "ExpiredToken", "ExpiredTokenException":
		return "sasl.aws.sessionToken"
	case "AccessDenied":
		return "sasl.aws.roleARN"
	default:
		return "sasl.aws"
	}
}
