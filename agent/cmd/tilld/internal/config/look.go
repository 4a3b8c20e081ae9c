package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	firmware "tilld/firmware-configs"

	"tilld/agent/cmd/tilld/internal/files"
	"tilld/agent/cmd/tilld/internal/operators"
	"tilld/sync/mqtt"
)

// looker looks at files and directories and keeps what it finds.
type looker struct {
	from          source
	faults, notes Faults
	table         *operators.Table // of shops; nil: there is none, or it can't be read
}

func (l *looker) fault(key, format string, args ...any) {
	l.faults = append(l.faults, l.from.at(key, format, args...))
}

func (l *looker) note(key, format string, args ...any) {
	l.notes = append(l.notes, l.from.at(key, format, args...))
}

// readable says whether a file is there and this user may read it.
func (l *looker) readable(key, path string) bool {
	f, err := os.Open(path)
	if err != nil {
		l.fault(key, "%s: %s", path, bare(err))
		return false
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		l.fault(key, "%s is no file", path)
		return false
	}
	return true
}

// secret is readable, and by nobody else. Windows has no such mode bits.
func (l *looker) secret(key, path string) bool {
	if !l.readable(key, path) {
		return false
	}
	info, err := os.Stat(path)
	if err != nil {
		l.fault(key, "%s: %s", path, bare(err))
		return false
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		l.fault(key, "%s has mode %#o: others must not read it (chmod 600)", path, mode)
		return false
	}
	return true
}

// tls loads the files of one end as the program does.
func (l *looker) tls(key string, t TLS, server bool) {
	if t.CA != "" && l.readable(key+".ca", t.CA) {
		if _, err := (mqtt.TLSFiles{CA: t.CA}).Client(); err != nil {
			l.fault(key+".ca", "%s", plain(err))
		}
	}
	if t.Cert == "" {
		return
	}
	cert, private := l.readable(key+".cert", t.Cert), l.secret(key+".key", t.Key)
	if !cert || !private {
		return
	}
	load := mqtt.TLSFiles{Cert: t.Cert, Key: t.Key}.Client
	if server {
		load = mqtt.TLSFiles{Cert: t.Cert, Key: t.Key}.Server
	}
	if _, err := load(); err != nil {
		l.fault(key+".cert", "%s", plain(err))
	}
}

// credentials are a client's own, or those of all who may sign in at a broker.
func (l *looker) credentials(key, path string, broker bool) {
	if path == "" || !l.secret(key, path) {
		return
	}
	var err error
	if broker {
		_, err = mqtt.ReadCredentialList(path)
	} else {
		_, _, err = mqtt.ReadCredentials(path)
	}
	if err != nil {
		l.fault(key, "%s", plain(err))
	}
}

func (l *looker) profile(key string, s Scanner) {
	if !s.ownProfile() || !l.readable(key, s.Profile) {
		return
	}
	_, err := firmware.Load(s.Profile)
	if err == nil {
		return
	}
	for line := range strings.Lines(err.Error()) { // one mistake in each
		l.fault(key, "%s", strings.TrimSpace(line))
	}
}

// second must be there: one that was made on the fly would be on the journal's own disk whenever the other one
// is not mounted.
func (l *looker) second(key, path string) {
	if path == "" {
		return
	}
	if info, err := os.Stat(path); err != nil {
		l.fault(key, "%s: %s; mount the disk and make the directory", path, bare(err))
	} else if !info.IsDir() {
		l.fault(key, "%s is no directory", path)
	} else if err := files.Writable(path); err != nil {
		l.fault(key, "%s: %s", path, bare(err))
	}
}

// data is a directory of this user's own, or one that can be made.
func (l *looker) data(key, path, maker string) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if l.made(key, path) {
			l.note(key, "%s is not there yet: %s", path, maker)
		}
		return
	}
	if !l.made(key, path) {
		return
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		l.note(key, "%s has mode %#o: nobody else needs to look into it (chmod 700)", path, mode)
	}
}

// made says whether a directory is there and can be written to, or else can be made.
func (l *looker) made(key, path string) bool {
	if path == "" {
		return true
	}
	at := path
	info, err := os.Stat(at)
	for errors.Is(err, fs.ErrNotExist) && filepath.Dir(at) != at {
		at = filepath.Dir(at)
		info, err = os.Stat(at)
	}
	switch {
	case err != nil:
		l.fault(key, "%s: %s", at, bare(err))
		return false
	case !info.IsDir():
		l.fault(key, "%s is no directory", at)
		return false
	}
	if err := files.Writable(at); err != nil {
		if at != path {
			l.fault(key, "%s is not there, and can't be made: %s: %s", path, at, bare(err))
		} else {
			l.fault(key, "%s can't be written to: %s", path, bare(err))
		}
		return false
	}
	return true
}

// device looks at a scanner by path. One that is busy is no fault: the lane itself may hold it.
func (l *looker) device(key, path string) {
	if path == "" {
		return
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.note(key, "%s is not plugged in now", path)
	case err != nil:
		l.fault(key, "%s: %s", path, bare(err))
	case info.Mode()&fs.ModeCharDevice == 0:
		l.fault(key, "%s is no serial port", path)
	default:
		if err := files.Writable(path); err != nil {
			l.fault(key, "%s: %s: give the port to this user's group, see the udev rule in firmware-configs/README.md", path, bare(err))
		}
	}
}

// bare is a system's error without the operation and the path, which are said already.
func bare(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// plain is an error of the broker's package without its name.
func plain(err error) string { return strings.TrimPrefix(err.Error(), "mqtt: ") }
