package sqldb

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/go-sql-driver/mysql"
)

type mariaDB struct{}

func (mariaDB) name() string               { return "MariaDB" }
func (mariaDB) driver() string             { return "mysql" }
func (mariaDB) stopSignal() syscall.Signal { return syscall.SIGKILL } // its data goes with it
func (mariaDB) packages() []string         { return []string{"mariadb-server-core"} }
func (mariaDB) install() string {
	return "install mariadb-server (Debian, Ubuntu, Fedora) or mariadb (Homebrew), or name a server in " + MySQLDSN
}

func (mariaDB) look(root string) (programs, bool) {
	server, ok := firstOf(append(onPath(root, "mariadbd"),
		filepath.Join(root, "usr/sbin/mariadbd"), filepath.Join(root, "usr/libexec/mariadbd"))...)
	if !ok {
		return programs{}, false
	}
	tables, ok := firstOf(filepath.Join(filepath.Dir(server), "../share/*/"+systemTables[0]))
	return programs{server: server, share: filepath.Dir(tables)}, ok
}

// systemTables come with the server. They are what its own script,
// mariadb-install-db, feeds it; that needs programs of other packages.
var systemTables = []string{"mysql_system_tables.sql", "mysql_system_tables_data.sql"}

func (m mariaDB) initialise(ctx context.Context, run run, programs programs) error {
	input := bytes.NewBufferString("CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n")
	for _, name := range systemTables {
		text, err := os.ReadFile(filepath.Join(programs.share, name))
		if err != nil {
			return err
		}
		input.Write(text)
	}
	fmt.Fprintf(input, "FLUSH PRIVILEGES;\nCREATE USER '%s'@'127.0.0.1' IDENTIFIED BY '%s';\n", run.user, run.password)
	fmt.Fprintf(input, "GRANT ALL ON *.* TO '%s'@'127.0.0.1' WITH GRANT OPTION;\n", run.user)
	command := run.command(ctx, programs, programs.server, append(m.common(run, programs), "--bootstrap")...)
	command.Stdin = input
	return run.toEnd(command)
}

func (mariaDB) common(run run, programs programs) []string {
	return []string{
		"--no-defaults", // the first, or it isn't taken
		"--basedir=" + filepath.Dir(filepath.Dir(programs.server)),
		"--lc-messages-dir=" + programs.share,
		"--datadir=" + run.data,
		"--tmpdir=" + run.dir,
	}
}

func (m mariaDB) arguments(run run, programs programs) []string {
	return append(m.common(run, programs),
		"--bind-address=127.0.0.1", "--port="+run.port(),
		"--socket="+filepath.Join(run.dir, "socket"), "--pid-file="+filepath.Join(run.dir, "pid"),
		"--skip-name-resolve", "--character-set-server=utf8mb4", "--max-connections=500")
}

func (mariaDB) dsn(run run) string {
	config := mysql.NewConfig()
	config.User, config.Passwd = run.user, run.password
	config.Net, config.Addr = "tcp", run.address
	return config.FormatDSN()
}

func (mariaDB) withDatabase(dsn, database string) (string, error) {
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return "", fmt.Errorf("read the DSN: %w", err)
	}
	config.DBName = database
	return config.FormatDSN(), nil
}
