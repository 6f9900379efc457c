package native

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A launcher sets environment variables for the program that it starts: where its
// libraries are, which to load first. A browser that inherits them may not start, or
// may crash, because it needs other libraries.

// forTheProgramAlone are variables that a browser must not inherit.
var forTheProgramAlone = []string{
	"LD_LIBRARY_PATH", "LD_PRELOAD", "LD_AUDIT",
	"DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "DYLD_FRAMEWORK_PATH",
	"APPDIR", "APPIMAGE", "ARGV0", "OWD",
	"PYTHONHOME", "PYTHONPATH", // a launcher's own Python; some browsers, and commands that open one, run in the system's
}

// originals are where launchers (Steam, PyInstaller, Electron) save the original values.
var originals = map[string]string{
	"SYSTEM_LD_LIBRARY_PATH":       "LD_LIBRARY_PATH",
	"LD_LIBRARY_PATH_ORIG":         "LD_LIBRARY_PATH",
	"SYSTEM_PATH":                  "PATH",
	"ORIGINAL_XDG_CURRENT_DESKTOP": "XDG_CURRENT_DESKTOP",
}

// snapOriginal is how the names end under which the snap of Visual Studio Code saves what
// it changes in its terminal. The values are empty where there was none.
const snapOriginal = "_VSCODE_SNAP_ORIG"

// browserEnv returns env without what a launcher has added for the program: those
// variables, and in any other the paths into an AppImage, the Steam runtime or a snap.
func browserEnv(env []string) []string {
	values := map[string]string{}
	for _, setting := range env {
		name, value, _ := strings.Cut(setting, "=")
		values[name] = value
	}
	var theirs []string
	for _, name := range []string{"APPDIR", "STEAM_RUNTIME", "SNAP"} {
		if filepath.IsAbs(values[name]) { // STEAM_RUNTIME may be 0 or 1
			theirs = append(theirs, filepath.Clean(values[name]))
		}
	}
	before := map[string]string{}
	for original, name := range originals {
		if value := values[original]; value != "" {
			before[name] = value
		}
	}
	for name, value := range values {
		if changed, ok := strings.CutSuffix(name, snapOriginal); ok {
			before[changed] = value
		}
	}
	var cleaned []string
	for _, setting := range env {
		name, value, _ := strings.Cut(setting, "=")
		if _, known := before[name]; known || slices.Contains(forTheProgramAlone, name) {
			continue
		}
		if kept := withoutPathsIn(theirs, value); kept != "" || value == "" {
			cleaned = append(cleaned, name+"="+kept)
		}
	}
	for name, value := range before {
		if value = withoutPathsIn(theirs, value); value != "" {
			cleaned = append(cleaned, name+"="+value)
		}
	}
	return cleaned
}

// lookPath returns the program that env, without the launcher's directories, finds under
// name: an AppImage may bundle an xdg-open that does not know this desktop. If there is
// none, it returns name.
func lookPath(name string, env []string) string {
	if filepath.Base(name) != name {
		return name
	}
	for _, setting := range env {
		list, isPath := strings.CutPrefix(setting, "PATH=")
		if !isPath {
			continue
		}
		for _, dir := range filepath.SplitList(list) {
			if found, err := exec.LookPath(filepath.Join(dir, name)); err == nil && filepath.IsAbs(dir) {
				return found
			}
		}
	}
	return name
}

// withoutPathsIn removes the paths below dirs from a list of paths.
func withoutPathsIn(dirs []string, list string) string {
	if len(dirs) == 0 {
		return list
	}
	separator := string(filepath.ListSeparator)
	paths := strings.Split(list, separator)
	return strings.Join(slices.DeleteFunc(paths, func(path string) bool {
		return slices.ContainsFunc(dirs, func(dir string) bool {
			return path == dir || strings.HasPrefix(path, dir+string(filepath.Separator))
		})
	}), separator)
}
