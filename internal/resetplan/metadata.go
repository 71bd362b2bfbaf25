package resetplan

import (
	"encoding/base64"
	"unicode/utf8"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// MetadataOf is what was written beside a saved offset, byte for byte.
func MetadataOf(s v1alpha1.SavedOffset) string {
	if bytes, err := base64.StdEncoding.DecodeString(s.MetadataBase64); err == nil && len(bytes) > 0 {
		return string(bytes)
	}
	return s.Metadata
}

// withMetadata is the offset with its metadata. Kafka takes any bytes, and JSON
// keeps only those that are UTF-8: others are saved in a field of their own.
func withMetadata(s v1alpha1.SavedOffset, metadata string) v1alpha1.SavedOffset {
	if s.Metadata, s.MetadataBase64 = metadata, ""; !utf8.ValidString(metadata) {
		s.Metadata, s.MetadataBase64 = "", base64.StdEncoding.EncodeToString([]byte(metadata))
	}
	return s
}
