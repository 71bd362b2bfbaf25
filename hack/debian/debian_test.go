package debian

import (
	"os"
	"path/filepath"
	"testing"
)

func TestRelease(t *testing.T) {
	path := filepath.Join(t.TempDir(), "os-release")
	content := "PRETTY_NAME=\"Ubuntu 24.04.1 LTS\"\nID=ubuntu\nVERSION_ID=\"24.04\"\n"
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := Release(path); got != "ubuntu-24.04" {
		t.Errorf("Release() = %q", got)
	}
}
