package process

import (
	"cmp"
	"syscall"
)

func attributes(options Options) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Setpgid:    true,
		Credential: options.Credential,
		Pdeathsig:  cmp.Or(options.Death, syscall.SIGKILL),
	}
}
