//go:build !linux

package process

import "syscall"

func attributes(options Options) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: options.Credential}
}
