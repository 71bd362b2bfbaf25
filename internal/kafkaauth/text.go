package kafkaauth

import (
	"errors"
	"strings"
	"unicode"
)

// The usual ways in which a value in a Secret is not what was meant.
var (
	errEmpty     = errors.New("is empty")
	errLineBreak = errors.New("ends in a line break, as a file or the output of echo does: store it without")
	errControl   = errors.New("has a control character in it")
	errNotUTF8   = errors.New("is not UTF-8 text")
)

// secretText refuses what is never a user name, password or key. Nothing is
// trimmed: programs in other languages read the same Secret.
func secretText(field, value string) error {
	switch {
	case value == "":
		return &FieldError{field, errEmpty}
	case strings.HasSuffix(value, "\n") || strings.HasSuffix(value, "\r"):
		return &FieldError{field, errLineBreak}
	case strings.ContainsFunc(value, unicode.IsControl):
		return &FieldError{field, errControl}
	case strings.ToValidUTF8(value, "") != value:
		return &FieldError{field, errNotUTF8}
	default:
		return nil
	}
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
