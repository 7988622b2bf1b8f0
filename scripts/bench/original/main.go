// The "containers from scratch" original: what a container is at its least, in Go, to measure minibox against.
// Usage: original run ROOTFS COMMAND [ARG...]   (as root)
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: original run ROOTFS COMMAND [ARG...]")
		os.Exit(2)
	}
	var cmd *exec.Cmd
	switch os.Args[1] {
	case "run":
		// A program cannot enter a new pid namespace itself, only its children can: so it starts itself again.
		cmd = exec.Command("/proc/self/exe", append([]string{"child"}, os.Args[2:]...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags: syscall.CLONE_NEWUTS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
		}
	case "child":
		must(syscall.Sethostname([]byte("container")))
		// Mounts are shared by default; private, the /proc below stays out of the host's table.
		must(syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""))
		must(syscall.Chroot(os.Args[2]))
		must(os.Chdir("/"))
		must(syscall.Mount("proc", "proc", "proc", 0, ""))
		cmd = exec.Command(os.Args[3], os.Args[4:]...)
	default:
		os.Exit(2)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	if os.Args[1] == "child" {
		must(syscall.Unmount("proc", 0))
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		os.Exit(exit.ExitCode())
	}
	must(err)
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "original:", err)
		os.Exit(1)
	}
}
