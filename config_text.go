package passport

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/passport-go/passport/internal/textconfig"
)

// ConfigFromEnv reads a Config from the environment. Each field that text can
// express has a variable: PASSPORT_ and the name in its json tag in upper case,
// such as PASSPORT_CLIENT_ID. See docs/configuration.md for the table.
//
//   - Durations have a unit: 90s, 15m, 1h30m, 30d. "off" disables a duration that
//     may be off.
//   - Lists are separated by commas or white space, maps are name=value,...
//   - A secret may be in a file: PASSPORT_CLIENT_SECRET_FILE and
//     PASSPORT_ENCRYPTION_KEYS_FILE name one. Keys are base64, the newest first.
//
// White space around a value is ignored. If a variable is empty or unset, its field
// keeps the default. The error names each variable that cannot be parsed; [New]
// checks everything else.
func ConfigFromEnv() (Config, error) {
	var c Config
	if err := textconfig.FromEnv(&c, "PASSPORT_", os.Getenv); err != nil {
		return Config{}, fmt.Errorf("passport: the configuration in the environment: %w", err)
	}
	return c, nil
}

// UnmarshalJSON reads a Config from a JSON object, whose keys are the names in the
// json tags of the fields. Values are written as for [ConfigFromEnv]; lists and
// maps may be JSON's. An unknown key is an error. Fields that are not in the object
// keep their value.
func (c *Config) UnmarshalJSON(data []byte) error {
	if err := textconfig.FromJSON(c, data); err != nil {
		return fmt.Errorf("passport: the configuration in JSON: %w", err)
	}
	return nil
}

// UnmarshalYAML is UnmarshalJSON for the YAML packages of go.yaml.in and
// goccy/go-yaml, which both look for this method.
func (c *Config) UnmarshalYAML(unmarshal func(any) error) error {
	var given map[string]any
	if err := unmarshal(&given); err != nil {
		return fmt.Errorf("passport: the configuration in YAML is not a mapping: %w", err)
	}
	if err := textconfig.FromMap(c, given); err != nil {
		return fmt.Errorf("passport: the configuration in YAML: %w", err)
	}
	return nil
}

// MarshalJSON writes what UnmarshalJSON reads, without ClientSecret and
// EncryptionKeys.
func (c Config) MarshalJSON() ([]byte, error) { return json.Marshal(textconfig.ToMap(c)) }

// MarshalYAML is MarshalJSON for YAML.
func (c Config) MarshalYAML() (any, error) { return textconfig.ToMap(c), nil }
