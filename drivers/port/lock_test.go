//go:build unix

package port

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// holdEnv makes the test binary a program that holds the lock named in it until it is killed.
const holdEnv = "TILLD_TEST_HOLD_LOCK"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holdEnv); dir != "" {
		if _, err := lockDevice(dir, "/dev/ttyACM0"); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("held")
		select {}
	}
	os.Exit(m.Run())
}

func holdElsewhere(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holdEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "held\n" {
		t.Fatalf("the holder says %q, %v", line, err)
	}
	return cmd
}

func TestLockAgainstAnotherProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	cmd := holdElsewhere(t, dir)
	_, err := lockDevice(dir, "/dev/ttyACM0")
	if !errors.Is(err, ErrBusy) {
		t.Fatalf("got %v, want busy", err)
	}
	if want := "process " + strconv.Itoa(cmd.Process.Pid); !strings.Contains(err.Error(), want) {
		t.Errorf("%q does not say %q", err, want)
	}
	if l, err := lockDevice(dir, "/dev/ttyACM1"); err != nil {
		t.Errorf("another device: %v", err)
	} else {
		l.release()
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	l, err := lockDevice(dir, "/dev/ttyACM0")
	if err != nil {
		t.Fatalf("its holder is dead: %v", err)
	}
	l.release()
}

func TestLockWithinOneProcess(t *testing.T) {
	dir := t.TempDir()
	l, err := lockDevice(dir, "/dev/pts/4")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "tilld-pts_4.lock"))
	if err != nil || string(text) != strconv.Itoa(os.Getpid())+"\n" {
		t.Errorf("lock file says %q, %v", text, err)
	}
	if _, err := lockDevice(dir, "/dev/pts/4"); !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), "this process") {
		t.Errorf("got %v", err)
	}
	l.release()
	again, err := lockDevice(dir, "/dev/pts/4")
	if err != nil {
		t.Fatalf("released, but %v", err)
	}
	again.release()
}

func TestLockFileIsNoWayIn(t *testing.T) {
	dir := t.TempDir()
	precious := filepath.Join(dir, "precious")
	if err := os.WriteFile(precious, []byte("keep"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(precious, filepath.Join(dir, "tilld-ttyS0.lock")); err != nil {
		t.Fatal(err)
	}
	if _, err := lockDevice(dir, "/dev/ttyS0"); err == nil {
		t.Error("a link was followed")
	}
	if text, err := os.ReadFile(precious); err != nil || string(text) != "keep" {
		t.Errorf("the file behind the link says %q, %v", text, err)
	}
	if _, err := lockDevice(precious, "/dev/ttyS0"); err == nil {
		t.Error("a file was taken for the lock directory")
	}
}

func TestFindHolder(t *testing.T) {
	proc := t.TempDir()
	fd := filepath.Join(proc, "4711", "fd")
	for _, dir := range []string{fd, filepath.Join(proc, "self"), filepath.Join(proc, "12")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/dev/ttyACM0", filepath.Join(fd, "7")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(proc, "4711", "comm"), []byte("ModemManager\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if pid, name := findHolder(proc, "/dev/ttyACM0"); pid != 4711 || name != "ModemManager" {
		t.Errorf("got %d %q", pid, name)
	}
	if pid, _ := findHolder(proc, "/dev/ttyACM1"); pid != 0 {
		t.Errorf("%d holds a device that nobody holds", pid)
	}
	if pid, _ := findHolder(filepath.Join(proc, "none"), "/dev/ttyACM0"); pid != 0 {
		t.Errorf("got %d without /proc", pid)
	}
}

func TestPermissionHintNamesTheRemedy(t *testing.T) {
	device := filepath.Join(t.TempDir(), "ttyACM0")
	if err := os.WriteFile(device, nil, 0o660); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(device, 0o660); err != nil { // whatever the umask
		t.Fatal(err)
	}
	group, err := user.LookupGroupId(strconv.Itoa(os.Getgid()))
	if err != nil {
		t.Fatal(err)
	}
	if got := openError(device, os.ErrPermission); !errors.Is(got, ErrPermission) || !strings.Contains(got.Error(), "group "+group.Name) {
		t.Errorf("got %v", got)
	}
	if err := os.Chmod(device, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := openError(device, os.ErrPermission); !strings.Contains(got.Error(), "udev") || strings.Contains(got.Error(), "add the") {
		t.Errorf("joining the group would not help, but: %v", got)
	}
}
