package device

import (
	"os"
	"path/filepath"
)

// Name says what a folder lies on.
func Name(dir string) (i Info, err error) {
	dir, err = filepath.Abs(dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err == nil {
		err = i.nameLinux(os.DirFS("/"), dir)
	}
	i.software()
	return i, err
}
