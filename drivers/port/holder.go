package port

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// findHolder looks through proc for a process other than this one that has device open. It sees the processes of
// other users only when it runs as root, so 0 means "not known".
func findHolder(proc, device string) (pid int, name string) {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return 0, "" // no /proc on this system
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if hasOpen(filepath.Join(proc, e.Name(), "fd"), device) {
			return pid, processName(proc, pid)
		}
	}
	return 0, ""
}

func hasOpen(fdDir, device string) bool {
	fds, err := os.ReadDir(fdDir)
	if err != nil {
		return false // gone meanwhile, or another user's
	}
	for _, fd := range fds {
		if target, err := os.Readlink(filepath.Join(fdDir, fd.Name())); err == nil && target == device {
			return true
		}
	}
	return false
}

func processName(proc string, pid int) string {
	comm, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "comm"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(comm))
}
