package controllers

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/resetplan"
)

// A reset's tables, its plan, its snapshot and what it commits, and the offsets
// of a group that has no members, are kept in their object's status while they are small, and beyond that in ConfigMaps of its own: etcd
// takes 1.5 MiB an object, and a plan of 10,000 partitions is 2.1 MB as JSON and
// 0.33 MB gzipped.
const (
	// inlineRows and inlineBytes bound a table in the status. Three tables of 100
	// KiB leave room for everything else.
	inlineRows  = 300
	inlineBytes = 100 << 10
	// partBytes is what one ConfigMap holds: the API server takes 1 MiB of data.
	partBytes = 900 << 10
	// maxParts bounds a table: 7 MiB gzipped are 200,000 partitions of a plan.
	maxParts = 8
	// documentKey is where a part is in its ConfigMap.
	documentKey = "rows.json.gz"
)

// errDocumentTooLarge: a table is larger than is stored.
var errDocumentTooLarge = fmt.Errorf("more than %d MiB, gzipped", maxParts*partBytes>>20)

// documents keeps the tables of resets and of groups.
type documents struct {
	client.Client
	live client.Reader
}

// stored is where a table is: in ConfigMaps, or nowhere for one that is small
// enough for the status.
type stored struct {
	sha256     string
	inline     bool
	configMaps []string
}

// keep stores a table of the owner unless it is small. It may be called again
// with the same table: the ConfigMaps are named by what they hold, and by the
// owner's uid, since those of an earlier one of its name may be on their way out.
func (d documents) keep(ctx context.Context, owner client.Object, what string, rows any, count int) (stored, error) {
	content, sum := resetplan.Hash(rows)
	if count <= inlineRows && len(content) <= inlineBytes {
		return stored{sha256: sum, inline: true}, nil
	}
	parts, err := packed(content)
	if err != nil {
		return stored{}, fmt.Errorf("store the %s of %d partitions: %w", what, count, err)
	}
	kept := stored{sha256: sum}
	for i, part := range parts {
		configMap := documentPart(owner, fmt.Sprintf("%s-%s-%s-%d", owner.GetName(), what, hashOf([]byte(string(owner.GetUID())+sum)), i), part)
		if err := d.Create(ctx, configMap); err != nil && !apierrors.IsAlreadyExists(err) {
			return stored{}, fmt.Errorf("store the %s in ConfigMap %q: %w", what, configMap.Name, err)
		}
		kept.configMaps = append(kept.configMaps, configMap.Name)
	}
	return kept, nil
}

func documentPart(owner client.Object, name string, part []byte) *corev1.ConfigMap {
	immutable := true
	kind, label := resetKind, resetLabel
	if _, is := owner.(*v1alpha1.KafkaConsumerGroup); is {
		kind, label = groupKind, keptLabel
	}
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: owner.GetNamespace(), Labels: map[string]string{managedByLabel: managedBy, label: string(owner.GetUID())},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(owner, v1alpha1.GroupVersion.WithKind(kind))},
		},
		Immutable:  &immutable,
		BinaryData: map[string][]byte{documentKey: part},
	}
}

// packed is the content gzipped, in parts that fit a ConfigMap each.
func packed(content []byte) ([][]byte, error) {
	var out bytes.Buffer
	writer := gzip.NewWriter(&out)
	if _, err := writer.Write(content); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	if err := writer.Close(); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	var parts [][]byte
	for out.Len() > 0 {
		parts = append(parts, bytes.Clone(out.Next(partBytes)))
	}
	if len(parts) > maxParts {
		return nil, errDocumentTooLarge
	}
	return parts, nil
}

// load reads a table that is in ConfigMaps, and holds it against its sum: it is
// what will be committed, or was committed before.
func (d documents) load(ctx context.Context, namespace string, configMaps []string, sum string, rows any) error {
	var all bytes.Buffer
	for _, name := range configMaps {
		var configMap corev1.ConfigMap
		err := d.live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &configMap)
		switch {
		case apierrors.IsNotFound(err):
			return fmt.Errorf("read ConfigMap %q: %w: it does not exist", name, errLost)
		case err != nil:
			return fmt.Errorf("read ConfigMap %q: %w", name, err)
		}
		all.Write(configMap.BinaryData[documentKey])
	}
	content, err := unpacked(&all)
	if of := sha256.Sum256(content); err != nil || hex.EncodeToString(of[:]) != sum {
		return fmt.Errorf("read ConfigMaps %q: %w", configMaps, errLost)
	}
	if err := json.Unmarshal(content, rows); err != nil {
		return fmt.Errorf("read ConfigMaps %q: %w", configMaps, err)
	}
	return nil
}

// errLost: a table is not, or not as it was stored, in its ConfigMaps.
var errLost = errors.New("a table is not as it was stored")

// tablesLost is the trouble of a table that is lost, nil for any other error.
func tablesLost(err error) *trouble {
	if !errors.Is(err, errLost) {
		return nil
	}
	return &trouble{v1alpha1.ReasonTablesLost, err.Error(), true}
}

func unpacked(packed io.Reader) ([]byte, error) {
	reader, err := gzip.NewReader(packed)
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	return content, nil
}

// keepRows and keepOffsets store the two kinds of tables; rowsOf and offsetsOf
// read them again.
func (d documents) keepRows(ctx context.Context, reset *v1alpha1.KafkaOffsetReset, what string, rows []v1alpha1.ResetRow) (v1alpha1.ResetRows, error) {
	kept, err := d.keep(ctx, reset, what, rows, len(rows))
	table := v1alpha1.ResetRows{SHA256: kept.sha256, ConfigMaps: kept.configMaps}
	if kept.inline {
		table.Items = rows
	}
	return table, err
}

func (d documents) keepOffsets(
	ctx context.Context, owner client.Object, what string, offsets []v1alpha1.SavedOffset, at metav1.Time,
) (v1alpha1.ResetOffsets, error) {
	kept, err := d.keep(ctx, owner, what, offsets, len(offsets))
	table := v1alpha1.ResetOffsets{TakenAt: at, Count: int32(len(offsets)), SHA256: kept.sha256, ConfigMaps: kept.configMaps}
	if kept.inline {
		table.Items = offsets
	}
	return table, err
}

func (d documents) rowsOf(ctx context.Context, namespace string, table v1alpha1.ResetRows) ([]v1alpha1.ResetRow, error) {
	if len(table.ConfigMaps) == 0 {
		return table.Items, nil
	}
	var rows []v1alpha1.ResetRow
	err := d.load(ctx, namespace, table.ConfigMaps, table.SHA256, &rows)
	return rows, err
}

func (d documents) offsetsOf(ctx context.Context, namespace string, table v1alpha1.ResetOffsets) ([]v1alpha1.SavedOffset, error) {
	if len(table.ConfigMaps) == 0 {
		return table.Items, nil
	}
	var offsets []v1alpha1.SavedOffset
	err := d.load(ctx, namespace, table.ConfigMaps, table.SHA256, &offsets)
	return offsets, err
}
