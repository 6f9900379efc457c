package native

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func list(paths ...string) string { return strings.Join(paths, string(filepath.ListSeparator)) }

func TestWhatALauncherHasSetIsNotHandedOn(t *testing.T) {
	dir := t.TempDir() // an absolute path, wherever this runs
	app, steam, system := filepath.Join(dir, ".mount_game"), filepath.Join(dir, "steam", "runtime"), filepath.Join(dir, "usr")
	snap := filepath.Join(dir, "snap", "code", "191")
	for name, test := range map[string]struct{ env, want []string }{
		"nothing": {[]string{"PATH=" + system, "HOME=" + dir, "EMPTY="}, []string{"PATH=" + system, "HOME=" + dir, "EMPTY="}},
		"libraries": {
			[]string{"LD_LIBRARY_PATH=x", "LD_PRELOAD=overlay.so", "LD_AUDIT=y", "DYLD_INSERT_LIBRARIES=z", "PYTHONHOME=p", "PYTHONPATH=q", "LANG=C"},
			[]string{"LANG=C"},
		},
		"an AppImage": {
			[]string{
				"APPDIR=" + app, "APPIMAGE=game.AppImage", "OWD=" + dir, "ARGV0=game",
				"PATH=" + list(filepath.Join(app, "bin"), system), "XDG_DATA_DIRS=" + list(filepath.Join(app, "share"), system),
				"GTK_PATH=" + app, "QT_PLUGIN_PATH=" + filepath.Join(app, "qt"), "MINE=" + app + "-data",
			},
			[]string{"PATH=" + system, "XDG_DATA_DIRS=" + system, "MINE=" + app + "-data"},
		},
		"Steam": {
			[]string{
				"STEAM_RUNTIME=" + steam, "PATH=" + list(filepath.Join(steam, "bin"), system), "SYSTEM_PATH=" + system,
				"LD_LIBRARY_PATH=" + steam, "SYSTEM_LD_LIBRARY_PATH=" + system, "LD_PRELOAD=gameoverlayrenderer.so",
			},
			[]string{"PATH=" + system, "SYSTEM_PATH=" + system, "LD_LIBRARY_PATH=" + system, "SYSTEM_LD_LIBRARY_PATH=" + system},
		},
		"Steam's newer runtime": {[]string{"STEAM_RUNTIME=1", "PATH=" + system}, []string{"STEAM_RUNTIME=1", "PATH=" + system}},
		"the terminal of a snap": {
			[]string{
				"SNAP=" + snap, "PATH=" + list(filepath.Join(snap, "bin"), system), "GTK_EXE_PREFIX=" + filepath.Join(snap, "usr"),
				"GTK_PATH=" + filepath.Join(snap, "gtk-3.0"), "GTK_PATH_VSCODE_SNAP_ORIG=",
				"GIO_MODULE_DIR=" + filepath.Join(dir, "common", "gio-modules"), "GIO_MODULE_DIR_VSCODE_SNAP_ORIG=",
				"XDG_DATA_DIRS=" + filepath.Join(snap, "share"), "XDG_DATA_DIRS_VSCODE_SNAP_ORIG=" + system,
			},
			[]string{
				"PATH=" + system, "XDG_DATA_DIRS=" + system,
				"GTK_PATH_VSCODE_SNAP_ORIG=", "GIO_MODULE_DIR_VSCODE_SNAP_ORIG=", "XDG_DATA_DIRS_VSCODE_SNAP_ORIG=" + system,
			},
		},
		"Electron": {
			[]string{"XDG_CURRENT_DESKTOP=Unity", "ORIGINAL_XDG_CURRENT_DESKTOP=sway"},
			[]string{"XDG_CURRENT_DESKTOP=sway", "ORIGINAL_XDG_CURRENT_DESKTOP=sway"},
		},
		"PyInstaller": {
			[]string{"LD_LIBRARY_PATH=/tmp/_MEI1", "LD_LIBRARY_PATH_ORIG=" + system},
			[]string{"LD_LIBRARY_PATH=" + system, "LD_LIBRARY_PATH_ORIG=" + system},
		},
	} {
		got := browserEnv(test.env)
		assert.ElementsMatch(t, test.want, got, name)
	}
	env := []string{"LD_PRELOAD=x", "A=b"}
	browserEnv(env)
	assert.True(t, slices.Equal(env, []string{"LD_PRELOAD=x", "A=b"}), "the caller's stays as it is")
}
