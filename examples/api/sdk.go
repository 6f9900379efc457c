package main

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/passport-go/passport"
)

var (
	//go:embed package.json
	packageJSON []byte

	//go:embed package-lock.json
	packageLock []byte // pins every byte of what is installed
)

// installTime bounds an installation.
const installTime = 5 * time.Minute

// sdkConfig is what the JavaScript SDK is told. For the real auth domain leave out the
// overrides, which the SDK takes all or none of, and put in your key from Hub.
func sdkConfig(c passport.Config, app string) map[string]any {
	overrides := map[string]string{
		"authenticationDomain":   c.AuthDomain,
		"magicPublishableApiKey": "none",
		"magicProviderId":        "none",
	}
	for _, name := range []string{
		"passportDomain", "zkEvmRpcUrl", "relayerUrl", "indexerMrBasePath", "orderBookMrBasePath", "passportMrBasePath",
	} {
		overrides[name] = c.AuthDomain
	}
	return map[string]any{
		"baseConfig":        map[string]string{"environment": "sandbox", "publishableKey": "pk_imapik-test-example"},
		"clientId":          c.ClientID,
		"redirectUri":       app + "/redirect",
		"logoutRedirectUri": app + "/",
		"logoutMode":        "redirect",
		"audience":          "platform_api",
		"scope":             "openid offline_access email transact",
		"overrides":         overrides,
	}
}

// bundle returns the JavaScript SDK as one script, which sets window.Passport.
func bundle(ctx context.Context) ([]byte, error) {
	dir, err := install(ctx)
	if err != nil {
		return nil, fmt.Errorf("the JavaScript SDK cannot be installed: %w", err)
	}
	result := api.Build(api.BuildOptions{
		Stdin: &api.StdinOptions{
			Contents:   `import { Passport } from "@imtbl/passport"; window.Passport = Passport;`,
			ResolveDir: dir,
		},
		Bundle:   true,
		Format:   api.FormatIIFE,
		Platform: api.PlatformBrowser,
		Define:   map[string]string{"global": "globalThis", "process.env.NODE_ENV": `"production"`},
	})
	if len(result.Errors) > 0 {
		return nil, fmt.Errorf("the JavaScript SDK cannot be bundled: %s", result.Errors[0].Text)
	}
	return result.OutputFiles[0].Contents, nil
}

// install returns a directory in the user's cache that holds what package-lock.json
// pins. No package's install script is run.
func install(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(packageLock)
	dir := filepath.Join(cache, "passport-example-api", hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", fmt.Errorf("npm is missing: on Debian, apt-get install npm: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return "", err
	}
	// Beside it, and renamed when it is whole.
	unfinished, err := os.MkdirTemp(filepath.Dir(dir), "unfinished-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(unfinished)
	err = errors.Join(
		os.WriteFile(filepath.Join(unfinished, "package.json"), packageJSON, 0o600),
		os.WriteFile(filepath.Join(unfinished, "package-lock.json"), packageLock, 0o600),
	)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, installTime)
	defer cancel()
	command := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	command.Dir = unfinished
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm needs its registry the first time: %w\n%s", err, out)
	}
	if err := os.Rename(unfinished, dir); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	return dir, nil
}
