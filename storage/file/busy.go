package file

import (
	"os"
	"time"
)

// patience is how long to go on with a file that is busy.
const patience = 2 * time.Second

// patiently repeats do for a while if the file is busy: Windows refuses to open, replace
// or remove a file that somebody else has open. One of our readers has it open for a
// moment, a virus scanner or a backup for longer.
func patiently(do func() error) error {
	begun := time.Now()
	for pause := time.Millisecond; ; pause *= 2 {
		err := do()
		if err == nil || !isBusy(err) || time.Since(begun) > patience {
			return err
		}
		time.Sleep(pause)
	}
}

func (f *file) openPatiently(name string, flag int) (file *os.File, err error) {
	err = patiently(func() (err error) {
		file, err = f.open(name, flag)
		return err
	})
	return file, err
}

func rename(from, to string) error { return patiently(func() error { return os.Rename(from, to) }) }

func remove(name string) error { return patiently(func() error { return os.Remove(name) }) }
